"""A folder for each class: `train/pos/0.txt` (the Large Movie Review Dataset), `sci.space/60000` (20 Newsgroups)."""

from pathlib import Path

from datasets import Dataset, DatasetDict

from ..split_names import SPLIT_NAMES
from .lines import read_text

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
        name = SPLIT_NAMES.get(part.name.lower())
        if name is not None and _classes(part):
            splits[name] = _rows(part)
    return DatasetDict(splits)


def _train(folder: Path) -> Path:
    return next((part for part in _folders(folder) if SPLIT_NAMES.get(part.name.lower()) == "train"), folder)


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
    pairs = [(read_text(file).strip(), name) for name, files in _classes(folder).items() for file in files]
    return Dataset.from_dict({"text": [text for text, _ in pairs], "label": [name for _, name in pairs]})
