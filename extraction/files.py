"""One local file to one data set in memory."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from datasets import Dataset

from tables import SUFFIXES, read_table
from tables.errors import refusing


def read_file(file: Path, column_names: Sequence[str] | None = None) -> Dataset:
    """Read a file that `tables` can read.

    Args:
        file: A path that ends in one of `SUFFIXES`.
        column_names: Names of its columns, where its first line is a row of data.

    Raises:
        DataError: the file cannot be read as what its name says, or a column has no place in a data set.
    """
    what, cure = f"The columns of '{file}' cannot be used as they are", "Keep only the columns with texts and labels."
    with refusing(what, cure, ValueError, TypeError, NotImplementedError, pa.ArrowException):
        return Dataset(read_table(file, column_names=column_names))


__all__ = ["SUFFIXES", "read_file"]
