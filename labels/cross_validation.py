"""What a model says of each text that was not fitted on it: linear models on narrow features and on words."""

import numpy as np
from scipy import sparse

from training.tfidf import fit_linear

from .material import Material

FOLDS = 5
# Of L-BFGS: later ones no longer change which labels are doubtful.
ITERATIONS = 40


def fit_predict(
    material: Material, targets: np.ndarray, train: np.ndarray, test: np.ndarray, several: bool
) -> np.ndarray:
    """Fit linear models on some rows and add up what they say of others.

    Args:
        material: Features.
        targets: `(rows, labels)`: 0/1 where `several`, else shares that add up to 1 in each row.
        train: Rows to fit on.
        test: Rows to predict.
        several: A sigmoid for each label, else one softmax over all.

    Returns:
        Logits, float32 `(test, labels)`.
    """
    total = np.zeros((len(test), targets.shape[1]), dtype=np.float32)
    for vectors in material.vectors:
        rows, others = vectors.rows[train], vectors.rows[test]
        if sparse.issparse(rows):
            used = np.unique(rows.indices)  # a term that no row to fit on has gets no weight
            rows, others = rows[:, used], others[:, used]
        weight, bias = fit_linear(rows, targets[train], vectors.c, several, iterations=ITERATIONS)
        logits = others @ weight + bias
        total += vectors.weight * (logits - logits.mean(axis=1, keepdims=True) if not several else logits)
    return total


def folds(groups: np.ndarray, given: np.ndarray, count: int = FOLDS, seed: int = 0) -> np.ndarray:
    """Divide rows into folds of about equal size in which each label has its share, and no text group is split.

    Args:
        groups: Number of each row's text group, `(rows,)`.
        given: 0/1 `(rows, num_labels)`; a group counts for the rarest label of its first row.
        count: Number of folds.
        seed: Of the order within a label.

    Returns:
        Number of each row's fold, `(rows,)`.
    """
    _, first, members = np.unique(groups, return_index=True, return_inverse=True)
    frequency = given.sum(axis=0)
    rarest = np.where(given[first] > 0, frequency, np.inf).argmin(axis=1)
    order = np.lexsort((np.random.default_rng(seed).random(len(first)), rarest))
    fold = np.empty(len(first), dtype=np.int64)
    fold[order] = np.arange(len(first)) % count
    return fold[members]


def shares(given: np.ndarray) -> np.ndarray:
    """Labels as shares of a row that add up to 1; rows without any get a label of their own, the last one.

    Args:
        given: 0/1 `(rows, num_labels)`.

    Returns:
        float32 `(rows, num_labels)`, or one column more if there are rows without labels.
    """
    none = given.sum(axis=1, keepdims=True) == 0
    extended = np.hstack([given, none]) if none.any() else given
    return (extended / extended.sum(axis=1, keepdims=True)).astype(np.float32)


def out_of_sample(material: Material, targets: np.ndarray, fold: np.ndarray, several: bool) -> np.ndarray:
    """Logits of each row by a model that was fitted on the other folds, float32 `(rows, labels)`."""
    logits = np.empty(targets.shape, dtype=np.float32)
    for number in np.unique(fold):
        test = fold == number
        logits[test] = fit_predict(material, targets, np.flatnonzero(~test), np.flatnonzero(test), several)
    return logits


__all__ = ["FOLDS", "fit_predict", "folds", "out_of_sample", "shares"]
