"""The error that says what is wrong with a file, in a sentence of bounded length."""

from collections.abc import Iterable
from itertools import islice

# Names that a sentence lists, and characters of each that it shows.
LISTED, SHOWN = 20, 60


class TableError(ValueError):
    """A file, a row or a column is not what was expected; the message says what came and what to do."""


def listed(names: Iterable[str]) -> list[str]:
    """Names for a sentence: not too many, none too long."""
    names = iter(names)
    first = [name if len(name) <= SHOWN else f"{name[:SHOWN]}…" for name in islice(names, LISTED)]
    return [*first, "…"] if next(names, None) is not None else first
