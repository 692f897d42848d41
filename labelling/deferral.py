"""Which texts a cheap model labels by itself, and which it defers to the large one: its margin decides."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit

from fusion_model.file_modes import check_readable
from fusion_model.predictions import LabelConfig
from fusion_model.texts import Text, joined

from .model import ModelFacts, find_model

COMMAND = "python -m labelling.cascade"
# Characters of about 128 tokens, at which most backbones cut a text, and of the two special tokens that each has.
MOST_CHARACTERS, OWN_CHARACTERS = 512, 8


@dataclass(frozen=True)
class Cascade:
    """A cheap model, and from which margin on its labels stand.

    Args:
        cheap: Which model.
        margin: Least margin, see `margins`; texts below are deferred to the large model.
        label_counts: How often each label occurs where the margin was chosen.
    """

    cheap: ModelFacts
    margin: float
    label_counts: list[int]

    def describe(self) -> dict[str, Any]:
        """What a later run must find unchanged."""
        facts = {name: value for name, value in self.cheap.describe().items() if name != "labels"}
        return {**facts, "margin": self.margin, "label_counts": self.label_counts}


def work_of(texts: Sequence[Text]) -> np.ndarray:
    """About how much a backbone has to read, in characters `(rows,)`: no more than it takes, and signs of its own."""
    return np.array([min(len(joined(text)), MOST_CHARACTERS) + OWN_CHARACTERS for text in texts], np.float64)


def margins(texts: Sequence[Text], logits: np.ndarray, config: LabelConfig, label_counts: list[int]) -> np.ndarray:
    """How well the time is saved that the large model would need for a text: the larger, the better.

    A label's distance is the change of its log-odds that would change the prediction: to its threshold, or, where a
    text has one label, to the best of the others. The sum of `sigmoid(-2 * distance) / count` over the labels stands
    for what mistakes would cost macro-F1, which a rare label's cost more. The margin is the logarithm of the text's
    work, see `work_of`, over that sum.

    Args:
        texts: Any number.
        logits: What the cheap model says of them, over the temperature, `(rows, num_labels)`.
        config: The cheap model's, with its thresholds.
        label_counts: How often each label occurs in labelled texts; 0 counts as 1.

    Returns:
        Float64 `(rows,)`.
    """
    logits = logits.astype(np.float64)
    if config.problem_type == "multi_label_classification":
        bounds = logit(np.asarray(config.thresholds or [0.5] * logits.shape[1], np.float64))
    else:
        second, best = np.sort(logits, axis=1)[:, -2:].T[:, :, None]
        bounds = np.where(logits < best, best, second)
    costs = expit(-2 * np.abs(logits - bounds)) / np.maximum(label_counts, 1)
    return np.log(work_of(texts)) - np.log(np.maximum(costs.sum(axis=1), np.finfo(np.float64).tiny))


def read_cascade(file: Path, model: ModelFacts) -> Cascade:
    """Read what `python -m labelling.cascade` wrote for a model.

    Args:
        file: That file.
        model: The large model.

    Raises:
        ValueError: it is no such file, or one of the two models is another than the margin was chosen for.
        OSError: the file or the cheap model cannot be read.
    """
    check_readable(file)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        large, described, source = content["model"], content["cheap"], content["cheap_source"]
        margin, label_counts = float(content["margin"]), [int(count) for count in content["label_counts"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"'{file}' cannot be read ({error!r:.100}): expected what `{COMMAND}` writes.") from None
    cheap = find_model(source)
    for found, now, flag in ((large, model, "--model"), (described, cheap, "--cheap")):
        if any(found.get(name) != value for name, value in now.describe().items() if name != "name"):
            raise ValueError(
                f"The margin in '{file}' was chosen for other files than those of the model '{now.name}' today. Choose "
                f"it again: `{COMMAND} --model {model.name} --cheap {source} --dataset DATA` ({flag} has changed)."
            )
    return Cascade(cheap, margin, label_counts)


__all__ = ["COMMAND", "Cascade", "margins", "read_cascade", "work_of"]
