"""Splits that a source lacks, and checks on those it has."""

import logging
from collections.abc import Mapping

import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict

from common.errors import DataError
from fusion_model.texts import Text, pair_up

from .raters import Raters, join_raters
from .reading import LoadedData

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


def texts_of(split: Dataset | Mapping[str, list]) -> list[Text]:
    """Texts of a normalised split, or of a batch of it, in order; a tuple for each pair."""
    names = split.column_names if isinstance(split, Dataset) else split
    return pair_up(split["text"][:], split["text_pair"][:]) if "text_pair" in names else split["text"][:]


def complete_splits(data: LoadedData, source: str, seed: int, raters: Raters | None = None) -> LoadedData:
    """Make sure that there are train and validation splits that a model can be trained and chosen on.

    Args:
        data: Normalised splits, `train` among them.
        source: Named in messages.
        seed: For the validation split if there is none; equal texts stay on one side of it.
        raters: With `soft-count`, the rows of one text that get into that split are joined by majority.

    Returns:
        `train`, `validation` and, if the source has one, `test`.

    Raises:
        DataError: there are too few rows or only one class.
    """
    names, reading = label_names(data), data.reading
    if len(data["train"]) == 0:
        raise DataError(
            f"The train split of '{source}' has no row with a text and a label: check --text_column and --label_column."
        )
    for name in [name for name, split in data.items() if len(split) == 0]:
        # Many a Hub data set withholds the labels of its test split.
        logger.warning(f"The {name} split of '{source}' has no row with a text and a label, and is left out.")
        data = LoadedData({other: split for other, split in data.items() if other != name}, reading)
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
    if len(set(texts_of(data["train"]))) < 2:
        raise DataError(
            f"All rows of the train split of '{source}' have one text: expected several. Check --text_column."
        )
    if "validation" not in data:
        rest, held_out = _stratified_halves(data["train"], len(names), seed)
        logger.warning(
            f"'{source}' has no validation split: {len(held_out)} of its {len(data['train'])} training rows become one."
        )
        reading.held_out = len(held_out)
        validation = data["train"].select(held_out)
        if raters == "soft-count":
            validation = _by_majority(validation)
        data = LoadedData({**data, "train": data["train"].select(rest), "validation": validation}, reading)
    _count_shared(data, source)
    in_train = label_matrix(data["train"], len(names)).sum(axis=0) > 0
    for name in data:
        in_split = label_matrix(data[name], len(names)).sum(axis=0) > 0
        unseen = [names[i] for i in np.flatnonzero(in_split & ~in_train)]
        if unseen:
            logger.warning(
                f"The {name} split has the label(s) {unseen}, which no training row has: the model cannot learn them, "
                "and their F1 counts as 0. Add training rows, or remove these rows."
            )
    return LoadedData({name: data[name] for name in ("train", "validation", "test") if name in data}, reading)


def _count_shared(data: LoadedData, source: str) -> None:
    """Say how many texts of a held-out split stand in another: the model has seen, or was chosen by, their labels."""
    texts = {name: texts_of(split) for name, split in data.items()}
    for name, other in (("validation", "train"), ("test", "train"), ("test", "validation")):
        if name in texts and other in texts:
            seen = set(texts[other])
            shared = sum(text in seen for text in texts[name])
            if shared:
                sentence = f"{shared} of the {len(texts[name])} texts of {name} stand in {other} too, word for word."
                data.reading.notes.append(sentence)
                logger.warning(f"'{source}': {sentence}")


def _by_majority(split: Dataset) -> Dataset:
    """The raters' rows of each text joined."""
    several = not isinstance(split.features["labels"], ClassLabel)
    rows: list[list[str] | None] = [
        [str(i) for i in (labels if several else [labels])] for labels in split["labels"][:]
    ]
    votes = join_raters(texts_of(split), rows, "majority", several)
    joined = {row: names for row, names in votes.items() if names is not None}
    kept = split.select(list(joined))
    texts = {name: kept[name][:] for name in kept.column_names if name != "labels"}
    labels = [[int(i) for i in names] if several else int(names[0]) for names in joined.values()]
    return Dataset.from_dict({**texts, "labels": labels}, features=split.features)


def _stratified_halves(split: Dataset, num_labels: int, seed: int) -> tuple[list[int], list[int]]:
    """Rows that stay and rows held out; each row counts for its rarest label, and each label gives its share.

    Equal texts stay on one side: a text is drawn by its first row, and its other rows go with it.
    """
    labels = label_matrix(split, num_labels)
    frequency = labels.sum(axis=0)
    rarest = np.where(labels > 0, frequency, np.inf).argmin(axis=1)
    # Rows with none of the labels give their share too.
    rarest[labels.sum(axis=1) == 0] = num_labels
    rows_of: dict[Text, list[int]] = {}
    for row, text in enumerate(texts_of(split)):
        rows_of.setdefault(text, []).append(row)
    first_rows = {rows[0]: rows for rows in rows_of.values()}
    random = np.random.default_rng(seed)
    held_out: list[int] = []
    for label in range(num_labels + 1):
        rows = random.permutation([row for row in np.flatnonzero(rarest == label) if row in first_rows])
        # At random up or down, so that many small labels together still give their share; one row stays in train.
        share = min(int(len(rows) * VALIDATION_SHARE + random.random()), max(len(rows) - 1, 0))
        held_out += rows[:share].tolist()
    if not held_out:
        held_out = [int(random.choice(list(first_rows)))]
    chosen = {row for first in held_out for row in first_rows[first]}
    return [row for row in range(len(split)) if row not in chosen], sorted(chosen)
