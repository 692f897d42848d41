"""From logits to what a person reads: probabilities, decisions, sorted labels. Shared by `predict` and the pipeline."""

import torch

from .configuration_fusion import FusionConfig
from .ranking import check_choice, check_texts, rank


def probabilities(logits: torch.Tensor, config: FusionConfig) -> torch.Tensor:
    """Sigmoid for several labels a text, softmax for one. `(batch, num_labels)` -> `(batch, num_labels)`."""
    logits = logits.float()
    return logits.sigmoid() if config.problem_type == "multi_label_classification" else logits.softmax(dim=-1)


__all__ = ["check_choice", "check_texts", "probabilities", "rank"]
