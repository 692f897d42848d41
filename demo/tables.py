"""Uploads: files that `tables` reads, within the demo's limits, as columns of texts, or refused in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tables import SUFFIXES, Limits, TableError
from tables import read_table as read_any
from tables.columns import likely_texts, strings_of

from .limits import MAX_CHARACTERS, MAX_MEGABYTES, MAX_ROWS, RefusalError, whole_signs

KINDS = SUFFIXES
LIMITS = Limits(
    rows=MAX_ROWS,
    columns=200,
    characters=MAX_CHARACTERS * MAX_ROWS,
    # A packed file of 10 MB can hold far more than that.
    unpacked=200 * 2**20,
    flat=True,
)
# A name of more characters is no name.
MAX_NAME = 100


@dataclass(frozen=True)
class Table:
    """An uploaded file.

    Args:
        name: Its file name.
        columns: Texts of each column that holds texts, all of one length.
        sheet: Which of a workbook's sheets was taken, where there are several.
    """

    name: str
    columns: dict[str, list[str]]
    sheet: str | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values())))

    def likely_column(self) -> str:
        """The column that most likely holds the texts: one with a usual name, else the one with the longest entries."""
        found = likely_texts(self.columns)
        if len(found) == 1:
            return found[0]
        return max(self.columns, key=lambda column: sum(map(len, self.columns[column])))


def read_table(name: str, data: bytes, column_names: Sequence[str] | None = None) -> Table:
    """Read an uploaded file.

    Args:
        name: File name; its extension says what it is.
        data: Its bytes.
        column_names: Names of its columns, where its first line is a row of data.

    Returns:
        The columns that hold texts, "" where there is none.

    Raises:
        RefusalError: what is wrong with it and what would be right.
    """
    shown = whole_signs(Path(name).name[-80:])
    if len(data) > MAX_MEGABYTES * 2**20:
        raise RefusalError(f"'{shown}' has {len(data) / 2**20:.1f} MB; up to {MAX_MEGABYTES} MB are read here.")
    try:
        table = read_any(data, shown, column_names=column_names, limits=LIMITS)
    except TableError as error:
        raise RefusalError(str(error)) from None
    texts = strings_of(table)
    if not texts:
        raise RefusalError(f"'{shown}' has no column of texts: its columns are {', '.join(table.column_names)[:300]}.")
    if any(len(column) > MAX_NAME for column in texts):
        raise RefusalError(
            f"'{shown}' has a column name of over {MAX_NAME} characters: write a line with a name for each column at "
            "its top."
        )
    columns = {name: [text or "" for text in column.to_pylist()] for name, column in texts.items()}
    sheet = (table.schema.metadata or {}).get(b"sheet")
    return Table(shown, columns, sheet and sheet.decode())


def texts_of(table: Table, column: str | None) -> list[str]:
    """The texts of one column, checked for their length.

    Raises:
        RefusalError: there is no such column, or a text in it is too long.
    """
    if column not in table.columns:
        raise RefusalError(
            f"'{table.name}' has no column '{str(column)[:100]}': it has {', '.join(table.columns)[:300]}."
        )
    for number, text in enumerate(table.columns[column], start=1):
        if len(text) > MAX_CHARACTERS:
            raise RefusalError(
                f"Row {number:,} of '{table.name}' has {len(text):,} characters in '{column}'; up to "
                f"{MAX_CHARACTERS:,} are read here. Split or shorten it, please."
            )
    if not any(text.strip() for text in table.columns[column]):
        raise RefusalError(f"The column '{column}' of '{table.name}' has no text in it.")
    return table.columns[column]
