"""The splits of a source as one table, in Python values, for the layouts to look at."""

from collections.abc import Iterator
from functools import cached_property

import pyarrow.types as pt
from datasets import ClassLabel, Dataset, DatasetDict

from common.errors import DataError


class Table:
    """All rows of all splits, one split after the other.

    A layout must see the whole of a column: which names occur, and what separates them, is decided once for all splits.

    Args:
        splits: As they were read, `train` among them.
        source: Named in messages.
    """

    def __init__(self, splits: DatasetDict, source: str):
        self.splits = splits
        self.source = source
        self._values: dict[str, list] = {}

    @cached_property
    def columns(self) -> list[str]:
        """Names of train's columns, then those that only other splits have."""
        return list(dict.fromkeys(name for split in self.splits.values() for name in split.column_names))

    def without(self, column: str) -> "Table":
        """The same rows without one of the columns."""
        kept = {name: split.select_columns([c for c in split.column_names if c != column])
                for name, split in self.splits.items()}  # fmt: skip
        return Table(DatasetDict(kept), self.source)

    @property
    def num_rows(self) -> int:
        """Rows of all splits together."""
        return sum(len(split) for split in self.splits.values())

    def ranges(self) -> Iterator[tuple[str, range]]:
        """Each split's name and the places of its rows."""
        start = 0
        for name, split in self.splits.items():
            yield name, range(start, start + len(split))
            start += len(split)

    def values(self, column: str) -> list:
        """A column as Python values: declared class ids are names, -1 among them null; a split without it has nulls.

        Raises:
            DataError: a class id is beyond the declared names.
        """
        if column not in self._values:
            self._values[column] = [
                value for split in self.splits.values() for value in _values(split, column, self.source)
            ]
        return self._values[column]

    def present(self, column: str) -> list:
        """A column's values without nulls and blank strings."""
        return [value for value in self.values(column) if not is_missing(value)]

    def declared(self, column: str) -> list[str]:
        """Names that the data set's own features give a column's class ids, in their order."""
        found = (class_names(split, column) or [] for split in self.splits.values() if column in split.column_names)
        return list(dict.fromkeys(name for names in found for name in names))

    def is_string(self, column: str) -> bool:
        """Whether a column holds strings, by its type."""
        kinds = [split.data.schema.field(column).type for split in self.splits.values() if column in split.column_names]
        return all(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_null(kind) for kind in kinds)


# What writers leave where there was nothing; other words, `None` among them, can be the name of a class.
MISSING = {"", "nan", "null", "<na>"}


def is_missing(value: object) -> bool:
    """Whether a cell is empty: null, NaN, or a string that says so."""
    # NaN is not equal to itself.
    return value is None or value != value or (isinstance(value, str) and value.strip().lower() in MISSING)


def class_names(split: Dataset, column: str) -> list[str] | None:
    """Names that a split's features give a column's class ids."""
    feature = split.features[column]
    feature = feature[0] if isinstance(feature, list) else getattr(feature, "feature", feature)
    return list(feature.names) if isinstance(feature, ClassLabel) else None


def _values(split: Dataset, column: str, source: str) -> list:
    if column not in split.column_names:
        return [None] * len(split)
    values = split.data.column(column).to_pylist() if split._indices is None else list(split[column])
    names = class_names(split, column)
    if names is None:
        return values
    return [_decode(value, names, f"The column '{column}' of '{source}'") for value in values]


def _decode(cell: int | list[int] | None, names: list[str], where: str) -> str | list[str] | None:
    """Class ids to names; -1 is the Hub's way to say that a label is withheld."""
    if cell is None:
        return None
    ids = cell if isinstance(cell, list) else [cell]
    beyond = [i for i in ids if i is not None and i >= len(names)]
    if beyond:
        raise DataError(
            f"{where} holds the class id {beyond[0]}, but names only {len(names)} classes: {names[:5]}. Declare all of "
            "them."
        )
    known = [names[i] for i in ids if i is not None and i >= 0]
    if isinstance(cell, list):
        return known if known or not cell else None
    return known[0] if known else None
