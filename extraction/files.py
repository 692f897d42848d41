"""One local file to one table: CSV, TSV, JSON lines, JSON and Parquet, with errors that name the line.

CSV cells stay strings, so that a text such as `007` or `null` is what was written; every row is as wide as the header.
"""

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
from datasets import Dataset

from common.errors import DataError

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
UNQUOTED = re.compile(r'[^"]*(?:""[^"]*)*')


def read_file(file: Path) -> Dataset:
    """Read one file.

    Args:
        file: A path that ends in one of `SUFFIXES`.

    Returns:
        The file's columns, in memory; a CSV or TSV file's are all strings, with null for an empty cell.

    Raises:
        DataError: the file cannot be read as what its name says; the message names the first line that is wrong.
    """
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(
            f"'{file}' ends in '{file.suffix}': expected one of {list(SUFFIXES)}. Save it as CSV in UTF-8, say."
        )
    if file.stat().st_size == 0:
        raise DataError(f"The file '{file}' is empty: expected a header line and rows, or one JSON object a line.")
    if suffix == ".parquet":
        table = _read_parquet(file)
    elif suffix in (".csv", ".tsv"):
        table = _read_delimited(file, _decode(file), tabs=suffix == ".tsv")
    else:
        table = _read_json(file, _decode(file))
    if table.num_rows == 0:
        raise DataError(
            f"The file '{file}' has the columns {table.column_names}, but no rows: expected texts and labels."
        )
    try:
        return Dataset(table)
    except (ValueError, TypeError, NotImplementedError, pa.ArrowException) as error:
        raise DataError(
            f"The columns of '{file}' cannot be used as they are ({str(error).splitlines()[0][:120]}): expected "
            "strings, numbers and lists of them. Keep only the columns with texts and labels."
        ) from None


def _decode(file: Path) -> str:
    """The file's text without a byte order mark; names the first line that is not UTF-8."""
    content = file.read_bytes()
    if b"\0" in content and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(
            f"'{file}' holds a zero byte in line {content[: content.index(0)].count(10) + 1}: expected text in UTF-8. "
            f"If it is UTF-16, convert it first: `iconv -f UTF-16LE -t UTF-8 '{file.name}' > utf8{file.suffix}`."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        encoding = "UTF-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "WINDOWS-1252"
        # Not `content`: the codec counts from behind the byte order mark.
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(
            f"'{file}' is not UTF-8: byte 0x{error.object[error.start]:02x} in line {line}. Convert the file first, "
            f"for instance `iconv -f {encoding} -t UTF-8 '{file.name}' > utf8{file.suffix}`."
        ) from None


def _read_delimited(file: Path, content: str, tabs: bool) -> pa.Table:
    """CSV or TSV; a CSV header without commas may use semicolons or tabs, as spreadsheets of some countries write."""
    header = content.lstrip().split("\n", 1)[0]
    delimiter = "\t" if tabs else next((sign for sign in ",;\t" if sign in header), ",")
    rows = _plain_rows(content, delimiter) if tabs else None
    rows = rows or _quoted_rows(file, content, delimiter)
    if not rows:
        raise DataError(f"The file '{file}' holds only blank lines: expected a header line and rows.")
    names = [name.strip() or f"column {number}" for number, name in enumerate(rows[0], start=1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"The header of '{file}' has the name(s) {twice} more than once: {names}. Rename the columns.")
    columns = list(zip(*rows[1:], strict=True)) or [()] * len(names)
    arrays = [pa.array([cell or None for cell in column], pa.string()) for column in columns]
    return pa.table(dict(zip(names, arrays, strict=True)))


def _plain_rows(content: str, delimiter: str) -> list[list[str]] | None:
    """Rows of a file that needs no quotes, or None: many TSV files have quotes that belong to their texts."""
    rows = [line.split(delimiter) for line in content.replace("\r\n", "\n").split("\n") if line.strip()]
    if any(len(row) != len(rows[0]) for row in rows):
        return None
    return [[_unquote(cell) for cell in row] for row in rows]


def _unquote(cell: str) -> str:
    """Take off the quotes that a writer put around a cell; those that are part of the text stay."""
    inner = cell[1:-1]
    written = len(cell) > 1 and cell[0] == cell[-1] == '"' and UNQUOTED.fullmatch(inner)
    return inner.replace('""', '"') if written else cell


def _quoted_rows(file: Path, content: str, delimiter: str) -> list[list[str]]:
    """Rows where cells with delimiters, quotes or line ends stand in double quotes."""
    rows: list[list[str]] = []
    # The module's own limit of 131,072 characters is for hostile input; a long text is not an error.
    limit = csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    start = 1
    try:
        for row in reader:
            if len(row) > 1 or any(cell.strip() for cell in row):
                if rows and len(row) != len(rows[0]):
                    raise DataError(
                        f"Line {start} of '{file}' has {len(row)} cell(s), but the header has {len(rows[0])}: "
                        f"{rows[0]}. Put texts that contain '{delimiter}' in double quotes."
                    )
                rows.append(row)
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"The quotes in '{file}' do not fit in the row that begins in line {start} ({error}): expected that a "
            'quoted text is closed before the next cell, and that quotes in it are doubled, as in "She said ""hi""".'
        ) from None
    finally:
        csv.field_size_limit(limit)
    return rows


def _read_json(file: Path, content: str) -> pa.Table:
    """One object a line, or one list of objects."""
    if content.lstrip().startswith("["):
        records = _parse(file, content, None)
    else:
        lines = enumerate(content.split("\n"), start=1)
        records = [_parse(file, line, number) for number, line in lines if line.strip()]
    wrong = next((number for number, record in enumerate(records, start=1) if not isinstance(record, dict)), None)
    if wrong is not None:
        raise DataError(
            f"Record {wrong} of '{file}' is {str(records[wrong - 1])[:60]!r}: expected an object such as "
            '{"text": "...", "label": "joy"}.'
        )
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = {name: _json_column([record.get(name) for record in records]) for name in names}
    return pa.table({_whole_signs(name).replace("\0", ""): column for name, column in columns.items()})


def _parse(file: Path, content: str, number: int | None):
    try:
        return json.loads(content)
    except ValueError as error:
        line = number or getattr(error, "lineno", 1)
        raise DataError(
            f"Line {line} of '{file}' is not JSON ({str(error).splitlines()[0][:120]}): expected one object a line, "
            'such as {"text": "...", "label": "joy"}, or one list of objects.'
        ) from None
    except RecursionError:
        raise DataError(f"Line {number or 1} of '{file}' is nested too deeply to be a row.") from None


def _json_column(values: list) -> pa.Array:
    """Values of one type as they are; scalars beside lists become lists of one, any other mixture becomes strings."""
    try:
        return pa.array(values)
    except UnicodeEncodeError:
        return _json_column([_whole_signs(value) for value in values])
    except (pa.ArrowException, OverflowError):
        if any(isinstance(value, list) for value in values):
            values = [value if value is None or isinstance(value, list) else [value] for value in values]
            values = [value and [None if part is None else _as_string(part) for part in value] for value in values]
            return pa.array(values, pa.list_(pa.string()))
        return pa.array([None if value is None else _as_string(value) for value in values], pa.string())


def _as_string(value: object) -> str:
    return _whole_signs(value) if isinstance(value, str) else json.dumps(value)


def _whole_signs(value):
    """Replace halves of signs, such as a message cut in the middle of an emoji leaves, by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole_signs(part) for part in value]
    if isinstance(value, dict):
        return {_whole_signs(key): _whole_signs(part) for key, part in value.items()}
    return value


def _read_parquet(file: Path) -> pa.Table:
    """A Parquet file; pandas' categories become what they stand for."""
    try:
        table = pyarrow.parquet.ParquetFile(file).read()
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"The file '{file}' cannot be read as Parquet ({str(error).splitlines()[0][:120]}). Write it again, or "
            "give the data as CSV or JSON lines."
        ) from None
    twice = [name for name, count in Counter(table.column_names).items() if count > 1]
    if twice:
        raise DataError(f"'{file}' has the column(s) {twice} more than once: {table.column_names}. Rename the columns.")
    for number, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(number, field.name, table.column(number).cast(field.type.value_type))
    return table
