"""A local folder to splits: one made by `save_to_disk`, a corpus of its own layout, or one with a file per split."""

import logging
import re
from collections.abc import Sequence
from glob import glob
from itertools import takewhile
from pathlib import Path

import pyarrow as pa
from datasets import Dataset, DatasetDict, concatenate_datasets, load_from_disk

from common.errors import DataError
from tables.errors import refusing

from .corpora import read_corpus_folder
from .files import SUFFIXES, read_file
from .names_beside import FILES as NAMES_FILES
from .split_names import rename_splits, split_of

logger = logging.getLogger(__name__)

SHARD = re.compile(r"-(\d+)-of-(\d+)$")


def read_folder(folder: Path, column_names: Sequence[str] | None = None) -> DatasetDict:
    """Read a folder.

    Args:
        folder: A `save_to_disk` folder, or one that holds, itself or in its subfolders, files such as `train.csv`,
            `my_data.dev.jsonl`, `train/eng.csv` or `test-00000-of-00002.parquet`; or a corpus of `corpora/`.
        column_names: Names of the columns, where the files' first lines are rows of data.

    Returns:
        The splits under the names train, validation and test (others keep their own).

    Raises:
        DataError: there is no train split, or several files claim to be the same split.
    """
    if (folder / "dataset_dict.json").exists() or (folder / "state.json").exists():
        return _load_saved(folder)
    corpus = read_corpus_folder(folder)
    if corpus is not None:
        return corpus
    return _by_split(_data_files(folder, "*") or _data_files(folder, "*/*"), folder, column_names)


def read_pattern(pattern: str, column_names: Sequence[str] | None = None) -> DatasetDict:
    """Read the files that a pattern such as `brighter/*/eng.csv` names, one per split.

    Raises:
        DataError: no file fits, none is the train split, or several claim to be the same split.
    """
    files = [Path(name) for name in sorted(glob(str(Path(pattern).expanduser()))) if Path(name).is_file()]
    if not files:
        raise DataError(f"No file fits the pattern '{pattern}': expected such as data/*/eng.csv, in quotes.")
    fixed = takewhile(lambda part: "*" not in part, Path(pattern).expanduser().parts)
    return _by_split(files, Path(*fixed), column_names)


def _by_split(files: list[Path], folder: Path, column_names: Sequence[str] | None) -> DatasetDict:
    """Read files by the splits that their names and folders tell."""
    by_split: dict[str, list[Path]] = {}
    unused = []
    for file in files:
        split = split_of(file, folder) or ("train" if len(files) == 1 else None)
        if split is None:
            unused.append(file.name)
        else:
            by_split.setdefault(split, []).append(file)
    if "train" not in by_split:
        raise DataError(
            f"The folder '{folder}' has no train split among {[file.name for file in files][:8]}: expected a "
            "save_to_disk folder, or files such as train.csv, validation.parquet, test.jsonl."
        )
    if unused:
        logger.warning(f"The files {unused} of '{folder}' name no split, and are not used.")
    return DatasetDict({split: _read_split(split, shards, column_names) for split, shards in by_split.items()})


def _load_saved(folder: Path) -> DatasetDict:
    what, cure = f"The save_to_disk folder '{folder}' cannot be read", "Save it again, or give its data as CSV."
    with refusing(what, cure, OSError, ValueError, KeyError, pa.ArrowException):
        loaded = load_from_disk(str(folder))
    return rename_splits(loaded if isinstance(loaded, DatasetDict) else {"train": loaded}, str(folder))


def _data_files(folder: Path, pattern: str) -> list[Path]:
    """Data files that are not hidden, and name no labels."""
    files = (file for file in folder.glob(pattern) if file.is_file() and _is_data(file))
    return sorted(file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts))


def _is_data(file: Path) -> bool:
    if file.name.lower() in NAMES_FILES or file.stem.lower() in ("readme", "license", "licence"):
        return False
    return file.suffix.lower() in SUFFIXES


def _read_split(split: str, files: list[Path], column_names: Sequence[str] | None) -> Dataset:
    """A split's file, or files: numbered parts, or texts and labels that share an id."""
    labels = [file for file in files if file.stem.lower().endswith("_labels")]
    if len(files) == 2 and len(labels) == 1:
        texts = next(file for file in files if file not in labels)
        if labels[0].stem.lower() == f"{texts.stem.lower()}_labels":
            return _joined_by_id(read_file(texts), read_file(labels[0]), texts, labels[0])
    return _read_shards(split, files, column_names)


def _joined_by_id(texts: Dataset, labels: Dataset, texts_file: Path, labels_file: Path) -> Dataset:
    """Texts and labels of two files (Jigsaw's `test.csv` and `test_labels.csv`) by the id that both have."""
    shared = [name for name in texts.column_names if name in labels.column_names]
    if len(shared) != 1:
        raise DataError(
            f"'{texts_file}' and '{labels_file.name}' share the columns {shared}: expected one, the id, to join them "
            "by. Move one of them away."
        )
    place = {key: row for row, key in enumerate(labels[shared[0]][:])}
    rows = [place.get(key) for key in texts[shared[0]][:]]
    columns = {name: labels[name][:] for name in labels.column_names if name not in shared}
    added = {name: [None if row is None else cells[row] for row in rows] for name, cells in columns.items()}
    return Dataset.from_dict({name: texts[name][:] for name in texts.column_names} | added)


def _read_shards(split: str, files: list[Path], column_names: Sequence[str] | None) -> Dataset:
    """One file, or all the files of one numbered set such as `train-00000-of-00002.parquet`."""
    if len(files) == 1 and not SHARD.search(files[0].stem):
        return read_file(files[0], column_names)
    numbered = [SHARD.search(file.stem) for file in files]
    stems = {file.with_name(SHARD.sub("", file.stem) + file.suffix) for file in files}
    totals = {int(match[2]) for match in numbered if match}
    if not all(numbered) or len(stems) > 1 or len(totals) > 1:
        raise DataError(
            f"Both '{files[0]}' and '{files[1]}' look like the {split} split: expected one file per split. Move the "
            "others away, or give those of one language or configuration alone, such as `--dataset 'data/*/eng.csv'`."
        )
    total = totals.pop()
    if len(files) != total:
        raise DataError(
            f"The {split} split in '{files[0].parent}' has {len(files)} of its {total} files, such as "
            f"'{files[0].name}': expected all of them. Copy the missing ones."
        )
    splits = [read_file(file, column_names) for file in files]
    for file, part in zip(files, splits, strict=True):
        if set(part.column_names) != set(splits[0].column_names):
            raise DataError(
                f"'{file}' has the columns {part.column_names}, but '{files[0].name}' has {splits[0].column_names}: "
                "expected the same in all files of a split."
            )
    what = f"The columns of '{files[0]}' to '{files[-1].name}' differ in type"
    with refusing(what, "Give them the same in all files of a split.", ValueError, pa.ArrowException):
        return concatenate_datasets(splits)
