"""Uploads: files that `tables` reads, within the demo's limits, as columns of texts, or refused in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from tables import SUFFIXES, Limits, TableError
from tables import read_table as read_any
from tables.columns import likely_texts, split_pair, strings_of

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
# A pair of texts is a tuple.
Text = str | tuple[str, str]
# Columns of pairs in transformers' text classification.
PAIR = ("text", "text_pair")
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

    def choices(self, pair: Sequence[str] | None) -> list[str]:
        """The columns, and before them two separated by a comma where a model of pairs finds its own here.

        Args:
            pair: The two columns that the model was trained on.
        """
        known = (pair, PAIR) if pair else ()
        both = [",".join(names) for names in known if {*names} <= self.columns.keys()]
        return both[:1] + list(self.columns)

    def likely_column(self, pair: Sequence[str] | None = None) -> str:
        """What most likely holds the texts: the model's own two columns, a usual name, or the longest entries."""
        if self.choices(pair)[0] not in self.columns:
            return self.choices(pair)[0]
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


def texts_of(table: Table, column: str | None) -> list[Text]:
    """The texts of one column, or the pairs of two, checked for their length.

    Args:
        table: An upload.
        column: A column, or two separated by a comma; a row without a second text is a single text.

    Raises:
        RefusalError: there is no such column, or a text in it is too long.
    """
    try:
        names = [name for name in split_pair(column or "", table.columns, "the column") if name is not None]
    except TableError as error:
        raise RefusalError(str(error)) from None
    for name in names:
        if name not in table.columns:
            close = get_close_matches(name, table.columns, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise RefusalError(
                f"'{table.name}' has no column '{name[:100]}': it has {', '.join(table.columns)[:300]}.{hint}"
            )
    firsts = table.columns[names[0]]
    texts: list[Text] = list(firsts)
    if len(names) > 1:
        pairs = zip(firsts, table.columns[names[1]], strict=True)
        texts = [(first, second) if second.strip() else first for first, second in pairs]
    for number, text in enumerate(texts, start=1):
        if len("".join(text)) > MAX_CHARACTERS:
            raise RefusalError(
                f"Row {number:,} of '{table.name}' has {len(''.join(text)):,} characters in '{column}'; up to "
                f"{MAX_CHARACTERS:,} are read here. Split or shorten it, please."
            )
    if not any(text.strip() for text in firsts):
        raise RefusalError(f"The column '{names[0]}' of '{table.name}' has no text in it.")
    return texts


def halves(text: Text) -> tuple[str, str]:
    """A text and the second one of a pair, "" if it stands alone."""
    return (text, "") if isinstance(text, str) else text
