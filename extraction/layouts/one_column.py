"""Names or ids in one column: one in a cell, several in a string or a list, or a dict of what is there."""

import logging
import re

from common.errors import DataError

from .base import Taken, Wanted
from .cells import cell_names, parse_strings, read_vectors, refuse_shares
from .finding import LABEL_TEXTS, NUMBER, find_label, find_text
from .separators import find_separator
from .table import Table, is_missing

logger = logging.getLogger(__name__)

# What stands for a label that is not given away (GLUE's test split, SNLI's sentences without agreement).
WITHHELD = {"-1", "-"}


class OneColumn:
    """A text column and a label column: the usual table, doccano's exports and Label Studio's column among them."""

    def fits(self, table: Table, wanted: Wanted) -> bool:
        """Anything fits; what cannot be read is refused when it is read."""
        return True

    def read(self, table: Table, wanted: Wanted) -> Taken:
        """Find the two columns and read them."""
        text = find_text(table, wanted, but={wanted.label_column} if wanted.label_column else set())
        label, similar = find_label(table, wanted, text)
        if text == label:
            raise DataError(
                f"The column '{text}' of '{table.source}' is given as text and as label: expected two of its columns "
                f"{table.columns}."
            )
        labels, several = read_column(table, label, wanted)
        used, names, said = {text, label}, table.declared(label), f"'{label}'"
        beside = _names_beside(table, label, text)
        if beside and not names and wanted.label_names is None:
            names = _names_of_ids(table, label, beside, labels)
            if names:
                labels = [row and [names[int(name)] for name in row] for row in labels]
                used, said = used | {beside}, f"'{label}', named by '{beside}'"
        similar = [name for name in similar if name != beside]
        return Taken(table.values(text), labels, several, f"'{text}'", said, used, names, similar)


def read_column(table: Table, column: str, wanted: Wanted) -> tuple[list[list[str] | None], bool]:
    """One column to label names.

    Args:
        table: All splits.
        column: The label column.
        wanted: What the user said.

    Returns:
        For each row the names, [] for none of the labels, None where nothing was said; and whether cells hold several.

    Raises:
        DataError: a value cannot be a class.
    """
    where = f"The column '{column}' of '{table.source}'"
    labels, several = read_cells(table.values(column), where, wanted)
    return _without_withheld(table, labels, where, bool(table.declared(column))), several


def read_cells(cells: list, where: str, wanted: Wanted) -> tuple[list[list[str] | None], bool]:
    """Cells to names; see `read_column`."""
    multi = wanted.label_mode == "multi"
    cells = parse_strings(cells, where)
    refuse_shares(cells, where)
    cells = read_vectors(cells, wanted.label_names, where)
    separator = wanted.label_separator
    listed = any(isinstance(cell, (list, dict)) for cell in cells)
    if separator is None and not listed:
        separator = find_separator(
            [cell for cell in cells if isinstance(cell, str) and not is_missing(cell)], where, multi
        )
    labels = _whole_numbers([cell_names(cell, separator, where) for cell in cells])
    # Lists of exactly one name in every row are one label per text.
    several = bool(separator) or (listed and any(row is not None and len(row) != 1 for row in labels))
    return labels, several


def _names_beside(table: Table, label: str, text: str) -> str | None:
    """A column that names the ids of the label column."""
    return next((name for name in table.columns if name.lower() in LABEL_TEXTS and name not in (label, text)), None)


def _names_of_ids(table: Table, label: str, beside: str, labels: list[list[str] | None]) -> list[str]:
    """The names in the order of the ids, where each id from 0 on has exactly one; else none."""
    found: dict[int, set[str]] = {}
    for row, name in zip(labels, table.values(beside), strict=True):
        if row and len(row) == 1 and row[0].isdigit() and isinstance(name, str):
            found.setdefault(int(row[0]), set()).add(name.strip())
    ids = {name for row in labels for name in row or ()}
    names = [found.get(number, {f"{number}"}) for number in range(max(found, default=-1) + 1)]
    known = names and ids == {str(number) for number in found} and all(len(name) == 1 for name in names)
    if not known:
        logger.warning(
            f"The column '{beside}' of '{table.source}' does not name the ids in '{label}', and is not used."
        )
        return []
    return [next(iter(name)) for name in names]


def _without_withheld(
    table: Table, labels: list[list[str] | None], where: str, declared: bool
) -> list[list[str] | None]:
    """Leave out what says that a label is withheld; -1 is a class where 1 is its opposite."""
    words = {name for row in labels for name in row or ()}
    if declared or not words & WITHHELD or words <= WITHHELD:
        return [row if row is None or not set(row) <= WITHHELD or not row else None for row in labels]
    numbers = {float(name) for name in words - {"-"} if NUMBER.fullmatch(name)}
    scale = len(numbers) == len(words - {"-"}) and (numbers <= {-1, 0, 1} or min(numbers) < -1)
    result = list(labels)
    for name, places in table.ranges():
        given = {label for place in places for label in labels[place] or ()}
        hidden = WITHHELD if given == {"-1"} and name != "train" else WITHHELD - ({"-1"} if scale else set())
        gone = [place for place in places if labels[place] and set(labels[place] or ()) <= hidden]
        if gone:
            value = (labels[gone[0]] or [""])[0]
            logger.warning(
                f"{where}: {len(gone)} row(s) of {name} have '{value}', which says that the label is withheld: they "
                "have no label."
            )
        for place in gone:
            result[place] = None
    return result


def _whole_numbers(labels: list[list[str] | None]) -> list[list[str] | None]:
    """`1.0` to `1` where all names are numbers: integers beside empty cells are often written so."""
    if not all(NUMBER.fullmatch(name) for row in labels for name in row or ()):
        return labels
    whole = re.compile(r"\.0+$")
    return [row and list(dict.fromkeys(whole.sub("", name) for name in row)) for row in labels]
