"""Corpora that are no tables but folders laid out in their own way, to a text and a label column.

A new one is a file with `fits(folder)` and `read(folder)`, and its name in `FOLDERS`.
"""

from pathlib import Path

from datasets import DatasetDict

from . import class_folders, daily_dialog, text_and_labels

FOLDERS = (text_and_labels, daily_dialog, class_folders)


def read_corpus_folder(folder: Path) -> DatasetDict | None:
    """A folder's splits if it is laid out like one of these corpora.

    Raises:
        DataError: it looks like one, and is not whole.
    """
    return next((corpus.read(folder) for corpus in FOLDERS if corpus.fits(folder)), None)


__all__ = ["FOLDERS", "read_corpus_folder"]
