"""What is wrong with the labels of a data set, row by row and label by label."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from cleanlab.dataset import find_overlapping_classes
from scipy.special import softmax
from sklearn.metrics import f1_score

from training.reviewed import LABEL_ERROR
from training.thresholds import fit_shrunk

from .cross_validation import FOLDS, folds, out_of_sample, shares
from .groups import Groups, find_groups
from .material import Material
from .quality import GivenLabels, missing_labels, score_labels

MISSING, CONTRADICTION, SHARED, OUTLIER = "missing label", "contradiction", "in two splits", "outlier"
# Below this score a given label is more likely wrong than right; above this chance one that is not given is missing.
WRONG_BELOW, MISSING_ABOVE = 0.5, 0.8
# So many median deviations further from its neighbours than most, a text is an outlier.
OUTLYING = 5.0
# With fewer examples, or with so low an F1, a label is not learnt.
FEW_EXAMPLES, LOW_F1 = 2 * FOLDS, 0.1
MOST_PAIRS = 12


@dataclass
class Findings:
    """All that an audit found.

    Args:
        scores: Chance that a row's labels are right, `(rows,)`.
        reasons: For each row that is in the table, why.
        proposed: 0/1 `(rows, num_labels)`; the given labels where nothing speaks for others.
        confused: Pairs of labels that are mixed up, and in how many examples, most first.
        rare: Labels that cannot be learnt: name, number of examples, F1 in cross-validation.
        f1: Of each label in cross-validation, `(num_labels,)`.
        below: Given labels with a lower score are label errors.
        label_errors: For each label how often it is a label error, `(num_labels,)`.
        unrelated: Estimated share of labels that have nothing to do with their text.
    """

    scores: np.ndarray
    reasons: dict[int, list[str]]
    proposed: np.ndarray
    confused: list[tuple[str, str, int]]
    rare: list[tuple[str, int, float]]
    f1: np.ndarray
    below: float
    label_errors: np.ndarray
    unrelated: float
    distances: np.ndarray = field(repr=False)

    def rows(self, reason: str) -> list[int]:
        """Rows that are in the table for a reason, the most doubtful first."""
        found = [row for row, reasons in self.reasons.items() if any(one.startswith(reason) for one in reasons)]
        by = -self.distances if reason == OUTLIER else self.scores
        return sorted(found, key=lambda row: float(by[row]))


def examine(material: Material, seed: int = 0, below: float = WRONG_BELOW) -> Findings:
    """Audit all rows by models that were fitted on others.

    Args:
        material: Texts, labels, features.
        seed: Of the folds.
        below: Given labels with a lower score are label errors.
    """
    groups = find_groups(material.texts, material.meaning)
    fold = folds(groups.near, material.given, seed=seed)
    logits = out_of_sample(material, shares(material.given), fold, several=False)
    labelled = score_labels(logits, material.given)
    return find(material, groups, logits, labelled, below)


def find(
    material: Material, groups: Groups, logits: np.ndarray, labelled: GivenLabels, below: float = WRONG_BELOW
) -> Findings:
    """Put scores, groups and distances into findings.

    Args:
        material: Texts and labels.
        groups: Equal and near-equal texts.
        logits: Out of sample, `(rows, labels)`.
        labelled: From `score_labels`.
        below: Given labels with a lower score are label errors.
    """
    names, given = material.names, material.given
    reasons: dict[int, list[str]] = defaultdict(list)
    proposed = given.copy()
    wrong = labelled.scores < below
    errors = np.zeros(len(names))
    pairs = zip(labelled.rows[wrong], labelled.labels[wrong], labelled.better[wrong], strict=True)
    for row, label, better in ((int(row), int(label), int(better)) for row, label, better in pairs):
        if not reasons[row]:
            reasons[row].append(LABEL_ERROR)
        if label < len(names):  # else it has no label, and should
            proposed[row, label] = 0
            errors[label] += 1
        if better < len(names):
            proposed[row, better] = 1
    if material.several:
        missing = missing_labels(logits[:, : len(names)], given)
        for row, label in np.argwhere(missing > MISSING_ABOVE).tolist():
            if not reasons[row]:
                reasons[row].append(MISSING)
            proposed[row, label] = 1
    for row, reason in (*_contradictions(material, groups), *_shared(material, groups)):
        reasons[row].append(reason)
    middle = np.median(groups.distance)
    far = groups.distance > middle + OUTLYING * np.median(np.abs(groups.distance - middle))
    for row in np.flatnonzero(far).tolist():
        reasons[row].append(OUTLIER)
    f1 = _f1(logits[:, : len(names)], given, material.several)
    counts = given.sum(axis=0).astype(int)
    rare = [
        (names[label], int(counts[label]), float(f1[label]))
        for label in np.argsort(counts).tolist()
        if counts[label] < FEW_EXAMPLES or (f1[label] < LOW_F1 and counts[label] < 10 * FEW_EXAMPLES)
    ]
    return Findings(
        labelled.of_rows(len(material)),
        {row: found for row, found in reasons.items() if found},
        proposed,
        _confused(labelled.mixed_up[: len(names), : len(names)], names),
        rare,
        f1,
        below,
        errors,
        labelled.unrelated,
        groups.distance,
    )


def _members(group: np.ndarray) -> list[list[int]]:
    """Rows of each group that has several."""
    found: dict[int, list[int]] = defaultdict(list)
    for row, number in enumerate(group.tolist()):
        found[number].append(row)
    return [rows for rows in found.values() if len(rows) > 1]


def _contradictions(material: Material, groups: Groups) -> list[tuple[int, str]]:
    """Rows with a nearly equal text that has none of their labels."""
    found = []
    for rows in _members(groups.near):
        alike = material.given[rows] @ material.given[rows].T
        none = material.given[rows].sum(axis=1) == 0
        against = (alike == 0) & ~(none[:, None] & none)
        for place, row in enumerate(rows):
            others = [rows[other] for other in np.flatnonzero(against[place]) if other != place]
            if others:
                found.append((row, f"{CONTRADICTION} ({where(material, others[0])})"))
    return found


def _shared(material: Material, groups: Groups) -> list[tuple[int, str]]:
    """Rows outside train whose text stands in another split too."""
    found = []
    for rows in _members(groups.equal):
        for row in rows:
            other = next((one for one in rows if material.splits[one] != material.splits[row]), None)
            if other is not None and material.splits[row] != "train":
                found.append((row, f"{SHARED} ({where(material, other)})"))
    return found


def where(material: Material, row: int) -> str:
    """A row as the table names it: its split and its number there."""
    return f"{material.splits[row]} {material.places[row]}"


def _confused(mixed_up: np.ndarray, names: list[str]) -> list[tuple[str, str, int]]:
    """The pairs of labels that stand for each other most often."""
    if not mixed_up.any() or len(names) < 2:
        return []
    table = find_overlapping_classes(confident_joint=mixed_up).head(MOST_PAIRS)
    counts = [
        (int(a), int(b), round(mixed_up[a, b] + mixed_up[b, a]))
        for a, b in table[["Class Index A", "Class Index B"]].itertuples(index=False)
    ]
    return [(names[a], names[b], count) for a, b, count in counts if count]


def _f1(logits: np.ndarray, given: np.ndarray, several: bool) -> np.ndarray:
    """Each label's F1 in cross-validation, `(num_labels,)`."""
    chances = softmax(logits.astype(np.float64), axis=1)
    best = np.eye(given.shape[1])[chances.argmax(axis=1)] > 0
    predicted = chances >= fit_shrunk(chances, given) if several else best
    return f1_score(given > 0, predicted, average=None, zero_division=0)


__all__ = ["CONTRADICTION", "MISSING", "OUTLIER", "SHARED", "Findings", "examine", "find", "where"]
