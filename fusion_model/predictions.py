"""From logits to what a person reads: probabilities and predicted labels, without torch.

An export carries this file as it is, so it imports the standard library and numpy alone.
"""

from typing import Any, Protocol

import numpy as np

# The labels that the model predicts, by each one's threshold; models published before 0.2 say "decided".
PREDICTED = ("predicted", "decided")


class LabelConfig(Protocol):
    """What a config says of labels."""

    problem_type: Any
    thresholds: Any
    id2label: Any


def probabilities(logits: np.ndarray, multi_label: bool) -> np.ndarray:
    """Sigmoid for several labels per text, softmax for one: `(rows, num_labels)` to the same shape and dtype."""
    if multi_label:
        small = np.exp(-np.abs(logits))  # never overflows
        return np.where(logits >= 0, 1 / (1 + small), small / (1 + small))
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def check_choice(top_k: int | str | None, threshold: float | None) -> None:
    """Make sure that the parameters of `rank` are in range.

    Raises:
        ValueError: one is not.
    """
    if not (top_k is None or top_k in PREDICTED or (type(top_k) is int and top_k >= 1)):
        raise ValueError(f"top_k is {top_k!r}: expected a number of labels from 1 on, None for all, or 'predicted'.")
    is_number = isinstance(threshold, (int, float)) and not isinstance(threshold, bool)
    if threshold is not None and not (is_number and 0 <= threshold <= 1):
        raise ValueError(f"threshold is {threshold!r}: expected a probability from 0 to 1.")


def rank(scores: Any, config: LabelConfig, top_k: int | str | None, threshold: float | None = None) -> list[dict]:
    """Labels and scores of one text, highest score first.

    Args:
        scores: Probabilities `(num_labels,)`, a tensor or an array.
        config: Gives label names and thresholds.
        top_k: A number of labels, None for all of them, or "predicted" for those the model predicts: every label
            that reaches its own threshold (possibly none), or the best one of a single-label model.
        threshold: Used in place of the labels' own thresholds; with it, `top_k` only limits the number.

    Returns:
        List of `{"label": str, "score": float}`.

    Raises:
        ValueError: `top_k` or `threshold` is out of range.
    """
    check_choice(top_k, threshold)
    values, names = scores.tolist(), config.id2label  # a config's attributes are slow to read
    order = sorted(range(len(values)), key=values.__getitem__, reverse=True)
    if threshold is not None:
        order = [label for label in order if values[label] >= threshold]
    elif top_k in PREDICTED and config.problem_type == "multi_label_classification":
        own = config.thresholds or [0.5] * len(values)
        order = [label for label in order if values[label] >= own[label]]
    elif top_k in PREDICTED:
        order = order[:1]
    if isinstance(top_k, int):
        order = order[:top_k]
    return [{"label": names[label], "score": values[label]} for label in order]


__all__ = ["LabelConfig", "check_choice", "probabilities", "rank"]
