"""Whether the first line of a file names its columns, or is a row of data."""

import logging
import re
from collections.abc import Callable, Sequence

from .columns import is_usual
from .errors import TableError, listed
from .json_values import column_name

logger = logging.getLogger(__name__)
# Ids, numbers, several ids in a cell, dates.
NUMBER = re.compile(r"\[?[-+\d.,:;/ ]+\]?")
# Words from which on a cell is a sentence.
WORDS = 4


def is_header(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a line names the columns of the rows below it.

    A usual name such as `text` settles it, and so does a name above a column of numbers. Else the line is data if a
    cell of it is a number above numbers, comes again in its column, or is a sentence above sentences.
    """
    if is_certain(first, rows) or not rows:
        return True
    for place, cell in enumerate(first):
        below = [row[place] for row in rows if row[place].strip()]
        if not cell.strip() or not below:
            continue
        if is_number(cell) and _share(is_number, below) > 0.9:
            return False
        if cell in below:
            return False
        if len(cell.split()) >= WORDS and _share(lambda text: len(text.split()) >= WORDS, below) > 0.5:
            return False
    return True


def is_certain(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a line is a header by a usual name, or by a name above a column of numbers."""
    if any(is_usual(cell) for cell in first):
        return True
    for place, cell in enumerate(first):
        below = [row[place] for row in rows if row[place].strip()]
        named = bool(cell.strip()) and not is_number(cell) and len(cell.split()) < WORDS
        if named and below and all(map(is_number, below)):
            return True
    return False


def name_columns(
    shown: str, first: Sequence[str], rows: Sequence[Sequence[str]], given: Sequence[str] | None
) -> tuple[list[str], bool]:
    """Names of the columns, and whether the first line holds them.

    Args:
        shown: The file, for messages.
        first: Cells of the first line.
        rows: Rows below it, enough to judge by.
        given: Names that the caller gives.

    Raises:
        TableError: the names given are not as many as the columns.
    """
    if given is not None and len(given) != len(first):
        raise TableError(
            f"'{shown}' has {len(first)} column(s), {listed(first)}, but {len(given)} "
            f"name(s) were given: {listed(given)}. Give a name for each column, in their order."
        )
    if given is not None:
        header = is_certain(first, rows)
        if header:
            logger.warning(
                f"The first line of '{shown}' names its columns {listed(first)}: they are called {given} now."
            )
        return _names(given), header
    if is_header(first, rows):
        return _names(first), True
    names = _names([""] * len(first))
    logger.warning(
        f"The first line of '{shown}' is a row like those below it ({listed(first)}), and names no "
        f"columns: they are called {listed(names)}. Name them with --column_names."
    )
    return names, False


def _names(cells: Sequence[str]) -> list[str]:
    """Cells as names of columns; one that is empty is numbered."""
    return [column_name(cell).strip() or f"column {number}" for number, cell in enumerate(cells, start=1)]


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, several, or a date."""
    return NUMBER.fullmatch(cell.strip()) is not None and any(sign.isdigit() for sign in cell)


def _share(fits: Callable[[str], bool], cells: Sequence[str]) -> float:
    return sum(map(fits, cells)) / len(cells)
