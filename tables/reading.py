"""Any file to a table."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from . import dialogues, empathetic, fasttext
from .arrow_files import read_arrow
from .databases import read_database
from .delimited import read_delimited
from .errors import TableError, listed
from .json_files import read_json
from .limits import Limits
from .sheets import read_sheet
from .sources import DELIMITED, JSON, SQLITE, Source, open_source

# The formats whose first line may be a row of data.
NAMED_BY_FIRST_LINE = (*DELIMITED, ".xlsx")
# Corpora whose files have a layout of their own, whatever their suffix says.
CORPORA = (fasttext, empathetic, dialogues)


def read_table(
    source: Path | str | bytes,
    name: str | None = None,
    *,
    column_names: Sequence[str] | None = None,
    limits: Limits | None = None,
) -> pa.Table:
    """Read a file whole.

    Args:
        source: A path that ends in one of `SUFFIXES`, `file.db::table` and `file.xlsx::sheet` among them; or bytes.
        name: What the file is called, for bytes; its suffix says what it is.
        column_names: Names of the columns, for a file whose first line is a row of data.
        limits: Of what is read into memory; those against packed files that become too large hold always.

    Returns:
        The file's columns; those of delimited files and sheets are strings, with null for an empty cell, others have
        the types of their file.

    Raises:
        TableError: the file cannot be read as what its name says; the message names the first line that is wrong.
    """
    limits = limits or Limits()
    found = open_source(source, name, limits)
    if column_names is not None and (found.suffix not in NAMED_BY_FIRST_LINE or is_corpus(found)):
        raise TableError(
            f"'{found.shown}' has names of its own for its columns: leave out --column_names, or save it as CSV."
        )
    table = _read(found, column_names, limits)
    if table.num_rows == 0:
        raise TableError(
            f"The file '{found.shown}' has the columns {listed(table.column_names)}, but no rows: expected texts and "
            "labels."
        )
    return table


def _read(source: Source, column_names: Sequence[str] | None, limits: Limits) -> pa.Table:
    """A file that is not packed, by its format."""
    corpus = next((corpus for corpus in CORPORA if corpus.fits(source)), None)
    if corpus is not None:
        return corpus.read(source, limits)
    if source.suffix in DELIMITED:
        return read_delimited(source, column_names, limits)
    if source.suffix in JSON:
        return read_json(source, limits)
    if source.suffix == ".xlsx":
        return read_sheet(source, column_names, limits)
    if source.suffix in SQLITE:
        return read_database(source, limits)
    return read_arrow(source, limits)


def is_corpus(source: Source) -> bool:
    """Whether a file has a layout of its own, and is read whole or not at all."""
    return any(corpus.fits(source) for corpus in CORPORA)
