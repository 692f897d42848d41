"""One local file to one data set in memory."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from datasets import Dataset

from common.errors import DataError
from tables import SUFFIXES, read_table


def read_file(file: Path, column_names: Sequence[str] | None = None) -> Dataset:
    """Read a file that `tables` can read.

    Args:
        file: A path that ends in one of `SUFFIXES`.
        column_names: Names of its columns, where its first line is a row of data.

    Raises:
        DataError: the file cannot be read as what its name says, or a column has no place in a data set.
    """
    try:
        return Dataset(read_table(file, column_names=column_names))
    except DataError:
        raise
    except (ValueError, TypeError, NotImplementedError, pa.ArrowException) as error:
        raise DataError(
            f"The columns of '{file}' cannot be used as they are ({str(error).splitlines()[0][:120]}): expected "
            "strings, numbers and lists of them. Keep only the columns with texts and labels."
        ) from None


__all__ = ["SUFFIXES", "read_file"]
