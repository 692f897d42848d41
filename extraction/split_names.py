"""What splits are called, in file names, folder names and columns."""

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from datasets import Dataset, DatasetDict

from common.errors import DataError

from .layouts.finding import SPLIT_COLUMNS

logger = logging.getLogger(__name__)

SPLIT_NAMES = {
    "train": "train", "training": "train", "trn": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "development": "validation", "eval": "validation", "evaluation": "validation",
    "test": "test", "testing": "test", "tst": "test", "heldout": "test", "holdout": "test",
}  # fmt: skip


def split_of(file: Path, folder: Path) -> str | None:
    """`train.csv`, `train-00000-of-00002.parquet`, `my_data.train.csv` and `train/eng.csv` all name their split."""
    stem = file.stem if file.suffix.lower() not in (".train", ".valid") else file.name
    parts = (stem, *reversed(file.relative_to(folder).parts[:-1]))
    return next((found for found in map(split_in, parts) if found is not None), None)


def split_in(name: str) -> str | None:
    """The split that a name holds: `my_data.dev`, `20news-bydate-train`, `trainingdata-all`."""
    words = re.split(r"[-_.\s]+", re.sub(r"held[-_ ]out", "heldout", name.lower()))
    words += [word.removesuffix("data") for word in words]
    return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), None)


def rename_splits(splits: Mapping[str, Dataset], source: str) -> DatasetDict:
    """Call splits train, validation and test, whatever their usual name.

    Raises:
        DataError: two splits would get one name.
    """
    result: dict[str, Dataset] = {}
    for name, split in splits.items():
        renamed = SPLIT_NAMES.get(str(name).lower(), str(name))
        if renamed in result:
            raise DataError(
                f"'{source}' has the splits {list(splits)}: two of them are the {renamed} split. Remove one."
            )
        result[renamed] = split
    return DatasetDict(result)


def split_by_column(raw: DatasetDict, source: str) -> DatasetDict:
    """Part a single table by its column of splits, if it has one.

    Raises:
        DataError: the column names no train split.
    """
    if set(raw) != {"train"}:
        return raw
    table = raw["train"]
    for column in table.column_names:
        if column.strip().lower() not in SPLIT_COLUMNS:
            continue
        cells = [str(cell).strip() if cell is not None else "" for cell in table[column][:]]
        names = list(dict.fromkeys(cells))
        if not all(name.lower() in SPLIT_NAMES for name in names):
            continue
        rows: dict[str, list[int]] = {}
        for row, cell in enumerate(cells):
            rows.setdefault(SPLIT_NAMES[cell.lower()], []).append(row)
        if "train" not in rows:
            raise DataError(
                f"The column '{column}' of '{source}' names only the split(s) {names}: expected train among them. "
                "Rename the column, and its rows are split at random."
            )
        return DatasetDict({name: table.select(places) for name, places in rows.items()})
    return raw
