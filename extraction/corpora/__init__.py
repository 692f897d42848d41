"""Corpora that are not tables: files and folders laid out in their own way, to a text and a label column.

A new one is a file with `fits(path)` and `read(path)`, and a line here.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from datasets import Dataset, DatasetDict

from . import class_folders, daily_dialog, dialogues, empathetic, fasttext, text_and_labels


class Folder(NamedTuple):
    """A layout of a folder: whether it is one, and its splits."""

    fits: Callable[[Path], bool]
    read: Callable[[Path], DatasetDict]


class File(NamedTuple):
    """A layout of a file: whether it is one, and its rows."""

    fits: Callable[[Path], bool]
    read: Callable[[Path], Dataset]


FOLDERS = (
    Folder(text_and_labels.fits, text_and_labels.read),
    Folder(daily_dialog.fits, daily_dialog.read),
    Folder(class_folders.fits, class_folders.read),
)
FILES = (
    File(fasttext.fits, fasttext.read),
    File(empathetic.fits, empathetic.read),
    File(dialogues.fits, dialogues.read),
)


def read_corpus_folder(folder: Path) -> DatasetDict | None:
    """A folder's splits if it is laid out like one of these corpora.

    Raises:
        DataError: it looks like one, and is not whole.
    """
    return next((corpus.read(folder) for corpus in FOLDERS if corpus.fits(folder)), None)


def read_corpus_file(file: Path) -> Dataset | None:
    """A file's rows if it is laid out like one of these corpora.

    Raises:
        DataError: it looks like one, and is not whole.
    """
    return next((corpus.read(file) for corpus in FILES if corpus.fits(file)), None)


__all__ = ["FILES", "FOLDERS", "read_corpus_file", "read_corpus_folder"]
