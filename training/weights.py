"""How much each part of a model has to say: weights fitted on validation, which no part was trained on."""

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from scipy.optimize import minimize
from sklearn.model_selection import KFold

from fusion_model import FusionForSequenceClassification
from fusion_model.head import FineTunedHead

from .calibration import negative_log_likelihood, to_probabilities

HEADS, LEXICAL = "heads", "lexical"
# The heads keep a say, as the others' weights are relative to theirs.
LEAST, MOST = 0.02, 20.0
FOLDS = 5


def fit_weights(parts: Mapping[str, np.ndarray], labels: np.ndarray) -> dict[str, float]:
    """The non-negative weights of the parts' logits with the lowest negative log-likelihood of their sum.

    Args:
        parts: Logits `(rows, num_labels)` by the parts' names; the first is what the others are compared with.
        labels: Class ids `(rows,)`, or 0/1 `(rows, num_labels)`.

    Returns:
        A weight for each name, 1 for the first, and before all the same division by a temperature.
    """
    stacked = np.stack([logits.astype(np.float64) for logits in parts.values()])
    targets = labels if labels.ndim == 2 else np.eye(stacked.shape[2])[labels]
    count = targets.size if labels.ndim == 2 else len(labels)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = np.tensordot(weights, stacked, axes=1)
        wrong = to_probabilities(logits, labels.ndim == 2) - targets
        return negative_log_likelihood(logits, labels), np.tensordot(stacked, wrong, axes=2) / count

    bounds = [(LEAST, MOST), *[(0.0, MOST)] * (len(stacked) - 1)]
    start = np.full(len(stacked), 1 / len(stacked))
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return {name: float(weight / found[0]) for name, weight in zip(parts, found, strict=True)}


def held_out_logits(parts: Mapping[str, np.ndarray], labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """The weighted sum, with weights for each fold of the rows that were fitted on the others; all 1 for a single row.

    Args:
        parts: As `fit_weights` takes them.
        labels: As `fit_weights` takes them.
        seed: Of the folds.

    Returns:
        `(rows, num_labels)`.
    """
    first = next(iter(parts.values()))
    if len(first) < 2:  # no other row to fit on
        return sum(parts.values(), np.zeros(first.shape))
    result = np.zeros(first.shape)
    for fit_on, apply_to in KFold(min(FOLDS, len(first)), shuffle=True, random_state=seed).split(first):
        weights = fit_weights({name: logits[fit_on] for name, logits in parts.items()}, labels[fit_on])
        result[apply_to] = sum(weight * parts[name][apply_to] for name, weight in weights.items())
    return result


@torch.no_grad()
def apply_weights(model: FusionForSequenceClassification, weights: Mapping[str, float]) -> None:
    """Give a model's parts their weights; those of fine-tuned backbones go into their last layers.

    Args:
        model: A trained model, as its parts were when the weights were fitted.
        weights: From `fit_weights`.
    """
    alone = 1 if HEADS in weights else len(model.tuned_heads)  # without heads they are averaged
    for name, head in model.tuned_heads.items():
        layer = cast(FineTunedHead, head).classifier
        for parameter in (layer.weight, layer.bias):
            parameter.mul_(weights[name] * alone)
    model.config.tuned_weight = 1.0
    if LEXICAL in weights:
        model.config.lexical_weight = weights[LEXICAL]
