"""What a layout is asked, and what it answers."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from .table import Table

LabelMode = Literal["auto", "single", "multi"]


@dataclass(frozen=True)
class Wanted:
    """What the user said about the columns; None where nothing was said.

    Args:
        text_column: The text column, or two separated by a comma for pairs of texts.
        label_column: The label column, or several, separated by commas.
        label_separator: What separates several names in one string, "" for nothing.
        label_mode: See [`extraction.sources.load_source`].
        label_names: Names of the class ids or of a vector's places, in their order.
    """

    text_column: str | None = None
    label_column: str | None = None
    label_separator: str | None = None
    label_mode: LabelMode = "auto"
    label_names: tuple[str, ...] | None = None


@dataclass
class Taken:
    """What a layout read.

    Args:
        texts: A cell for each row, null where there is none.
        labels: The label names of each row; [] for none of the labels, None for a row that was not labelled.
        several: Whether a text can have several labels.
        text_from: Where the texts stood, as said to the user.
        labels_from: Where the labels stood, as said to the user.
        used: Columns that were used; the others are named as not used.
        names: Names of the labels that are known beforehand, in the order of their ids.
        similar: Columns that would have fitted as well.
        seconds: The second texts of pairs, a cell for each row; None where texts are read alone.
        text_columns: The two columns of pairs.
    """

    texts: list
    labels: list[list[str] | None]
    several: bool
    text_from: str
    labels_from: str
    used: set[str]
    names: list[str] = field(default_factory=list)
    similar: list[str] = field(default_factory=list)
    seconds: list | None = None
    text_columns: list[str] | None = None


class Layout(Protocol):
    """One way in which people write down texts and their labels."""

    def fits(self, table: Table, wanted: Wanted) -> bool:
        """Whether the table looks like it, and nothing that the user said speaks against it."""
        ...

    def read(self, table: Table, wanted: Wanted) -> Taken:
        """Read texts and labels.

        Raises:
            DataError: what stands there cannot be texts or classes.
        """
        ...
