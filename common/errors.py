"""The error a user can act on, and the hint that goes with a misspelt word."""

from collections.abc import Iterable
from difflib import get_close_matches

from tables.errors import TableError

# An error that lists more than so many words is not read.
MAX_LISTED = 20

# A data set, file or column is not what was expected; the message says what came and what to do. Who catches one
# catches what the reader of tables raises, too.
DataError = TableError


def nearest(word: object, known: Iterable[str], otherwise: str = "`python train.py --help` lists the known.") -> str:
    """Hint at what a misspelt word may have meant.

    Args:
        word: As it was given. (YAML reads some words, such as `yes`, as no strings.)
        known: What it could have been.
        otherwise: Where to find the known words, if there are too many to list.

    Returns:
        A sentence that begins with a space: the nearest word, else all of them, else `otherwise`.
    """
    known = sorted(known)
    close = get_close_matches(str(word), known, n=1)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known are {known}." if len(known) <= MAX_LISTED else f" {otherwise}"


__all__ = ["DataError", "nearest"]
