"""A local folder to splits: one made by `save_to_disk`, or one with a file a split."""

import re
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
from datasets import Dataset, DatasetDict, concatenate_datasets, load_from_disk

from common.errors import DataError

from .files import SUFFIXES, read_file

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
SHARD = re.compile(r"-(\d+)-of-(\d+)$")


def read_folder(folder: Path) -> DatasetDict:
    """Read a folder.

    Args:
        folder: A `save_to_disk` folder, or one that holds, itself or in its subfolders, files such as `train.csv`,
            `my_data.dev.jsonl` or `test-00000-of-00002.parquet`.

    Returns:
        The splits under the names train, validation and test (others keep their own).

    Raises:
        DataError: there is no train split, or several files claim to be the same split.
    """
    if (folder / "dataset_dict.json").exists() or (folder / "state.json").exists():
        return _load_saved(folder)
    files = _data_files(folder, "*") or _data_files(folder, "*/*")
    by_split: dict[str, list[Path]] = {}
    for file in files:
        split = _split_of(file) or ("train" if len(files) == 1 else None)
        if split is not None:
            by_split.setdefault(split, []).append(file)
    if "train" not in by_split:
        raise DataError(
            f"The folder '{folder}' has no train split among {[file.name for file in files][:8]}: expected a "
            "save_to_disk folder, or files such as train.csv, validation.parquet, test.jsonl."
        )
    return DatasetDict({split: _read_shards(split, shards) for split, shards in by_split.items()})


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


def _load_saved(folder: Path) -> DatasetDict:
    try:
        loaded = load_from_disk(str(folder))
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise DataError(
            f"The save_to_disk folder '{folder}' cannot be read ({type(error).__name__}: {str(error)[:120]}). Save it "
            "again, or give its data as CSV, JSON lines or Parquet."
        ) from None
    return rename_splits(loaded if isinstance(loaded, DatasetDict) else {"train": loaded}, str(folder))


def _data_files(folder: Path, pattern: str) -> list[Path]:
    """Data files that are not hidden."""
    files = (file for file in folder.glob(pattern) if file.suffix.lower() in SUFFIXES and file.is_file())
    return sorted(file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts))


def _split_of(file: Path) -> str | None:
    """`train.csv`, `train-00000-of-00002.parquet` and `my_data.train.csv` all name their split."""
    return next((SPLIT_NAMES[word] for word in re.split(r"[-_.\s]+", file.stem.lower()) if word in SPLIT_NAMES), None)


def _read_shards(split: str, files: list[Path]) -> Dataset:
    """One file, or all the files of one numbered set such as `train-00000-of-00002.parquet`."""
    if len(files) == 1 and not SHARD.search(files[0].stem):
        return read_file(files[0])
    numbered = [SHARD.search(file.stem) for file in files]
    stems = {file.with_name(SHARD.sub("", file.stem) + file.suffix) for file in files}
    totals = {int(match[2]) for match in numbered if match}
    if not all(numbered) or len(stems) > 1 or len(totals) > 1:
        raise DataError(
            f"Both '{files[0]}' and '{files[1]}' look like the {split} split: expected one file a split. Move the "
            "others away, or name one configuration's subfolder."
        )
    total = totals.pop()
    if len(files) != total:
        raise DataError(
            f"The {split} split in '{files[0].parent}' has {len(files)} of its {total} files, such as "
            f"'{files[0].name}': expected all of them. Copy the missing ones."
        )
    splits = [read_file(file) for file in files]
    for file, part in zip(files, splits, strict=True):
        if set(part.column_names) != set(splits[0].column_names):
            raise DataError(
                f"'{file}' has the columns {part.column_names}, but '{files[0].name}' has {splits[0].column_names}: "
                "expected the same in all files of a split."
            )
    try:
        return concatenate_datasets(splits)
    except (ValueError, pa.ArrowException) as error:
        raise DataError(
            f"The columns of '{files[0]}' to '{files[-1].name}' differ in type ({str(error)[:120]}): expected the same "
            "in all files of a split."
        ) from None
