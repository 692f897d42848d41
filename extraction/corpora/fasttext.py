"""fastText's lines, `__label__joy __label__pride what was said`, whatever the file's name ends in."""

from pathlib import Path

from datasets import Dataset

from tables import Limits
from tables.delimited import is_fasttext, read_fasttext
from tables.sources import Source


def fits(file: Path) -> bool:
    """Whether the first line that is not blank begins with a label."""
    return is_fasttext(_source(file))


def read(file: Path) -> Dataset:
    """A row for each line; the labels at its beginning, one or several, and the text behind them."""
    return Dataset(read_fasttext(_source(file), Limits()))


def _source(file: Path) -> Source:
    return Source(str(file), file.suffix.lower(), file)
