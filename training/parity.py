"""What was measured is what is served: a written model that was loaded afresh scores raw texts as training did."""

import numpy as np
from datasets import Dataset

from extraction.splits import texts_of
from fusion_model import FusionForSequenceClassification

PARITY_TEXTS = 64
# Largest difference of a logit. On a CPU texts of one length share a batch, so that nothing should differ at all; a GPU
# pads, and a text's features then change with its neighbours: padded batches of 64 texts (on a CPU, for want of a GPU)
# moved the logits of `minilm` by up to 0.006 in float32 and 0.07 in bfloat16. Another dtype moved them by 0.15.
TOLERANCES = {
    "cpu": {"float32": 1e-3, "bfloat16": 0.02, "float16": 0.02},
    "cuda": {"float32": 0.02, "bfloat16": 0.25, "float16": 0.1},
}


class ParityError(ValueError):
    """A written model gives other scores than those that its metrics were taken of."""


def check_parity(model: FusionForSequenceClassification, split: Dataset, logits: np.ndarray) -> dict:
    """Score raw texts with a model that was loaded from its folder, and compare.

    Args:
        model: From what `write_model` wrote, on the device where its features were computed.
        split: The validation split, with the column `text`.
        logits: Behind its metrics, before the temperature, `(rows, num_labels)`.

    Returns:
        `texts`, `max_difference` of their logits before the temperature, and `tolerance`.

    Raises:
        ParityError: the difference is above the tolerance.
    """
    rows = np.unique(np.linspace(0, len(split) - 1, min(PARITY_TEXTS, len(split))).astype(int))
    served = model.logits(texts_of(split.select(rows))).numpy() * model.config.temperature
    difference = float(np.abs(served - logits[rows]).max())
    tolerances = TOLERANCES["cpu" if model.device.type == "cpu" else "cuda"]
    tolerance = max(
        (tolerances[one.resolved_dtype or "float32"] for one in model.config.backbones), default=tolerances["float32"]
    )
    if not difference <= tolerance:
        raise ParityError(
            f"The model in {model.name_or_path} was loaded again, and its logits of {len(rows)} validation texts "
            f"differ by up to {difference:.3g} from those of its metrics (at most {tolerance:g} is expected). `python "
            "-m fusion_model.explain_score` shows where a score comes from; train again with an empty --cache_dir."
        )
    return {"texts": len(rows), "max_difference": difference, "tolerance": tolerance}
