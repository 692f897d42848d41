"""Thresholds that hold: fitted on validation, compared by what they give on examples they were not fitted on."""

from collections.abc import Callable

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import RepeatedKFold

Method = Callable[[np.ndarray, np.ndarray], np.ndarray]

# Thresholds that one is chosen from for all labels together.
GRID = np.linspace(0.01, 0.99, 99)
# A label with so many positives keeps half of its own threshold, see `fit_shrunk`.
SHRINK_POSITIVES = 20.0
# No label is predicted for more than so many times as many rows as have it, and one more. Where nothing tells a rare
# label apart, F1 is highest, and next to nothing, if every text gets it.
MOST_PREDICTED = 4.0


def macro_f1(targets: np.ndarray, predicted: np.ndarray) -> float:
    """Mean of the labels' F1, 0 for a label that neither occurs nor is predicted.

    Args:
        targets: 0/1 `(rows, num_labels)`.
        predicted: Booleans of the same shape.
    """
    # A single column would be taken for two classes.
    columns = {"labels": [1]} if targets.shape[1] == 1 else {}
    return float(
        f1_score(targets.astype(np.int8), predicted.astype(np.int8), average="macro", zero_division=0, **columns)
    )


def fit_own(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Each label's own best threshold, which fits chance too where a label has few examples.

    Args:
        probabilities: `(rows, num_labels)`.
        targets: 0/1 `(rows, num_labels)`.

    Returns:
        `(num_labels,)`; 0.5 for a label without an example.
    """
    return np.array([_best(p, t) if t.any() else 0.5 for p, t in zip(probabilities.T, targets.T, strict=True)])


def fit_shrunk(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Each label's best threshold, drawn towards the one that is best for all labels; the rarer the label the more.

    Mixed in log-odds, the common one with a share of `SHRINK_POSITIVES / (SHRINK_POSITIVES + positives)`.

    Args:
        probabilities: `(rows, num_labels)`.
        targets: 0/1 `(rows, num_labels)`.

    Returns:
        `(num_labels,)`.
    """
    positives = targets.sum(axis=0, dtype=np.float64)
    share = SHRINK_POSITIVES / (SHRINK_POSITIVES + positives)
    own_logits = logit(np.clip(fit_own(probabilities, targets), 1e-6, 1 - 1e-6))
    mixed = expit((1 - share) * own_logits + share * logit(_best_for_all(probabilities, targets)))
    ranked = -np.sort(-probabilities, axis=0)
    last = np.minimum(_most_predicted(positives), len(ranked)) - 1
    return np.where(positives > 0, np.maximum(mixed, ranked[last, np.arange(len(positives))]), mixed)


def fit_calibrated(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Each label's best threshold, where a row counts as its calibrated probability (Platt, 1999), not its outcome.

    Args:
        probabilities: `(rows, num_labels)`.
        targets: 0/1 `(rows, num_labels)`.

    Returns:
        `(num_labels,)`; 0.5 for a label without an example.
    """
    logits = logit(np.clip(probabilities, 1e-7, 1 - 1e-7))
    thresholds = np.full(targets.shape[1], 0.5)
    for label in np.flatnonzero(targets.any(axis=0)).tolist():
        outcomes, x = targets[:, label] > 0.5, logits[:, [label]]
        calibrated = np.ones(len(x)) if outcomes.all() else LogisticRegression().fit(x, outcomes).predict_proba(x)[:, 1]
        thresholds[label] = _best(probabilities[:, label], calibrated)
    return thresholds


def fit_averaged(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The mean, in log-odds, of `fit_calibrated`'s and `fit_shrunk`'s thresholds, each of which errs in its own way.

    Args:
        probabilities: `(rows, num_labels)`.
        targets: 0/1 `(rows, num_labels)`.

    Returns:
        `(num_labels,)`; 0.5 for a label without an example.
    """
    both = np.clip([fit(probabilities, targets) for fit in (fit_calibrated, fit_shrunk)], 1e-6, 1 - 1e-6)
    return np.where(targets.any(axis=0), expit(logit(both).mean(axis=0)), 0.5)


def _best(scores: np.ndarray, outcomes: np.ndarray) -> float:
    """The threshold with the highest F1 for one label, half-way between two scores, the highest of equally good ones.

    Args:
        scores: `(rows,)`.
        outcomes: What each row is worth as a positive, 0 to 1, `(rows,)`.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order].astype(np.float64), np.cumsum(outcomes[order], dtype=np.float64)
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + hits[-1])
    f1[_most_predicted(hits[-1]) :] = -1
    # Between equal scores no threshold can cut.
    f1[:-1][ranked[:-1] == ranked[1:]] = -1
    cut = int(f1.argmax())
    above, below = ranked[cut], ranked[min(cut + 1, len(ranked) - 1)]
    middle = (above + below) / 2
    # Between neighbouring floats there is no middle: rounded down to the lower score, it would include that one too.
    return float(middle if middle > below else above)


def _most_predicted(positives: np.ndarray) -> np.ndarray:
    """Number of rows that a label may be predicted for, from the number that have it, of any shape."""
    return (MOST_PREDICTED * (positives + 1)).astype(int)


def _best_for_all(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The threshold of `GRID` with the highest macro-F1 of all labels (scikit-learn's would take 18 ms each time)."""
    positives = targets.sum(axis=0)

    def score(threshold: float) -> float:
        predicted = probabilities >= threshold
        hits = (predicted * targets).sum(axis=0)
        return float((2 * hits / np.maximum(positives + predicted.sum(axis=0), 1)).mean())

    return float(max(GRID, key=score))


# `benchmarks.thresholds` compares them: the first wins with a thousand rows and more, the second with fewer.
METHODS: dict[str, Method] = {"averaged": fit_averaged, "shrunk": fit_shrunk}


def cross_validated(
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
        The mean score; the predicted labels of both halves are pooled before F1 is computed. 0 for a single row.
    """
    if len(targets) < 2:
        return 0.0
    scores = []
    predicted = np.zeros(targets.shape, dtype=bool)
    halves = RepeatedKFold(n_splits=2, n_repeats=repeats, random_state=seed).split(probabilities)
    for number, (fit_on, apply_to) in enumerate(halves):
        predicted[apply_to] = probabilities[apply_to] >= method(probabilities[fit_on], targets[fit_on])
        if number % 2:
            scores.append(macro_f1(targets, predicted))
    return float(np.mean(scores))


def choose_thresholds(
    probabilities: np.ndarray, targets: np.ndarray, held_out: np.ndarray | None = None
) -> tuple[np.ndarray, dict]:
    """Fit thresholds by the method that does best on rows it was not fitted on.

    Args:
        probabilities: Of validation, `(rows, num_labels)`.
        targets: 0/1 `(rows, num_labels)`.
        held_out: What the methods are compared on in place of `probabilities`, see `training.evaluation.calibrate`.

    Returns:
        Thresholds `(num_labels,)`, and `{"method": name, "cross_fitted": {name: cross-validated macro-F1}}`.
    """
    compared = probabilities if held_out is None else held_out
    scores = {name: cross_validated(compared, targets, method) for name, method in METHODS.items()}
    best = max(scores, key=scores.__getitem__)
    return METHODS[best](probabilities, targets), {"method": best, "cross_fitted": scores}
