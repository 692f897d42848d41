"""TweetEval from its authors: texts and labels in two files, a line each, and the labels' names in `mapping.txt`."""

import re
from pathlib import Path

from datasets import Dataset, DatasetDict

from common.errors import DataError

from .lines import read_lines

SPLITS = {"train": "train", "val": "validation", "dev": "validation", "validation": "validation", "test": "test"}


def fits(folder: Path) -> bool:
    """Whether train's texts and labels stand in two files."""
    return (folder / "train_text.txt").is_file() and (folder / "train_labels.txt").is_file()


def read(folder: Path) -> DatasetDict:
    """A row for each line of the two files; several ids in a line are several labels.

    Raises:
        DataError: the two files of a split have different numbers of lines.
    """
    result = {}
    for file in sorted(folder.glob("*_text.txt")):
        stem = file.name.removesuffix("_text.txt")
        labels_file = folder / f"{stem}_labels.txt"
        if stem not in SPLITS:
            continue
        if not labels_file.is_file():
            continue
        texts, labels = read_lines(file), [line.strip() for line in read_lines(labels_file)]
        if len(texts) != len(labels):
            raise DataError(
                f"'{file}' has {len(texts)} lines, and '{labels_file.name}' has {len(labels)}: expected a label for "
                "each text. Download both files again."
            )
        cells = [re.split(r"[\s,]+", label) if re.fullmatch(r"[0-9\s,]+", label) else [label] for label in labels]
        result[SPLITS[stem]] = Dataset.from_dict({"text": texts, "label": cells})
    return DatasetDict(result)
