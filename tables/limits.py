"""How much a file may hold, for those who read what strangers send."""

from dataclasses import dataclass

from .errors import TableError

# A file may unpack to so much, however small it is.
SMALL = 64 * 2**20


@dataclass(frozen=True)
class Limits:
    """Bounds of what is read into memory.

    Args:
        rows: Of a table; None for any number.
        columns: Of a table; None for any number.
        characters: Of all texts of a column together; None for any number.
        unpacked: Bytes that a packed file may become.
        ratio: How many times its size a packed file may become, beyond SMALL; texts shrink to a tenth or so.
        flat: Leave out columns of lists and structs, whose size no number of rows bounds.
    """

    rows: int | None = None
    columns: int | None = None
    characters: int | None = None
    unpacked: int = 4 * 2**30
    ratio: int = 100
    flat: bool = False

    def check_rows(self, name: str, rows: int) -> None:
        """Refuse a table of too many rows.

        Raises:
            TableError: names the limit.
        """
        if self.rows is not None and rows > self.rows:
            raise TableError(
                f"'{name}' has more than {self.rows:,} rows; up to {self.rows:,} are read at a time. Split it, please."
            )

    def check_columns(self, name: str, columns: int) -> None:
        """Refuse a table of too many columns.

        Raises:
            TableError: names the limit.
        """
        if self.columns is not None and columns > self.columns:
            raise TableError(
                f"'{name}' has {columns:,} columns; up to {self.columns} are read here. Keep the one with the texts."
            )

    def check_characters(self, name: str, column: str, characters: int) -> None:
        """Refuse a column of too much text.

        Raises:
            TableError: names the limit.
        """
        if self.characters is not None and characters > self.characters:
            raise TableError(
                f"'{name}' has too long texts in '{column[:100]}': {characters:,} characters together; up to "
                f"{self.characters:,} are read here. Split or shorten them, please."
            )

    def room(self, packed: int) -> int:
        """Bytes that a file of so many bytes may become."""
        return min(self.unpacked, SMALL + self.ratio * packed)

    def check_unpacked(self, name: str, packed: int, unpacked: int) -> None:
        """Refuse a packed file that becomes too large.

        Raises:
            TableError: names the limit.
        """
        if unpacked > self.room(packed):
            raise TableError(
                f"'{name}' holds more than {self.room(packed) / 2**20:,.0f} MB when unpacked, from "
                f"{packed / 2**20:,.1f} MB: unpack it yourself if it is meant to, and give the file that was in it."
            )
