"""One label cell to label names: a name, a number, a list of them, or any of these written as a string."""

import ast
import contextlib
import json
import re
from collections.abc import Sequence
from typing import Any

from common.errors import DataError

from .separators import split_cell
from .table import MISSING, is_missing

BRACKETS = {"[": "]", "(": ")", "{": "}"}
# numpy writes lists without commas: ['joy' 'fear'], [14  2].
TOKEN = r"""(?:'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"|[+-]?[0-9]+\.?[0-9]*)"""
NUMPY = re.compile(rf"\[\s*{TOKEN}(?:\s+{TOKEN})+\s*\]")
# What Python, numpy and torch write around a list; an empty set is `set()`.
WRAPPED = re.compile(r"(?:array|frozenset|set|tensor)\(([\[({].*[\])}])?(?:,\s*\w+=[^\[\]{}()]*)?\)", re.DOTALL)
BARE_NAMES = re.compile(r"\[\s*[^\W\d_][^\[\]{}()'\",:]*(?:,\s*[^\W\d_][^\[\]{}()'\",:]*)*\]")


def parse_strings(cells: list, where: str) -> list:
    """Lists, sets and dicts that a writer turned into strings, such as `['joy', 'pride']`, to what they were.

    Args:
        cells: A label column.
        where: The column and its source, for messages.

    Returns:
        The cells as they are where a cell is no such string; `{"choices": […]}` becomes its list.

    Raises:
        DataError: all cells are lists, and one cannot be read.
    """
    strings = [cell.strip() for cell in cells if isinstance(cell, str) and not is_missing(cell)]
    if not strings or not any(_bracketed(cell) for cell in strings):
        return [_choices(cell) for cell in cells]
    # Label Studio writes one choice as a name and several as a dict.
    mixed = [cell for cell in strings if not _bracketed(cell)]
    if mixed and not all(cell.startswith("{") for cell in strings if cell not in set(mixed)):
        return [_choices(cell) for cell in cells]
    parsed = []
    for cell in cells:
        if isinstance(cell, str) and _bracketed(cell.strip()):
            try:
                cell = _parse(cell.strip())
            except ValueError:
                if mixed or cell.strip().startswith("("):
                    return [_choices(cell) for cell in cells]
                raise DataError(
                    f"{where} holds lists, but '{cell[:60]}' cannot be read: expected for instance ['joy', 'pride']."
                ) from None
        parsed.append(_choices(cell))
    return parsed


def refuse_shares(cells: list, where: str) -> None:
    """Refuse what says how much of a label there is, not which.

    Raises:
        DataError: lists of fractions, or dicts with fractions.
    """
    for cell in cells:
        parts = cell if isinstance(cell, list) else list(cell.values()) if isinstance(cell, dict) else []
        if any(isinstance(part, float) and not part.is_integer() and part == part for part in parts):
            raise DataError(
                f"{where} holds shares such as {str(cell)[:60]}: expected the labels that apply. Keep the names whose "
                "share is large enough, for instance with pandas: "
                "`column.map(lambda shares: [names[i] for i, s in enumerate(shares) if s >= 0.5])`."
            )


def read_vectors(cells: list, names: Sequence[str] | None, where: str) -> list:
    """Lists such as [0, 0, 1, 0] to the names of their ones.

    Args:
        cells: A label column.
        names: Names of the places, if the user gave them.
        where: The column and its source, for messages.

    Raises:
        DataError: nobody said what the places stand for; as they are, they would pass as the ids 0 and 1.
    """
    lists = [cell for cell in cells if isinstance(cell, list)]
    if not lists or len({len(cell) for cell in lists}) > 1 or len(lists[0]) < 2:
        return cells
    numbers = (int, float, bool)
    if not all(isinstance(part, numbers) and part in (0, 1) for cell in lists for part in cell):
        return cells
    # Of two classes no number is there twice, but ids of labels would not all be in every row.
    if len(lists) == 1 and len(set(lists[0])) == len(lists[0]):
        return cells
    if names is None or len(names) != len(lists[0]):
        said = f", and --label_names has {len(names)}" if names else ""
        raise DataError(
            f"{where} holds 0/1 vectors such as {lists[0][:8]}: expected the names or ids of the labels that apply, "
            f"such as ['joy', 'pride'] or [2, 5]. Give the names of the {len(lists[0])} places with "
            f"--label_names{said}."
        )
    return [
        [name for name, part in zip(names, cell, strict=True) if part] if isinstance(cell, list) else cell
        for cell in cells
    ]


def cell_names(cell: object, separator: str | None, where: str) -> list[str] | None:
    """One cell to names, without repetition; [] for an empty list, None where nothing was said.

    Raises:
        DataError: a value is no name.
    """
    if isinstance(cell, (list, dict)) and not cell:
        return []
    if isinstance(cell, dict):
        if not all(there is None or isinstance(there, (bool, int, float)) for there in cell.values()):
            raise DataError(
                f"{where} holds values such as {str(cell)[:60]!r}: expected names or numbers, lists of them, or dicts "
                "such as {'joy': 1, 'anger': 0}. Name the label column with --label_column."
            )
        said = [name for name, there in cell.items() if there is not None]
        return [name for name in said if cell[name] > 0] if said else None
    if isinstance(cell, str):
        names = split_cell(cell, separator) if separator else [cell.strip()]
    elif isinstance(cell, list):
        names = [_name(part, where) for part in cell]
    else:
        names = [_name(cell, where)]
    return list(dict.fromkeys(name for name in names if name.lower() not in MISSING)) or None


def opened(cell: Any) -> Any:
    """A nested value as it is, or out of the string that a table of mixed values keeps it in."""
    if isinstance(cell, str) and cell.strip().startswith(("[", "{")):
        with contextlib.suppress(ValueError):
            return json.loads(cell)
    return cell


def _bracketed(cell: str) -> bool:
    return bool(WRAPPED.fullmatch(cell)) or (len(cell) > 1 and BRACKETS.get(cell[0]) == cell[-1])


def _parse(cell: str) -> object:
    """A list, tuple, set or dict in JSON's, Python's or numpy's spelling; a ValueError if it is none."""
    if wrapped := WRAPPED.fullmatch(cell):
        cell = wrapped[1] or "[]"
    if NUMPY.fullmatch(cell):
        return [ast.literal_eval(token) for token in re.findall(TOKEN, cell)]
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        try:
            found = ast.literal_eval(cell)
        except (SyntaxError, RecursionError, MemoryError, TypeError, ValueError):
            if not BARE_NAMES.fullmatch(cell):
                raise ValueError(cell) from None
            return split_cell(cell[1:-1], ",")
    if isinstance(found, (set, frozenset)):
        return sorted(found, key=str)
    if isinstance(found, tuple):
        return list(found)
    if not isinstance(found, (list, dict)):
        raise ValueError(cell)
    return found


def _choices(cell: object) -> object:
    """Label Studio's `{"choices": […]}` to its list; a dict of other values must say which labels are there."""
    if isinstance(cell, dict) and isinstance(cell.get("choices"), list):
        return cell["choices"]
    return cell


def _name(value: object, where: str) -> str:
    """One value to a name; "" if it says that there is none."""
    if value is None or value != value:  # NaN is not equal to itself
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    raise DataError(
        f"{where} holds {type(value).__name__} values such as {str(value)[:60]!r}: expected names or numbers, or lists "
        "of them. Name the label column with --label_column."
    )
