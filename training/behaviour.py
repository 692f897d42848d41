"""Behavioural tests (CheckList: Ribeiro et al., ACL 2020): do scores move where a few words change what is meant?

`behaviour.csv` holds pairs of texts in ten kinds. From a pair's first text to its second, the score of one label has to
rise, or fall, by a factor.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from fusion_model import FusionForSequenceClassification
from fusion_model.predictions import probabilities

PAIRS = Path(__file__).with_suffix(".csv")
FACTOR = 2.0


@dataclass(frozen=True)
class Pair:
    """Two texts, and how the score of a label moves from the first to the second."""

    kind: str
    first: str
    second: str
    label: str
    direction: Literal["up", "down"]

    def passes(self, first_score: float, second_score: float, factor: float) -> bool:
        """Whether the score moves by the factor or more in the right direction; scores are from 0 to 1."""
        low, high = (first_score, second_score) if self.direction == "up" else (second_score, first_score)
        return high >= factor * low


def read_pairs(file: Path = PAIRS) -> list[Pair]:
    """Read the pairs of a CSV file with the columns of `Pair`."""
    with file.open(encoding="utf-8", newline="") as opened:
        return [Pair(**row) for row in csv.DictReader(opened, strict=True)]  # type: ignore[arg-type]


def score_pairs(model: FusionForSequenceClassification, pairs: Sequence[Pair]) -> np.ndarray:
    """Score both texts of each pair.

    Args:
        model: Its labels include those of the pairs.
        pairs: At least one.

    Returns:
        Probabilities of each pair's label in its first and its second text, `(pairs, 2)`.
    """
    texts = [text for pair in pairs for text in (pair.first, pair.second)]
    scores = probabilities(model.logits(texts).numpy(), model.config.thresholds is not None)
    names = label_names(model)
    columns = np.array([names.index(pair.label) for pair in pairs])
    return scores.reshape(len(pairs), 2, -1)[np.arange(len(pairs)), :, columns]


def label_names(model: FusionForSequenceClassification) -> list[str]:
    """A model's labels in their order."""
    return [name for _, name in sorted((model.config.id2label or {}).items())]


def count_passed(outcomes: Iterable[tuple[str, bool]]) -> dict[str, dict[str, int]]:
    """Count by kind.

    Args:
        outcomes: A pair's kind, and whether the model passed it.

    Returns:
        For each kind, and for `all` of them, the number of `pairs` and how many were `passed`.
    """
    found: dict[str, list[bool]] = defaultdict(list)
    for kind, passed in outcomes:
        found[kind].append(passed)
    found["all"] = [passed for kind in found.values() for passed in kind]
    return {kind: {"pairs": len(passed), "passed": sum(passed)} for kind, passed in found.items()}


def pass_rates(model: FusionForSequenceClassification) -> dict | None:
    """Run every pair through a model: what metrics.json holds under `behaviour`.

    Args:
        model: As it is served.

    Returns:
        `factor`, and `kinds` as `count_passed` gives them; None where the model lacks one of the pairs' labels or was
        trained on pairs of texts.
    """
    pairs = read_pairs()
    if model.config.text_columns or not {pair.label for pair in pairs} <= {*label_names(model)}:
        return None
    scores = score_pairs(model, pairs)
    outcomes = [
        (pair.kind, pair.passes(first, second, FACTOR))
        for pair, (first, second) in zip(pairs, scores.tolist(), strict=True)
    ]
    return {"factor": FACTOR, "kinds": count_passed(outcomes)}


__all__ = ["FACTOR", "Pair", "count_passed", "label_names", "pass_rates", "read_pairs", "score_pairs"]
