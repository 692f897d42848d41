"""What was measured is what is served: a written model is loaded afresh and scores raw texts as training did."""

from pathlib import Path

import numpy as np
from datasets import Dataset

from fusion_model import FusionForSequenceClassification

PARITY_TEXTS = 64
# Largest difference of a logit. On a CPU texts of one length share a batch, so that nothing should differ at all; a GPU
# pads, and in 16 bits a text's features then change with its neighbours.
TOLERANCES = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.05}


class ParityError(ValueError):
    """A written model gives other scores than those that its metrics were taken of."""


def check_parity(folder: Path, split: Dataset, logits: np.ndarray) -> dict:
    """Load a model folder, score raw texts with it, and compare.

    Args:
        folder: What `write_model` wrote.
        split: The validation split, with the column `text`.
        logits: Behind its metrics, before the temperature, `(rows, num_labels)`.

    Returns:
        `texts`, `max_difference` of their logits before the temperature, and `tolerance`.

    Raises:
        ParityError: the difference is above the tolerance.
    """
    model = FusionForSequenceClassification.from_pretrained(folder)
    rows = np.unique(np.linspace(0, len(split) - 1, min(PARITY_TEXTS, len(split))).astype(int))
    served = model.logits(split.select(rows)["text"][:]).numpy() * model.config.temperature
    difference = float(np.abs(served - logits[rows]).max())
    tolerance = max(TOLERANCES[one.resolved_dtype or "float32"] for one in model.config.backbones)
    if not difference <= tolerance:
        raise ParityError(
            f"The model in {folder} was loaded again, and its logits of {len(rows)} validation texts differ by up to "
            f"{difference:.3g} from those that its metrics were taken of (at most {tolerance:g} is expected). `python "
            "-m fusion_model.explain_score` shows where a score comes from; train again with an empty --cache_dir."
        )
    return {"texts": len(rows), "max_difference": difference, "tolerance": tolerance}
