"""Splits that a source lacks, and checks on those it has."""

import logging

import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict

from common.errors import DataError

logger = logging.getLogger(__name__)

VALIDATION_SHARE = 0.1
FEWEST_ROWS = 10


def label_names(data: DatasetDict) -> list[str]:
    """Names of the labels, in the order of their ids."""
    return label_feature(data).names


def label_feature(data: DatasetDict) -> ClassLabel:
    """The `ClassLabel` behind the `labels` column."""
    feature = data["train"].features["labels"]
    return feature if isinstance(feature, ClassLabel) else feature.feature


def is_multi_label(data: DatasetDict) -> bool:
    """Whether a text can have several labels."""
    return not isinstance(data["train"].features["labels"], ClassLabel)


def label_matrix(split: Dataset, num_labels: int) -> np.ndarray:
    """Labels of a split as 0/1.

    Args:
        split: A normalised split.
        num_labels: Number of labels.

    Returns:
        Float32 array `(rows, num_labels)`.
    """
    matrix = np.zeros((len(split), num_labels), dtype=np.float32)
    for row, labels in enumerate(split["labels"][:]):
        matrix[row, labels] = 1
    return matrix


def complete_splits(data: DatasetDict, source: str, seed: int) -> DatasetDict:
    """Make sure that there are train and validation splits that a model can be trained and chosen on.

    Args:
        data: Normalised splits, `train` among them.
        source: Named in messages.
        seed: For the validation split if there is none.

    Returns:
        `train`, `validation` and, if the source has one, `test`.

    Raises:
        DataError: there are too few rows or only one class.
    """
    names = label_names(data)
    if len(data["train"]) == 0:
        raise DataError(
            f"The train split of '{source}' has no row with a text and a label: check --text_column and --label_column."
        )
    for name in [name for name, split in data.items() if len(split) == 0]:
        # Many a Hub data set withholds the labels of its test split.
        logger.warning(f"The {name} split of '{source}' has no row with a text and a label, and is left out.")
        data = DatasetDict({other: split for other, split in data.items() if other != name})
    used = label_matrix(data["train"], len(names)).sum(axis=0) > 0
    if used.sum() < 2:
        raise DataError(
            f"The train split of '{source}' has only the class {[names[i] for i in np.flatnonzero(used)]}: at least "
            "two are expected. Check --label_column, and that --max_rows leaves enough rows."
        )
    if len(data["train"]) < FEWEST_ROWS:
        raise DataError(
            f"The train split of '{source}' has {len(data['train'])} usable rows: at least {FEWEST_ROWS} are expected. "
            "Add rows."
        )
    if "validation" not in data:
        rest, held_out = _stratified_halves(data["train"], len(names), seed)
        logger.warning(
            f"'{source}' has no validation split: {len(held_out)} of its {len(data['train'])} training rows become one."
        )
        data = DatasetDict({**data, "train": data["train"].select(rest), "validation": data["train"].select(held_out)})
    in_train = label_matrix(data["train"], len(names)).sum(axis=0) > 0
    for name in data:
        in_split = label_matrix(data[name], len(names)).sum(axis=0) > 0
        unseen = [names[i] for i in np.flatnonzero(in_split & ~in_train)]
        if unseen:
            logger.warning(
                f"The {name} split has the label(s) {unseen}, which no training row has: the model cannot learn them, "
                "and their F1 counts as 0. Add training rows, or remove these rows."
            )
    return DatasetDict({name: data[name] for name in ("train", "validation", "test") if name in data})


def _stratified_halves(split: Dataset, num_labels: int, seed: int) -> tuple[list[int], list[int]]:
    """Rows that stay and rows held out; each row counts for its rarest label, and each label gives its share."""
    labels = label_matrix(split, num_labels)
    frequency = labels.sum(axis=0)
    rarest = np.where(labels > 0, frequency, np.inf).argmin(axis=1)
    random = np.random.default_rng(seed)
    held_out: list[int] = []
    for label in range(num_labels):
        rows = random.permutation(np.flatnonzero(rarest == label))
        # At random up or down, so that many small labels together still give their share; one row stays in train.
        share = min(int(len(rows) * VALIDATION_SHARE + random.random()), max(len(rows) - 1, 0))
        held_out += rows[:share].tolist()
    if not held_out:
        held_out = [int(random.integers(len(split)))]
    chosen = set(held_out)
    return [row for row in range(len(split)) if row not in chosen], sorted(held_out)
