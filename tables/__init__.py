"""Tables from files, whole or in pieces: one reader for what is trained on, labelled and uploaded."""

from .errors import TableError
from .limits import Limits
from .reading import read_table
from .sources import SUFFIXES, split_part

__all__ = ["SUFFIXES", "Limits", "TableError", "read_table", "split_part"]
