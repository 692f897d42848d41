"""A folder for each class: `train/pos/0.txt` (the Large Movie Review Dataset), `sci.space/60000` (20 Newsgroups)."""

import logging
from pathlib import Path

from datasets import Dataset, DatasetDict

from ..split_names import SPLIT_NAMES, split_in

logger = logging.getLogger(__name__)

# Not of a class: reviews without labels lie beside the others.
UNLABELLED = {"unsup", "unlabeled", "unlabelled"}


def fits(folder: Path) -> bool:
    """Whether there are two or more folders of plain texts, below the folder itself or below `train`."""
    return len(_classes(_train(folder))) > 1


def read(folder: Path) -> DatasetDict:
    """A row for each file, labelled with its folder's name."""
    if _train(folder) == folder:
        return DatasetDict({"train": _rows(folder)})
    splits = {}
    for part in _folders(folder):
        name = split_in(part.name)
        if name is not None and _classes(part):
            splits[name] = _rows(part)
    return DatasetDict(splits)


def _train(folder: Path) -> Path:
    return next((part for part in _folders(folder) if split_in(part.name) == "train" and _classes(part)), folder)


def _folders(folder: Path) -> list[Path]:
    return sorted(part for part in folder.iterdir() if part.is_dir() and not part.name.startswith("."))


def _classes(folder: Path) -> dict[str, list[Path]]:
    """Each class's files; a folder that is named like a split is none."""
    found = {}
    for part in _folders(folder):
        if part.name.lower() in UNLABELLED or part.name.lower() in SPLIT_NAMES:
            continue
        inside = [file for file in sorted(part.iterdir()) if file.is_file() and not file.name.startswith(".")]
        if inside and all(file.suffix.lower() == ".txt" or file.name.isdigit() for file in inside):
            found[part.name] = inside
    return found


def _rows(folder: Path) -> Dataset:
    pairs = [(file.read_bytes(), name) for name, files in _classes(folder).items() for file in files]
    texts, others = [], 0
    for content, _ in pairs:
        try:
            texts.append(content.decode("utf-8-sig").strip())
        except UnicodeDecodeError:
            others += 1
            texts.append(content.decode("latin-1").strip())
    if others:
        logger.warning(f"{others} of the {len(texts)} files in '{folder}' are not UTF-8, and are read as Latin-1.")
    return Dataset.from_dict({"text": texts, "label": [name for _, name in pairs]})
