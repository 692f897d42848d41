"""Values of JSON to an Arrow column, whatever they are."""

import json
from typing import Any

import pyarrow as pa


def to_array(values: list) -> pa.Array:
    """Values of one type as they are; scalars beside lists become lists of one, any other mixture becomes strings."""
    try:
        return pa.array(values)
    except UnicodeEncodeError:
        return to_array([whole_signs(value) for value in values])
    except (pa.ArrowException, OverflowError):
        if any(isinstance(value, list) for value in values):
            values = [value if value is None or isinstance(value, list) else [value] for value in values]
            values = [value and [None if part is None else _as_string(part) for part in value] for value in values]
            return pa.array(values, pa.list_(pa.string()))
        return pa.array([None if value is None else _as_string(value) for value in values], pa.string())


def to_table(records: list[dict[str, Any]]) -> pa.Table:
    """Objects to a table: a column for each key, null where an object lacks it."""
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = {column_name(name): to_array([record.get(name) for record in records]) for name in names}
    return pa.table(columns)


def column_name(key: str) -> str:
    """A key as the name of a column."""
    return whole_signs(key).replace("\0", "")


def _as_string(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return whole_signs(value) if isinstance(value, str) else json.dumps(value)


def whole_signs(value):
    """Replace halves of signs, such as a message cut in the middle of an emoji leaves, by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [whole_signs(part) for part in value]
    if isinstance(value, dict):
        return {whole_signs(key): whole_signs(part) for key, part in value.items()}
    return value
