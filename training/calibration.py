"""Probabilities that mean what they say: one temperature, fitted on validation."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, log_softmax, softmax


def to_probabilities(logits: np.ndarray, multi_label: bool) -> np.ndarray:
    """Sigmoid for multi-label, softmax over the labels otherwise: `(rows, num_labels)` to the same shape."""
    return expit(logits) if multi_label else softmax(logits, axis=-1)


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean cross-entropy, in float64.

    Args:
        logits: `(rows, num_labels)`.
        labels: Class ids `(rows,)`; or 0/1 `(rows, num_labels)`, then the mean over labels too.
    """
    logits = logits.astype(np.float64)
    if labels.ndim == 2:
        return float(-(labels * log_expit(logits) + (1 - labels) * log_expit(-logits)).mean())
    return float(-log_softmax(logits, axis=-1)[np.arange(len(labels)), labels].mean())


def fit_temperature(logits: np.ndarray, labels: np.ndarray, cautious: bool = True) -> float:
    """The divisor of the logits with the lowest negative log-likelihood (Guo et al., ICML 2017, section 4.2).

    Args:
        logits: Of validation, `(rows, num_labels)`.
        labels: Class ids `(rows,)` or 0/1 `(rows, num_labels)`.
        cautious: Add one row with each label's frequency as its labels, as Platt (1999) adds one: few rows without a
            mistake prove little.

    Returns:
        A temperature from 0.05 to 20.

    Raises:
        FloatingPointError: a logit is not finite.
    """
    if not np.isfinite(logits).all():
        raise FloatingPointError(
            "The model gives logits that are not finite. Lower --learning_rate, or set --standardise true."
        )

    several = labels.ndim == 2
    frequency = (labels if several else np.eye(logits.shape[1])[labels]).mean(axis=0, dtype=np.float64)

    def loss(log_t: float) -> float:
        scaled = logits.astype(np.float64) / np.exp(log_t)
        right, wrong = (log_expit(scaled), log_expit(-scaled)) if several else (log_softmax(scaled, axis=-1), 0.0)
        one_more = frequency * right + (1 - frequency) * wrong
        one_more = one_more.mean() if several else one_more.sum(axis=1).mean()
        return negative_log_likelihood(scaled, labels) - cautious * float(one_more) / len(labels)

    found = minimize_scalar(
        loss,
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
    )
    return float(np.exp(found.x))
