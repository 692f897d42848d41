"""Uploads: CSV, TSV, JSON lines and Parquet, read from memory into a table of texts, or refused in a sentence."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .limits import MAX_CHARACTERS, MAX_MEGABYTES, MAX_ROWS, RefusalError, whole_signs

KINDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
# Column names that texts usually have, looked for in this order before the column with the longest entries is taken.
TEXT_COLUMNS = ("text", "sentence", "comment", "review", "utterance", "message", "tweet", "content", "body")
MAX_COLUMNS = 200
# A Parquet file of 10 MB can hold far more than that.
MAX_UNPACKED = 200 * 2**20


@dataclass(frozen=True)
class Table:
    """An uploaded file.

    Args:
        name: Its file name.
        columns: Texts of each column, all of one length.
    """

    name: str
    columns: dict[str, list[str]]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values())))

    def likely_column(self) -> str:
        """The column that most likely holds the texts."""
        by_name = {column.strip().lower(): column for column in self.columns}
        for name in TEXT_COLUMNS:
            if name in by_name:
                return by_name[name]
        return max(self.columns, key=lambda column: sum(map(len, self.columns[column])))


def read_table(name: str, data: bytes) -> Table:
    """Read an uploaded file.

    Args:
        name: File name; its extension says what it is.
        data: Its bytes.

    Returns:
        The table, every cell as a text.

    Raises:
        RefusalError: what is wrong with it and what would be right.
    """
    shown = Path(name).name[:80]
    kind = Path(name).suffix.lower()
    if kind not in KINDS:
        raise RefusalError(f"'{shown}' is not of a kind that is read here: CSV, TSV, JSON lines or Parquet, please.")
    if len(data) > MAX_MEGABYTES * 2**20:
        raise RefusalError(f"'{shown}' has {len(data) / 2**20:.1f} MB; up to {MAX_MEGABYTES} MB are read here.")
    if not data.strip():
        raise RefusalError(f"'{shown}' is empty.")
    if kind == ".parquet":
        columns = _read_parquet(shown, data)
    else:
        text = _decode(shown, data)
        if not text.strip():
            raise RefusalError(f"'{shown}' is empty.")
        columns = _read_lines(shown, text) if kind in (".jsonl", ".ndjson") else _read_csv(shown, text, kind)
    if not columns or not next(iter(columns.values())):
        raise RefusalError(f"'{shown}' has no rows.")
    if any(len(column) > 100 for column in columns):
        raise RefusalError(f"'{shown}' has a column name of over 100 characters: is its first line a header?")
    return Table(shown, columns)


def texts_of(table: Table, column: str | None) -> list[str]:
    """The texts of one column, checked for their length.

    Raises:
        RefusalError: there is no such column, or a text in it is too long.
    """
    if column not in table.columns:
        raise RefusalError(
            f"'{table.name}' has no column '{str(column)[:100]}': it has {', '.join(table.columns)[:300]}."
        )
    for number, text in enumerate(table.columns[column], start=1):
        if len(text) > MAX_CHARACTERS:
            raise RefusalError(
                f"Row {number:,} of '{table.name}' has {len(text):,} characters in '{column}'; up to "
                f"{MAX_CHARACTERS:,} are read here. Split or shorten it, please."
            )
    if not any(text.strip() for text in table.columns[column]):
        raise RefusalError(f"The column '{column}' of '{table.name}' has no text in it.")
    return table.columns[column]


def _decode(name: str, data: bytes) -> str:
    """Bytes to text, with what is no text named for what it is."""
    if data.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        raise RefusalError(f"'{name}' is a packed file (zip, xlsx or gzip) whatever it is called: unpack it, please.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise RefusalError(f"'{name}' is in UTF-16: save it as UTF-8, please (Excel: 'CSV UTF-8').")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RefusalError(
            f"'{name}' is not in UTF-8 (byte {error.start:,}): save it as UTF-8, please (Excel: 'CSV UTF-8')."
        ) from None
    if "\0" in text:
        raise RefusalError(f"'{name}' holds zero bytes, which no text has: is it a file of another kind?")
    return text


def _read_csv(name: str, text: str, kind: str) -> dict[str, list[str]]:
    """Columns of a CSV or TSV file whose first line names them."""
    separator = "\t"
    if kind == ".csv":
        header = text.splitlines()[0][:10_000]
        try:
            separator = csv.Sniffer().sniff(header, delimiters=",;\t|").delimiter
        except csv.Error:
            separator = ","
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        names = next(lines)
        _check_shape(name, 0, len(names))
        if len(set(names)) < len(names):
            twice = next(column for column in names if names.count(column) > 1)
            raise RefusalError(f"'{name}' names the column '{twice[:100]}' twice.")
        rows: list[list[str]] = []
        for row in lines:
            if not row:
                continue
            if len(row) != len(names):
                raise RefusalError(
                    f"Line {lines.line_num:,} of '{name}' has {len(row):,} cells, its header has {len(names)}: texts "
                    "with a comma or a line break belong in double quotes."
                )
            rows.append(row)
            _check_shape(name, len(rows), 0)
    except csv.Error as error:
        raise RefusalError(f"'{name}' is not a table that can be read: {error}.") from None
    return {column: [row[place] for row in rows] for place, column in enumerate(names)}


def _read_lines(name: str, text: str) -> dict[str, list[str]]:
    """Columns of JSON lines: an object a line, or a text a line."""
    rows: list[dict] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        if len(rows) == MAX_ROWS:
            _check_shape(name, MAX_ROWS + 1, 1)
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise RefusalError(f"Line {number:,} of '{name}' is not JSON: {str(error)[:100]}.") from None
        if isinstance(row, str):
            row = {"text": row}
        if not isinstance(row, dict):
            raise RefusalError(f"Line {number:,} of '{name}' is {type(row).__name__}: expected an object or a text.")
        rows.append(row)
    names = list(dict.fromkeys(key for row in rows for key in row))
    _check_shape(name, len(rows), len(names))
    return {_as_text(key): [_as_text(row.get(key)) for row in rows] for key in names}


def _read_parquet(name: str, data: bytes) -> dict[str, list[str]]:
    """Text columns of a Parquet file; repeated values stay packed until their length is known."""
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        schema = file.schema_arrow
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        _check_shape(name, file.metadata.num_rows, len(schema.names))
        if sum(group.total_byte_size for group in groups) > MAX_UNPACKED:
            raise RefusalError(f"'{name}' holds more than {MAX_UNPACKED // 2**20} MB when unpacked.")
        if len(set(schema.names)) < len(schema.names):
            raise RefusalError(f"'{name}' names a column twice: {', '.join(schema.names)[:300]}.")
        wanted = [field.name for field in schema if _holds_text(field.type)]
        if not wanted:
            raise RefusalError(f"'{name}' has no column of texts: its columns are {', '.join(schema.names)[:300]}.")
        packed = pq.ParquetFile(io.BytesIO(data), read_dictionary=wanted).read(columns=wanted)
        columns = {}
        in_all = 0
        for column in wanted:
            chunks = [
                chunk if isinstance(chunk, pa.DictionaryArray) else chunk.cast(pa.large_string()).dictionary_encode()
                for chunk in packed[column].chunks
            ]
            for chunk in chunks:
                lengths = np.array([len(value or "") for value in chunk.dictionary.to_pylist()] + [0])
                in_all += int(lengths[chunk.indices.fill_null(len(lengths) - 1).to_numpy()].sum())
                if max(lengths) > MAX_CHARACTERS or in_all > MAX_CHARACTERS * MAX_ROWS:
                    raise RefusalError(
                        f"'{name}' has too long texts in '{column[:100]}': up to {MAX_CHARACTERS:,} characters each "
                        "are read here. Split or shorten them, please."
                    )
            columns[column] = [value or "" for chunk in chunks for value in chunk.to_pylist()]
        return columns
    except RefusalError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise RefusalError(
            f"'{name}' is not a Parquet file that can be read: {str(error).splitlines()[0][:200]}"
        ) from None


def _holds_text(kind: pa.DataType) -> bool:
    """Whether a column is of texts, packed or not."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _check_shape(name: str, rows: int, columns: int) -> None:
    if rows > MAX_ROWS:
        raise RefusalError(
            f"'{name}' has more than {MAX_ROWS:,} rows; up to {MAX_ROWS:,} are read at a time. Split it, please."
        )
    if columns > MAX_COLUMNS:
        raise RefusalError(f"'{name}' has {columns:,} columns; up to {MAX_COLUMNS} are read here.")


def _as_text(value: object) -> str:
    """A JSON value as a text: null is empty, what is nested stays JSON."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return whole_signs(text)
