"""Excel's workbooks (.xlsx): one sheet to columns of strings, as if it had been saved as CSV."""

import datetime
import io
import logging
import re
import zipfile
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from .delimited import check_names, strings
from .errors import TableError, listed, refusing
from .header import name_columns
from .limits import Limits
from .sources import UNPACKING, Source, bounded

logger = logging.getLogger(__name__)
SHARED = re.compile(rb"<(?:\w+:)?si[ >].*?</(?:\w+:)?si>|<(?:\w+:)?si/>", re.DOTALL)
VALUE = re.compile(rb"<(?:\w+:)?v[^>]*>\s*(\d{1,9})\s*</")


def read_sheet(source: Source, given: Sequence[str] | None, limits: Limits) -> pa.Table:
    """Read a sheet of a workbook: the one that is named, else the first that is not empty.

    Args:
        source: The workbook; its `part` is the sheet's name.
        given: Names of its columns, where it has none.
        limits: Of rows, columns, and of what is unpacked.

    Returns:
        Columns of strings, with null for an empty cell; whole numbers have no point, dates are as in ISO 8601. Where
        one of several sheets was chosen here, the metadata have its name under `sheet`.

    Raises:
        TableError: it is no workbook, has no such sheet, or holds too much.
    """
    what = f"The file '{source.shown}' cannot be read as an Excel workbook"
    with refusing(what, "Save it again as .xlsx without a password, or as 'CSV UTF-8'.", CalamineError, *UNPACKING):
        book = CalamineWorkbook.from_filelike(io.BytesIO(_unpacked(source, limits)))
        sheet = _choose(source, book)
        rows = [[_as_cell(value) for value in row] for row in sheet.to_python()]
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        raise TableError(f"The sheet '{sheet.name}' of '{source.shown}' is empty: expected a header line and rows.")
    limits.check_columns(source.shown, len(rows[0]))
    names, header = name_columns(source.shown, rows[0], rows[1:1000], given)
    check_names(source.shown, names)
    limits.check_rows(source.shown, len(rows) - header)
    table = strings(names, rows[1:] if header else rows)
    chosen = source.part is None and len(book.sheet_names) > 1
    return table.replace_schema_metadata({"sheet": sheet.name}) if chosen else table


def _choose(source: Source, book: CalamineWorkbook) -> CalamineSheet:
    """The sheet to read."""
    if source.part is not None:
        if source.part not in book.sheet_names:
            raise TableError(
                f"'{source.shown}' has no sheet '{source.part}': its sheets are {listed(book.sheet_names)}."
            )
        return book.get_sheet_by_name(source.part)
    sheets = [book.get_sheet_by_name(name) for name in book.sheet_names]
    filled = [sheet for sheet in sheets if sheet.height] or sheets
    if not filled:
        raise TableError(f"'{source.shown}' has no sheet.")
    if len(filled) > 1:
        others = [sheet.name for sheet in filled[1:]]
        logger.warning(
            f"The sheet '{filled[0].name}' of '{source.shown}' is read; {listed(others)} are not. Name one of them as "
            f"'{source.advice}::{others[0]}'."
        )
    return filled[0]


def _unpacked(source: Source, limits: Limits) -> bytes:
    """The workbook, not packed any more: what is read then is what was counted here."""
    stored = io.BytesIO()
    size = 0
    with source.open() as stream, zipfile.ZipFile(stream) as packed, zipfile.ZipFile(stored, "w") as plain:
        texts = b""
        parts = []
        for name in dict.fromkeys(packed.namelist()):
            with packed.open(name) as member:
                content = bounded(member, source, limits)
            size += len(content)
            limits.check_unpacked(source.shown, source.size, size)
            plain.writestr(name, content)
            if name.lower().endswith("sharedstrings.xml"):
                texts = content
            elif "worksheets/" in name.lower():
                parts.append(content)
    _check_repeats(source, texts, parts, limits)
    return stored.getvalue()


def _check_repeats(source: Source, texts: bytes, sheets: list[bytes], limits: Limits) -> None:
    """Refuse a workbook in which a long text stands in very many cells: it is kept once, and read as often."""
    lengths = np.array([len(match[0]) for match in SHARED.finditer(texts)] or [0])
    for sheet in sheets:
        used = np.array([int(match[1]) for match in VALUE.finditer(sheet)] or [0])
        limits.check_unpacked(source.shown, source.size, int(lengths[used[used < len(lengths)]].sum()))


def _as_cell(value: object) -> str:
    """A cell as a person reads it; nothing is an empty string."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return str(value)
