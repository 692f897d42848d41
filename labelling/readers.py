"""Rows of Parquet, CSV and JSON-lines files: one pass that checks and counts them, then any range of them."""

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from common.errors import DataError
from fusion_model.file_modes import check_readable

SUFFIXES = (".parquet", ".csv", ".jsonl", ".ndjson")
# Rows of a Parquet file that are decoded at a time.
READ_ROWS = 2048
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass
class Facts:
    """What one pass over a file found.

    Args:
        columns: Names of its columns, those of the first objects for JSON lines.
        delimiter: Of a CSV file.
        id_type: Arrow type of the id column; None without one.
        digest: sha256 of the content, for Parquet of the footer, which tells every page's place and statistics.
    """

    columns: list[str] = field(default_factory=list)
    delimiter: str = ","
    id_type: pa.DataType | None = None
    digest: str = ""


def parquet_facts(file: Path, text_column: str, id_column: str | None) -> tuple[Facts, int]:
    """Check a Parquet file by its footer.

    Args:
        file: The file.
        text_column: Must hold strings.
        id_column: Must hold single values; None if rows are numbered.

    Returns:
        What is known of it, and its number of rows.

    Raises:
        DataError: it is no Parquet file, or a column holds something else.
    """
    check_readable(file)
    try:
        with pq.ParquetFile(file) as parquet:
            schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
        with file.open("rb") as stream:
            stream.seek(-8, 2)
            length = int.from_bytes(stream.read(4), "little")
            stream.seek(-8 - length, 2)
            digest = hashlib.sha256(stream.read()).hexdigest()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"The file '{file}' cannot be read as Parquet ({str(error).splitlines()[0][:120]}).") from None
    facts = Facts(columns=schema.names, digest=digest)
    if schema.names.count(text_column) == 1 and not _holds_texts(schema.field(text_column).type):
        raise DataError(
            f"The column '{text_column}' of '{file}' holds {schema.field(text_column).type}: expected strings. Name "
            "the column with the texts with --text_column."
        )
    if schema.names.count(id_column) == 1:
        facts.id_type = _plain(schema.field(id_column).type)
        if pt.is_nested(facts.id_type):
            raise DataError(f"The id column '{id_column}' of '{file}' holds {facts.id_type}: expected single values.")
    return facts, rows


def parquet_rows(
    file: Path, text_column: str, id_column: str | None, start: int, stop: int
) -> Iterator[tuple[Any, Any]]:
    """`(id, text)` of the rows from `start` up to `stop`, a few thousand in memory at a time."""
    with pq.ParquetFile(file, buffer_size=1 << 20) as parquet:
        groups: list[int] = []
        first = seen = 0
        for group in range(parquet.num_row_groups):
            rows = parquet.metadata.row_group(group).num_rows
            if seen + rows > start and seen < stop:
                first = seen if not groups else first
                groups.append(group)
            seen += rows
        columns = [text_column] if id_column is None else list(dict.fromkeys([text_column, id_column]))
        position = first
        for batch in parquet.iter_batches(READ_ROWS, row_groups=groups, columns=columns):
            begin, end = max(start - position, 0), min(stop - position, len(batch))
            position += len(batch)
            if begin < end:
                texts = batch.column(text_column)[begin:end].to_pylist()
                ids = batch.column(id_column)[begin:end].to_pylist() if id_column else [None] * len(texts)
                yield from zip(ids, texts, strict=True)


class Lines:
    """Lines of a file from an offset on, which knows where the last one that was taken ended, and hashes them.

    Args:
        stream: The file, opened for reading bytes.
        file: Its name, for messages.
        start: Offset of the first line.
    """

    def __init__(self, stream: BinaryIO, file: Path, start: int = 0):
        self.stream, self.file, self.end, self.number = stream, file, start, 0
        self.digest = hashlib.sha256()
        stream.seek(start)

    def __iter__(self) -> Iterator[str]:
        for line in self.stream:
            self.number += 1
            self.digest.update(line)
            if self.end == 0:
                line, self.end = line.removeprefix(BYTE_ORDER_MARK), len(line) - len(line.removeprefix(BYTE_ORDER_MARK))
            self.end += len(line)
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"'{self.file}' is not UTF-8: byte 0x{line[error.start]:02x} in line {self.number}. Convert the "
                    "file first, for instance with iconv."
                ) from None


def csv_cells(lines: Lines, facts: Facts) -> Iterator[list[str]]:
    """Rows of a CSV file. Empty lines are none; of a file with one column, a line of blanks or of `""` is one.

    Raises:
        DataError: quotes do not close, or a row is not as wide as the first one was (when read from its start).
    """
    # The module's own limit of 131,072 characters is for hostile input; a long text is not an error.
    limit = csv.field_size_limit(2**31 - 1)
    begun = lines.number + 1
    try:
        for row in csv.reader(iter(lines), delimiter=facts.delimiter, strict=True):
            if len(row) > 1 or (row and (len(facts.columns) == 1 or row[0].strip())):
                yield row
            begun = lines.number + 1
    except csv.Error as error:
        raise DataError(
            f"The quotes in '{lines.file}' do not fit in the row that begins in line {begun} ({error}): expected that "
            "a quoted text is closed before the next cell, and that quotes in it are doubled."
        ) from None
    finally:
        csv.field_size_limit(limit)


def scan_csv(stream: BinaryIO, file: Path, facts: Facts, id_column: str | None) -> Iterator[tuple[int, int]]:
    """Check a CSV file and fill in `facts`.

    Yields:
        Where the header (first) and each row begins and ends, in bytes.

    Raises:
        DataError: a row is not as wide as the header, a quote does not close, or the file is not UTF-8.
    """
    # As spreadsheets of some countries write: a header without commas may have semicolons or tabs.
    header = stream.readline().decode("utf-8", "replace")
    facts.delimiter = next((sign for sign in ",;\t" if sign in header), ",")
    lines = Lines(stream, file)
    begin, first_line = 0, 1
    for row in csv_cells(lines, facts):
        if not facts.columns:
            facts.columns = [name.strip() for name in row]
        elif len(row) != len(facts.columns):
            raise DataError(
                f"The row in line {first_line} of '{file}' has {len(row)} cell(s), but the header has "
                f"{len(facts.columns)}: {facts.columns}. Put texts that contain '{facts.delimiter}' in double quotes."
            )
        yield begin, lines.end
        begin, first_line = lines.end, lines.number + 1
    facts.digest = lines.digest.hexdigest()
    facts.id_type = pa.string() if id_column in facts.columns else None


def scan_json(stream: BinaryIO, file: Path, facts: Facts, id_column: str | None) -> Iterator[tuple[int, int]]:
    """Check a JSON-lines file and fill in `facts`.

    Yields:
        Where each row begins and ends, in bytes.

    Raises:
        DataError: a line is not a JSON object, or not UTF-8.
    """
    lines = Lines(stream, file)
    columns: dict[str, None] = {}
    whole = True  # whether all ids are numbers that fit in 64 bits
    begin = 0
    for line in lines:
        if not line.strip():
            begin = lines.end
            continue
        row = json_object(line, file, lines.number)
        columns.update(dict.fromkeys(row))
        value = row.get(id_column) if id_column else None
        whole = whole and (value is None or (type(value) is int and -(2**63) <= value < 2**63))
        yield begin, lines.end
        begin = lines.end
    facts.columns, facts.digest = list(columns), lines.digest.hexdigest()
    facts.id_type = (pa.int64() if whole else pa.string()) if id_column in columns else None


def json_object(line: str, file: Path, number: int) -> dict:
    """One line of a JSON-lines file."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"Line {number} of '{file}' is not JSON ({str(error)[:120]}): expected one object a line, such as "
            '{"text": "..."}.'
        ) from None
    if not isinstance(row, dict):
        raise DataError(f"Line {number} of '{file}' is {line.strip()[:60]!r}: expected an object such as {{\"text\": "
                        '"..."}.')  # fmt: skip
    return row


def text_rows(
    file: Path, facts: Facts, text_column: str, id_column: str | None, start: int, rows: int
) -> Iterator[tuple[Any, Any]]:
    """`(id, text)` of so many rows of a CSV or JSON-lines file, from the byte `start` on; an empty CSV cell is None."""
    with file.open("rb") as stream:
        lines = Lines(stream, file, start)
        if file.suffix.lower() == ".csv":
            text_at = facts.columns.index(text_column)
            id_at = facts.columns.index(id_column) if id_column else None
            for row in islice(csv_cells(lines, facts), rows):
                yield (row[id_at] or None if id_at is not None else None), row[text_at] or None
        else:
            for line in islice((line for line in lines if line.strip()), rows):
                values = json_object(line, file, lines.number)
                yield (values.get(id_column) if id_column else None), values.get(text_column)


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type of what is in a column of categories."""
    return kind.value_type if pt.is_dictionary(kind) else kind


def _holds_texts(kind: pa.DataType) -> bool:
    """Whether a column of this type holds strings, or nothing at all."""
    kind = _plain(kind)
    return pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind) or pt.is_null(kind)
