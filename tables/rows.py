"""Rows of a delimited file, from any byte on."""

import csv
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from .errors import TableError, listed
from .lines import Lines
from .sources import Source

if TYPE_CHECKING:
    from .dialect import Dialect

# The module's own limit of 131,072 characters is for hostile input; a long text is not an error.
csv.field_size_limit(2**31 - 1)
UNQUOTED = re.compile(r'[^"]*(?:""[^"]*)*')


class Row(NamedTuple):
    """A row as it stands in a file.

    Args:
        cells: Its cells, as written.
        begin: Byte where it begins, blank lines before it among it.
        line: Number of its first line.
    """

    cells: list[str]
    begin: int
    line: int


def iterate_cells(
    stream: BinaryIO, source: Source, dialect: "Dialect", start: int | None = None, digest=None
) -> Iterator[Row]:
    """Rows of a delimited file. Blank lines are none; of a file with one column, a line of blanks or of `""` is one.

    Args:
        stream: The file.
        source: What it is, for messages.
        dialect: How it is written.
        start: Byte of the first row; the header, if there is one, or the first row of all if left out.
        digest: Takes what is read, as a hash does.

    Raises:
        TableError: quotes do not close, or the file is not UTF-8.
    """
    first = start is None
    begin, skipped = (dialect.start, dialect.skipped) if start is None else (start, 0)
    lines = Lines(stream, source, begin, skipped, returns=dialect.quoted, digest=digest)
    line = lines.number + 1
    for cells in _quoted(lines, dialect.delimiter) if dialect.quoted else _plain(lines, dialect.delimiter):
        single = len(dialect.columns) == 1 and not first
        if len(cells) > 1 or (cells and (single or cells[0].strip())):
            yield Row(cells, begin, line)
            first = False
        begin, line = lines.end, lines.number + 1


def check_width(row: Row, source: Source, dialect: "Dialect") -> None:
    """Refuse a row that is not as wide as the header.

    Raises:
        TableError: names the line.
    """
    if len(row.cells) != len(dialect.columns):
        above = "header" if dialect.header else "first line"
        advice = f"Put texts that contain '{dialect.delimiter}' in double quotes." if dialect.delimiter else ""
        raise TableError(
            f"Line {row.line} of '{source.shown}' has {len(row.cells)} cell(s), but the {above} has "
            f"{len(dialect.columns)}: {listed(dialect.columns)}. {advice}"
        )


def _quoted(lines: Lines, delimiter: str) -> Iterator[list[str]]:
    """Cells with delimiters, quotes or line ends stand in double quotes."""
    begun = lines.number + 1
    try:
        for row in csv.reader(iter(lines), delimiter=delimiter, strict=True):
            yield row
            begun = lines.number + 1
    except csv.Error as error:
        raise TableError(
            f"The quotes in '{lines.source.shown}' do not fit in the row that begins in line {begun} ({error}): "
            "expected that a quoted text is closed before the next cell, and that quotes in it are doubled, as in "
            '"She said ""hi""".'
        ) from None


def _plain(lines: Lines, delimiter: str) -> Iterator[list[str]]:
    """Each line is a row; quotes around a whole cell are taken off if a writer put them there."""
    for line in lines:
        line = line.removesuffix("\n").removesuffix("\r")
        cells = [_unquote(cell) for cell in line.split(delimiter)] if delimiter else [line]
        yield cells if line else []


def _unquote(cell: str) -> str:
    """Take off the quotes that a writer put around a cell; those that are part of the text stay."""
    inner = cell[1:-1]
    written = len(cell) > 1 and cell[0] == cell[-1] == '"' and UNQUOTED.fullmatch(inner)
    return inner.replace('""', '"') if written else cell
