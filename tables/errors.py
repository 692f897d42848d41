"""The error that says what is wrong with a file, in a sentence of bounded length."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

# Names that a sentence lists, and characters of each that it shows.
LISTED, SHOWN = 20, 60


class TableError(ValueError):
    """A file, a row or a column is not what was expected; the message says what came and what to do."""


@contextmanager
def refusing(what: str, cure: str, *kinds: type[Exception]) -> Iterator[None]:
    """Raise a TableError in place of errors of these kinds: what cannot be done, the library's words, and the cure."""
    try:
        yield
    except (TableError, PermissionError):
        raise
    except kinds as error:
        said = str(error).splitlines()[0][:120] if str(error) else "damaged"
        raise TableError(f"{what} ({said}). {cure}") from None


def listed(names: Iterable[str]) -> list[str]:
    """Names for a sentence: not too many, none too long."""
    names = iter(names)
    first = [name if len(name) <= SHOWN else f"{name[:SHOWN]}…" for name in islice(names, LISTED)]
    return [*first, "…"] if next(names, None) is not None else first
