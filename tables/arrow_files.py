"""Parquet, Arrow and Feather files, within limits of what they unpack to."""

import struct

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq
import pyarrow.types as pt

from .arrow_size import declared_bytes
from .delimited import check_names
from .errors import refusing
from .limits import Limits
from .sources import Source

MAGIC = b"ARROW1"
# The magic word is padded to so many bytes.
MAGIC_BYTES = 8


def read_arrow(source: Source, limits: Limits) -> pa.Table:
    """Read a Parquet, Arrow or Feather file; categories become what they stand for.

    Args:
        source: The file.
        limits: Of rows, columns, and of what is unpacked.

    Raises:
        TableError: it is no such file, holds too much, or has a column name twice.
    """
    kind = "Parquet" if source.suffix == ".parquet" else "Arrow"
    what, cure = f"The file '{source.shown}' cannot be read as {kind}", "Write it again, or give the data as CSV."
    with refusing(what, cure, pa.ArrowException, OSError, ValueError, struct.error):
        table = _read_parquet(source, limits) if kind == "Parquet" else _read_ipc(source, limits)
        # Arrow trusts what a file says of the places of texts and categories.
        table.validate(full=True)
        names = table.column_names
        columns = [_plain(source, name, table.column(place), limits) for place, name in enumerate(names)]
    # The metadata say how pandas or `datasets` mean the columns.
    return pa.Table.from_arrays(columns, names=names).replace_schema_metadata(table.schema.metadata)


def _read_parquet(source: Source, limits: Limits) -> pa.Table:
    with source.open() as stream:
        file = pq.ParquetFile(stream)
        schema = file.schema_arrow
        check_names(source.shown, schema.names)
        limits.check_columns(source.shown, len(schema.names))
        limits.check_rows(source.shown, file.metadata.num_rows)
        if not limits.flat:
            return file.read()
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        limits.check_unpacked(source.shown, source.size, sum(group.total_byte_size for group in groups))
        # Repeated texts stay packed until their length is known.
        texts = [field.name for field in schema if is_text(field.type)]
        stream.seek(0)
        return pq.ParquetFile(stream, read_dictionary=texts).read(columns=_flat(schema))


def _read_ipc(source: Source, limits: Limits) -> pa.Table:
    """A file in Arrow's format, as pandas' `to_feather` writes it, or a stream, as `save_to_disk` does."""
    with source.open() as stream:
        # A file is a stream with a beginning and a table of contents; strangers' files are read as streams, so that
        # the messages that are read are those whose size was looked at.
        is_file = stream.read(len(MAGIC)) == MAGIC
        stream.seek(0)
        if limits.flat:
            start = MAGIC_BYTES if is_file else 0
            limits.check_unpacked(source.shown, source.size, declared_bytes(source.read(), start))
            stream.seek(start)
        reader = pa.ipc.open_file(stream) if is_file and not limits.flat else pa.ipc.open_stream(stream)
        check_names(source.shown, reader.schema.names)
        limits.check_columns(source.shown, len(reader.schema.names))
        table = reader.read_all()
    limits.check_rows(source.shown, table.num_rows)
    return table.select(_flat(table.schema)) if limits.flat else table


def _flat(schema: pa.Schema) -> list[str]:
    """Columns whose size is bounded by the number of rows, and texts."""

    def grows(kind: pa.DataType) -> bool:
        return pt.is_nested(kind) or pt.is_dictionary(kind) or pt.is_run_end_encoded(kind)

    return [field.name for field in schema if is_text(field.type) or not grows(field.type)]


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds strings, packed or not."""
    kind = kind.value_type if pt.is_dictionary(kind) else kind
    return pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind)


def _plain(source: Source, name: str, column: pa.ChunkedArray, limits: Limits) -> pa.ChunkedArray:
    """Categories and views of strings as what they stand for."""
    kind = column.type
    if is_text(kind) and limits.characters is not None:
        limits.check_characters(source.shown, name, sum(map(_characters, column.chunks)))
    if pt.is_dictionary(kind):
        kind = kind.value_type
        column = pa.chunked_array([chunk.dictionary_decode() for chunk in column.chunks], kind)
    return column.cast(pa.string()) if pt.is_string_view(kind) else column


def _characters(chunk: pa.Array) -> int:
    """Characters (bytes where they are not packed) of all texts together, without writing each of them out."""
    if pt.is_string_view(chunk.type):
        # A view is four numbers, the first of which is the length.
        views = np.frombuffer(chunk.buffers()[1], np.int32).reshape(-1, 4)
        return int(views[chunk.offset : chunk.offset + len(chunk), 0].sum())
    if not isinstance(chunk, pa.DictionaryArray):
        return pc.sum(pc.binary_length(chunk)).as_py() or 0
    lengths = np.array([len(text or "") for text in chunk.dictionary.to_pylist()] + [0])
    return int(lengths[chunk.indices.fill_null(len(lengths) - 1).to_numpy()].sum())
