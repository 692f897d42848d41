"""Delimited files whole: CSV, TSV and TXT to columns of strings."""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from .dialect import find_dialect
from .errors import TableError, listed
from .limits import Limits
from .rows import check_width, iterate_cells
from .sources import Source


def read_delimited(source: Source, given: Sequence[str] | None, limits: Limits) -> pa.Table:
    """Read a delimited file.

    Args:
        source: The file.
        given: Names of its columns, where the file has none.
        limits: Of rows, columns and characters.

    Returns:
        Columns of strings, with null for an empty cell.

    Raises:
        TableError: names the first line that is wrong.
    """
    dialect = find_dialect(source, given)
    columns = dialect.columns
    if not columns:
        raise TableError(f"The file '{source.shown}' holds only blank lines: expected a header line and rows.")
    limits.check_columns(source.shown, len(columns))
    check_names(source.shown, columns)
    rows: list[list[str]] = []
    with source.open() as stream:
        for number, row in enumerate(iterate_cells(stream, source, dialect)):
            check_width(row, source, dialect)
            if number or not dialect.header:
                rows.append(row.cells)
                limits.check_rows(source.shown, len(rows))
    return strings(columns, rows)


def strings(columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> pa.Table:
    """Rows of cells to columns of strings, with null for an empty cell."""
    cells = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [pa.array([cell or None for cell in column], pa.string()) for column in cells]
    return pa.Table.from_arrays(arrays, names=list(columns))


def check_names(shown: str, names: Sequence[str]) -> None:
    """Refuse names that occur twice.

    Raises:
        TableError: names them.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise TableError(
            f"'{shown}' has the column name(s) {listed(twice)} more than once: {listed(names)}. Rename all but one "
            "of each."
        )
