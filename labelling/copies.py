"""Files that cannot be read from any row on, such as workbooks and packed files, once more as Parquet."""

import hashlib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from common.atomic import put, room
from common.errors import DataError
from tables import read_table, split_part
from tables.columns import split_pair
from tables.errors import listed

# Named as what readers of Parquet folders pass over.
COPIES = "_copies"
READ_BYTES = 1 << 20


def copy_as_parquet(
    file: Path, text_column: str, id_column: str | None, folder: Path, column_names: Sequence[str] | None
) -> Path:
    """Write the columns of a file that are needed as Parquet, unless that was done before.

    Args:
        file: Any file that `tables` reads, `file.db::table` among them.
        text_column: Column with the texts, or two separated by a comma for pairs.
        id_column: Column with the ids, or None.
        folder: Where the copy goes; made if missing.
        column_names: Names of the file's columns, where its first line is a row of data.

    Returns:
        The copy, named after what it was made from.

    Raises:
        DataError: the file cannot be read, lacks a column, or one of them cannot be written.
        OSError: there is no room.
    """
    path, part = split_part(file)
    wanted = [name for name in (text_column, id_column) if name is not None]
    digest = hashlib.sha256(repr((part, wanted, column_names)).encode())
    with path.open("rb") as stream:
        while block := stream.read(READ_BYTES):
            digest.update(block)
    copy = folder / f"{digest.hexdigest()}.parquet"
    if copy.exists():
        return copy
    table = read_table(file, column_names=column_names)
    if not {*_needed(text_column, id_column, table)} <= {*table.column_names}:
        table = table.flatten()  # `data.text` is a column now
    columns = _needed(text_column, id_column, table)
    missing = next((name for name in columns if name not in table.column_names), None)
    if missing is not None:
        close = get_close_matches(missing, table.column_names, n=1)
        hint = f"Did you mean '{close[0]}'? " if close else ""
        raise DataError(
            f"'{file}' has no column '{missing}': its columns are {listed(table.column_names)}. {hint}Name the columns "
            "with --text_column and --id_column."
        )
    folder.mkdir(parents=True, exist_ok=True)
    aside = copy.with_suffix(".unfinished")
    with room(folder, "Make room and run the same command again."):
        try:
            pq.write_table(table.select(columns), aside, compression="zstd")
            put(aside, copy)
        except (pa.ArrowException, NotImplementedError) as error:
            aside.unlink(missing_ok=True)
            raise DataError(
                f"The columns {columns} of '{file}' cannot be labelled ({str(error).splitlines()[0][:120]}): expected "
                "texts, and ids that are single values."
            ) from None
    return copy


def _needed(text_column: str, id_column: str | None, table: pa.Table) -> list[str]:
    """The columns that are written."""
    names = (*split_pair(text_column, table.column_names), id_column)
    return list(dict.fromkeys(name for name in names if name is not None))


__all__ = ["COPIES", "copy_as_parquet"]
