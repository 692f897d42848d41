"""SQLite databases: one table of `file.db::table`."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa

from .delimited import check_names
from .errors import TableError, listed, refusing
from .json_values import column_name, to_array
from .limits import Limits
from .sources import Source

# Steps of the database's machine between two looks at the clock, and looks until an upload is given up.
STEPS, LOOKS = 100_000, 10_000


def read_database(source: Source, limits: Limits) -> pa.Table:
    """Read a table of a database: the one that is named, or the only one.

    Args:
        source: The database; its `part` is the table's name.
        limits: Of rows and columns.

    Returns:
        Columns of the values' own types.

    Raises:
        TableError: it is no database, has no such table, or holds too much.
    """
    what = f"The file '{source.shown}' cannot be read as an SQLite database"
    cure = "Export the table as CSV, say with `sqlite3 -csv -header`."
    kinds = (sqlite3.Error, OverflowError, MemoryError)
    with refusing(what, cure, *kinds), closing(_connect(source)) as database:
        database.execute("PRAGMA trusted_schema = OFF")
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(limits.room(source.size), 2**31 - 1))
        database.text_factory = lambda content: content.decode("utf-8", "replace")
        looks = iter(range(LOOKS))
        database.set_progress_handler(lambda: next(looks, -1) == -1, STEPS)
        name = _choose(source, database)
        quoted = name.replace('"', '""')
        cursor = database.execute(f'SELECT * FROM "{quoted}"')
        names = [column_name(field[0]) for field in cursor.description]
        limits.check_columns(source.shown, len(names))
        check_names(source.shown, names)
        rows: list[tuple] = []
        size = 0
        for row in cursor:
            rows.append(row)
            limits.check_rows(source.shown, len(rows))
            # Cells can be computed, and then hold more than the file does.
            size += sum(len(cell) for cell in row if isinstance(cell, (str, bytes)))
            limits.check_unpacked(source.shown, source.size, size)
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.Table.from_arrays([to_array(list(column)) for column in columns], names=names)


def _connect(source: Source) -> sqlite3.Connection:
    """A connection that cannot write."""
    if isinstance(source.content, Path):
        return sqlite3.connect(f"{source.content.resolve().as_uri()}?mode=ro", uri=True)
    database = sqlite3.connect(":memory:")
    database.deserialize(source.content)
    return database


def _choose(source: Source, database: sqlite3.Connection) -> str:
    """The table to read: views and virtual tables, which compute, are none."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    tables = [name for (name,) in database.execute(query) if not name.startswith("sqlite_")]
    if source.part is None and len(tables) == 1:
        return tables[0]
    if source.part in tables:
        return str(source.part)
    what = f"no table '{source.part}'" if source.part is not None else f"{len(tables)} tables"
    advice = f"Name one of them as '{source.advice}::{tables[0]}'." if tables else "Make a table of what you want read."
    raise TableError(f"'{source.shown}' has {what}: its tables are {listed(tables)}. {advice}")
