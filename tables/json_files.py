"""JSON files: an object a line, a list of objects, or one of the shapes that pandas' `to_json` writes."""

import json
from typing import Any

import pyarrow as pa

from .columns import TEXT_NAMES, is_usual
from .errors import TableError
from .json_values import to_table
from .limits import Limits
from .lines import Lines
from .sources import Source, check_text

ROWS = ("data", "rows", "records", "examples", "instances")
EXPECTED = 'expected one object a line, such as {"text": "...", "label": "joy"}, or one list of objects'


def read_json(source: Source, limits: Limits) -> pa.Table:
    """Read a JSON file.

    Args:
        source: The file.
        limits: Of rows and columns.

    Returns:
        A column for each key. A string in an object's place is a text.

    Raises:
        TableError: names the line or the record that is wrong.
    """
    with source.open() as stream:
        check_text(source, stream.read(16))
        lines = list(Lines(stream, source))
    content = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not content:
        raise TableError(f"The file '{source.shown}' holds only blank lines: {EXPECTED}.")
    whole = content[0][1].lstrip().startswith("[") or _is_one_value(content)
    if whole:
        value = _parse(source, "".join(lines), 1 if len(content) == 1 else None)
        records = value if isinstance(value, list) else from_pandas(value)
    else:
        records = []
        for number, line in content:
            records.append(parse_object(source, line, number))
            limits.check_rows(source.shown, len(records))
    limits.check_rows(source.shown, len(records))
    records = [{"text": record} if isinstance(record, str) else record for record in records]
    wrong = next((number for number, record in enumerate(records, start=1) if not isinstance(record, dict)), None)
    if wrong is not None:
        raise TableError(
            f"Record {wrong} of '{source.shown}' is {str(records[wrong - 1])[:60]!r}: expected an object such as "
            '{"text": "...", "label": "joy"}.'
        )
    if limits.flat:
        records = [_flat(record) for record in records]
    limits.check_columns(source.shown, len({name for record in records for name in record}))
    return to_table(records)


def names_of(record: dict[str, Any]) -> list[str]:
    """Keys of an object, and those of the objects in it: `{"data": {"text": …}}` has `data` and `data.text`."""
    inner = [f"{name}.{key}" for name, value in record.items() if isinstance(value, dict) for key in value]
    return [*record, *inner]


def value_of(record: dict[str, Any], name: str) -> Any:
    """The value of one of `names_of`; None where it is missing."""
    if name in record or "." not in name:
        return record.get(name)
    outer = next((outer for outer in record if name.startswith(f"{outer}.")), None)
    inner = record[outer] if outer is not None else None
    return inner.get(name[len(str(outer)) + 1 :]) if isinstance(inner, dict) else None


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """An object without lists, the values of the objects in it beside its own."""
    values = {name: value_of(record, name) for name in names_of(record)}
    return {name: value for name, value in values.items() if not isinstance(value, (dict, list))}


def parse_object(source: Source, line: str, number: int) -> dict:
    """One line of a JSON-lines file; a string stands for an object with nothing but a text.

    Raises:
        TableError: names the line.
    """
    row = _parse(source, line, number)
    if isinstance(row, str):
        return {"text": row}
    if not isinstance(row, dict):
        raise TableError(
            f"Line {number} of '{source.shown}' is {line.strip()[:60]!r}: expected an object such as "
            '{"text": "...", "label": "joy"}.'
        )
    return row


def from_pandas(value: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of one object that is a whole table, as `DataFrame.to_json` writes it; else it is a row itself.

    Args:
        value: `{"text": {"0": …}}` (pandas' default), `{"0": {"text": …}}` (`orient="index"`), `split`, `table`,
            `{"text": […], "label": […]}`, or an object that has its rows under one of ROWS.
    """
    columns, data = value.get("columns"), value.get("data")
    if isinstance(columns, list) and isinstance(data, list) and all(isinstance(row, list) for row in data):
        return [dict(zip(map(str, columns), row, strict=False)) for row in data]
    rows = [value[name] for name in ROWS if _are(dict, value.get(name))]
    if len(rows) == 1 and not any(map(is_usual, value)):
        return rows[0]
    parts = list(value.values())
    texts = [part for name, part in value.items() if name.strip().lower() in TEXT_NAMES]
    if texts and _are(str, texts[0]) and all(isinstance(part, list) for part in parts):
        if len({len(part) for part in parts}) == 1:
            return [dict(zip(value, row, strict=True)) for row in zip(*parts, strict=True)]
        return [value]
    alike = _are(dict, parts) and parts[0] and all(part.keys() == parts[0].keys() for part in parts)
    if alike and (all(map(_is_number, parts[0])) or any(map(is_usual, value))):
        return [{name: column[key] for name, column in value.items()} for key in parts[0]]
    if alike and (all(map(_is_number, value)) or (len(parts) > 1 and any(map(is_usual, parts[0])))):
        return parts
    return [value]


def is_line_by_line(source: Source) -> bool:
    """Whether each line of a file is an object, so that it can be read from any line on."""
    with source.open() as stream:
        lines = (line for line in Lines(stream, source) if line.strip())
        first, second = next(lines, ""), next(lines, None)
    if not first:
        return True
    if not first.lstrip().startswith(("{", '"')):
        return False
    if second is None:
        try:
            value = json.loads(first)
        except (ValueError, RecursionError):
            return True
        return not isinstance(value, dict) or from_pandas(value) == [value]
    return _is_json(first)


def _is_one_value(content: list[tuple[int, str]]) -> bool:
    """Whether an object goes over several lines, or is the only one."""
    if not content[0][1].lstrip().startswith("{"):
        return False
    return len(content) == 1 or not (_is_json(content[0][1]) or _is_json(content[1][1]))


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _are(kind: type, values: Any) -> bool:
    """Whether there is a list, and all in it are of one kind."""
    return isinstance(values, list) and bool(values) and all(isinstance(value, kind) for value in values)


def _is_number(key: str) -> bool:
    return key.isascii() and key.isdigit()


def _parse(source: Source, content: str, number: int | None):
    try:
        return json.loads(content)
    except ValueError as error:
        line = number or getattr(error, "lineno", 1)
        raise TableError(
            f"Line {line} of '{source.shown}' is not JSON ({str(error).splitlines()[0][:120]}): {EXPECTED}."
        ) from None
    except RecursionError:
        raise TableError(f"Line {number or 1} of '{source.shown}' is nested too deeply to be a row.") from None
