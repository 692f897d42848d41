"""Files that cannot be read from any row on, such as workbooks and packed files, once more as Parquet."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from common.atomic import put, room
from common.errors import DataError
from tables import read_table, split_part
from tables.errors import listed

# Named as what readers of Parquet folders pass over.
COPIES = "_copies"
READ_BYTES = 1 << 20


def copy_as_parquet(file: Path, columns: Sequence[str], folder: Path, column_names: Sequence[str] | None) -> Path:
    """Write the columns of a file that are needed as Parquet, unless that was done before.

    Args:
        file: Any file that `tables` reads, `file.db::table` among them.
        columns: The columns that are needed, `data.text` among them; those that it lacks are left out.
        folder: Where the copy goes; made if missing.
        column_names: Names of the file's columns, where its first line is a row of data.

    Returns:
        The copy, named after what it was made from.

    Raises:
        DataError: the file cannot be read, has none of the columns, or one of them cannot be written.
        OSError: there is no room.
    """
    path, part = split_part(file)
    digest = hashlib.sha256(repr((part, list(columns), column_names)).encode())
    with path.open("rb") as stream:
        while block := stream.read(READ_BYTES):
            digest.update(block)
    copy = folder / f"{digest.hexdigest()}.parquet"
    if copy.exists():
        return copy
    table = read_table(file, column_names=column_names)
    if not set(columns) <= {*table.column_names}:
        table = table.flatten()
    found = [name for name in columns if name in table.column_names]
    if not found:
        raise DataError(
            f"'{file}' has none of the columns {list(columns)}: its columns are {listed(table.column_names)}. Name "
            "them with --text_column and --id_column."
        )
    folder.mkdir(parents=True, exist_ok=True)
    aside = copy.with_suffix(".unfinished")
    with room(folder, "Make room and run the same command again."):
        try:
            pq.write_table(table.select(found), aside, compression="zstd")
            put(aside, copy)
        except (pa.ArrowException, NotImplementedError) as error:
            aside.unlink(missing_ok=True)
            raise DataError(
                f"The columns {found} of '{file}' cannot be labelled ({str(error).splitlines()[0][:120]}): expected "
                "texts, and ids that are single values."
            ) from None
    return copy


__all__ = ["COPIES", "copy_as_parquet"]
