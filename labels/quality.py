"""How far each given label can be trusted, from what models say that were not fitted on its row."""

from dataclasses import dataclass

import numpy as np
from cleanlab.count import compute_confident_joint
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from training.calibration import fit_temperature

# Labels that are mixed up stand for both: honest doubt, and mistakes. A mistake is taken to be so large a part of it.
MISTAKEN = 0.05
# No labels are taken to be better than that: of ten well-known test sets the mean is .03 (Northcutt et al., 2021).
LEAST_UNRELATED = 0.02
# 1 if the models' probabilities knew nothing of wrong labels, 2 if they allow for them fully.
ALLOWED_FOR = 1.5
# In place of minus infinity, for labels that are set aside; any temperature leaves it far below all logits.
ASIDE = -1e4


@dataclass
class GivenLabels:
    """Every label that a row was given, one after the other; a row without labels has one, "none of them".

    Args:
        rows: Row of each, `(pairs,)`.
        labels: The label, `(pairs,)`.
        probabilities: Of all labels, with the row's other given ones set aside, `(pairs, labels)`.
        scores: Chance that the label is right, 0 to 1, `(pairs,)`.
        better: The label that it is most likely to stand for, if it is wrong, `(pairs,)`.
        mixed_up: Estimated number of examples with the given label (row) that have the other one (column) in truth.
        unrelated: Estimated share of labels that have nothing to do with their text.
    """

    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    scores: np.ndarray
    better: np.ndarray
    mixed_up: np.ndarray
    unrelated: float

    def of_rows(self, count: int) -> np.ndarray:
        """Score of each row: the lowest of its labels', `(count,)`."""
        result = np.ones(count)
        np.minimum.at(result, self.rows, self.scores)
        return result


def score_labels(logits: np.ndarray, given: np.ndarray) -> GivenLabels:
    """Weigh two things against each other for each given label: that it is right, and how else it could have come.

    The ways in which a label is wrong are two. It has nothing to do with the text; how often that happens shows in how
    often a given label is among the least probable quarter. Or it was taken for another one; how often that happens
    tells the confident joint (Northcutt et al., 2021), of which a small part counts, as most of what is mixed up is
    honest doubt.

    Args:
        logits: Out of sample, `(rows, labels)`; the last column is "none of them" if there is one more than in `given`.
        given: 0/1 `(rows, num_labels)`.
    """
    if logits.shape[1] > given.shape[1]:
        given = np.hstack([given, given.sum(axis=1, keepdims=True) == 0])
    rows, labels = np.nonzero(given)
    pairs = np.arange(len(rows))
    alone = np.where(given[rows] > 0, ASIDE, logits[rows])
    alone[pairs, labels] = logits[rows, labels]
    probabilities = softmax(alone / fit_temperature(alone, labels, cautious=False), axis=1)
    own = probabilities[pairs, labels]
    unrelated = _unrelated(probabilities, own)
    mixed_up = _mixed_up(probabilities, labels)
    # For each true label (column), how often the label in a row was given in its place.
    slips = mixed_up / np.maximum(mixed_up.sum(axis=0), 1)
    np.fill_diagonal(slips, 0)
    others = MISTAKEN * probabilities * slips[labels]
    others += unrelated / max(given.shape[1] - 1, 1) * probabilities
    others[pairs, labels] = 0
    scores = own / np.maximum(own + ALLOWED_FOR * others.sum(axis=1), 1e-300)
    rest = probabilities.copy()
    rest[pairs, labels] = -1
    return GivenLabels(rows, labels, probabilities, scores, rest.argmax(axis=1), mixed_up, unrelated)


def _unrelated(probabilities: np.ndarray, own: np.ndarray) -> float:
    """Share of labels that might as well have been drawn by lot, of which a quarter is among the least probable."""
    count = probabilities.shape[1]
    least = max(1, count // 4)
    beaten_by = (probabilities > own[:, None]).sum(axis=1)
    share = (beaten_by >= count - least).mean() * count / least
    return float(np.clip(share, LEAST_UNRELATED, 1))


def _mixed_up(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The confident joint in numbers of examples, `(labels, labels)`; labels that nobody gave have zeros."""
    used = np.unique(labels)
    joint = np.zeros((probabilities.shape[1],) * 2)
    if len(used) > 1:
        known = probabilities[:, used]
        known = known / np.maximum(known.sum(axis=1, keepdims=True), 1e-300)
        joint[np.ix_(used, used)] = compute_confident_joint(np.searchsorted(used, labels), known, calibrate=True)
    return joint


def missing_labels(logits: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Chance that a label which was not given belongs to the row all the same, `(rows, num_labels)`; 0 where given.

    Args:
        logits: Out of sample, `(rows, num_labels)`.
        given: 0/1 of the same shape.
    """
    chance = np.zeros(given.shape)
    spread = logits - logits.max(axis=1, keepdims=True)
    for label in np.flatnonzero(given.any(axis=0) & ~given.all(axis=0)):
        column = spread[:, [label]]
        chance[:, label] = LogisticRegression().fit(column, given[:, label]).predict_proba(column)[:, 1]
    return np.where(given > 0, 0, chance)


__all__ = ["GivenLabels", "missing_labels", "score_labels"]
