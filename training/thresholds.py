"""Thresholds that hold: fitted on validation, compared by what they give on examples they were not fitted on."""

from collections.abc import Callable

import numpy as np
from scipy.special import expit, logit

Method = Callable[[np.ndarray, np.ndarray], np.ndarray]


def macro_f1(targets: np.ndarray, decisions: np.ndarray) -> float:
    """Mean over labels of `2 tp / (positives + asserted)`, 0 for a label that neither occurs nor is asserted.

    Args:
        targets: 0/1 `(rows, num_labels)`.
        decisions: Booleans of the same shape.
    """
    hits = (targets * decisions).sum(axis=0)
    return float(np.mean(2 * hits / np.maximum(targets.sum(axis=0) + decisions.sum(axis=0), 1)))


def _best(scores: np.ndarray, weights: np.ndarray) -> float:
    """The threshold with the highest F1 for one label, half-way between two scores, as `>=` decides.

    Of equally good ones it is the highest.

    Args:
        scores: `(rows,)`.
        weights: What each row is worth as a positive, 0 to 1, `(rows,)`.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order].astype(np.float64), np.cumsum(weights[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + hits[-1])
    # Between equal scores no threshold can cut.
    f1[:-1][ranked[:-1] == ranked[1:]] = -1
    cut = int(f1.argmax())
    above, below = ranked[cut], ranked[min(cut + 1, len(ranked) - 1)]
    middle = (above + below) / 2
    # Between neighbouring floats there is no middle: rounded down to the lower score, it would assert that one too.
    return float(middle if middle > below else above)


def _calibrated(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Platt scaling of all labels at once (Platt, 1999): what each probability turned out to be worth.

    Newton's method on `sigmoid(a x + b)` with a weak prior at a = 1, b = 0, where scikit-learn would need a fit a
    label: thresholds are fitted a hundred times when methods are compared.

    Args:
        scores: Probabilities `(rows, num_labels)`.
        targets: 0/1 `(rows, num_labels)`.

    Returns:
        Calibrated probabilities of the same shape.
    """
    x = logit(np.clip(scores, 1e-7, 1 - 1e-7))
    slope, shift = np.ones(x.shape[1]), np.zeros(x.shape[1])
    for _ in range(30):
        p = expit(slope * x + shift)
        residual, curvature = p - targets, p * (1 - p)
        gradient = (residual * x).sum(axis=0) + (slope - 1), residual.sum(axis=0) + 0.1 * shift
        a, b, c = (curvature * x * x).sum(axis=0) + 1, (curvature * x).sum(axis=0), curvature.sum(axis=0) + 0.1
        determinant = a * c - b * b
        steps = (c * gradient[0] - b * gradient[1]) / determinant, (a * gradient[1] - b * gradient[0]) / determinant
        slope, shift = slope - np.clip(steps[0], -1, 1), shift - np.clip(steps[1], -1, 1)
        if max(np.abs(steps[0]).max(), np.abs(steps[1]).max()) < 1e-4:
            break
    return expit(slope * x + shift)


def _fit(probabilities: np.ndarray, targets: np.ndarray, calibrated_share: float) -> np.ndarray:
    """A threshold a label, on outcomes mixed with calibrated probabilities in their place."""
    outcomes = targets.astype(np.float64)
    if calibrated_share:
        outcomes = (1 - calibrated_share) * outcomes + calibrated_share * _calibrated(probabilities, outcomes)
    # A label without an example has nothing to be fitted to.
    return np.array(
        [
            _best(probabilities[:, label], outcomes[:, label]) if targets[:, label].any() else 0.5
            for label in range(targets.shape[1])
        ]
    )


def fit_per_label(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Each label's own best threshold. Overfits labels with a dozen examples.

    Args:
        probabilities: `(rows, num_labels)`.
        targets: 0/1 `(rows, num_labels)`.

    Returns:
        `(num_labels,)`.
    """
    return _fit(probabilities, targets, calibrated_share=0.0)


def fit_softened(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """As `fit_per_label`, each outcome replaced by the mean of itself and its calibrated probability."""
    return _fit(probabilities, targets, calibrated_share=0.5)


def fit_calibrated(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """As `fit_per_label`, on calibrated probabilities alone: the expected F1 is maximised."""
    return _fit(probabilities, targets, calibrated_share=1.0)


def fit_global(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """One threshold for all labels, the one with the best macro-F1 of 99."""
    grid = np.linspace(0.01, 0.99, 99)
    best = max(grid, key=lambda threshold: macro_f1(targets, probabilities >= threshold))
    return np.full(probabilities.shape[1], best)


def fit_shrunk(probabilities: np.ndarray, targets: np.ndarray, strength: float = 20.0) -> np.ndarray:
    """`fit_per_label` drawn towards `fit_global`, in log-odds, by `strength / (strength + positives)`."""
    own = logit(np.clip(fit_per_label(probabilities, targets), 1e-6, 1 - 1e-6))
    common = logit(fit_global(probabilities, targets))
    share = strength / (strength + targets.sum(axis=0))
    return expit((1 - share) * own + share * common)


METHODS: dict[str, Method] = {
    "per_label": fit_per_label,
    "softened": fit_softened,
    "calibrated": fit_calibrated,
    "shrunk": fit_shrunk,
    "global": fit_global,
}


def cross_fitted(
    probabilities: np.ndarray, targets: np.ndarray, method: Method, repeats: int = 6, seed: int = 0
) -> float:
    """Macro-F1 with thresholds fitted on one random half of the rows and applied to the other, and the reverse.

    Args:
        probabilities: `(rows, num_labels)`.
        targets: 0/1 `(rows, num_labels)`.
        method: One of `METHODS`.
        repeats: Random halvings that the score is averaged over.
        seed: Of the halvings.

    Returns:
        The mean score; the decisions of both halves are pooled before F1 is computed.
    """
    random = np.random.default_rng(seed)
    scores = []
    for _ in range(repeats):
        first, second = np.array_split(random.permutation(len(targets)), 2)
        decisions = np.zeros(targets.shape, dtype=bool)
        for fit_on, apply_to in ((first, second), (second, first)):
            decisions[apply_to] = probabilities[apply_to] >= method(probabilities[fit_on], targets[fit_on])
        scores.append(macro_f1(targets, decisions))
    return float(np.mean(scores))


def choose_thresholds(probabilities: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, dict]:
    """Fit thresholds by the method that does best on rows it was not fitted on.

    Args:
        probabilities: Of validation, `(rows, num_labels)`.
        targets: 0/1 `(rows, num_labels)`.

    Returns:
        Thresholds `(num_labels,)`, and `{"method": name, "cross_fitted": {name: macro-F1 of each method}}`.
    """
    scores = {name: cross_fitted(probabilities, targets, method) for name, method in METHODS.items()}
    best = max(scores, key=scores.__getitem__)
    return METHODS[best](probabilities, targets), {"method": best, "cross_fitted": scores}
