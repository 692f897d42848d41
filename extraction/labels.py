"""What stands in a label cell: one name, several names in a string or a list, or numbers."""

import ast
import logging
import re
from collections import Counter
from collections.abc import Iterable

from common.errors import DataError

logger = logging.getLogger(__name__)

SEPARATORS = (",", ";", "|")
# What writers leave where there was no label; other words, `None` among them, can be the name of a class.
MISSING = {"", "nan", "null", "<na>"}
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
NEUTRAL = "neutral"
MOST_LABELS = 1000
# Numbers with fractions are classes if there are few of them, such as ratings in half stars.
MOST_FRACTIONS = 20


def read_labels(
    columns: dict[str, list], where: str, separator: str | None, multi: bool
) -> tuple[dict[str, list[list[str] | None]], bool]:
    """Label cells to lists of names.

    Args:
        columns: The label column of each split as Python values.
        where: The column and its source, for messages.
        separator: What separates names in one string; "" if nothing does, None to find it.
        multi: Whether the user said that texts have several labels.

    Returns:
        For each split and row the names without repetition, or None where there is none; and whether cells can hold
        several.

    Raises:
        DataError: a value cannot be a class, or lists are 0/1 vectors instead of names.
    """
    cells = [cell for column in columns.values() for cell in column]
    strings = [cell for cell in cells if isinstance(cell, str) and cell.strip().lower() not in MISSING]
    bracketed = bool(strings) and all(cell.strip().startswith("[") and cell.strip().endswith("]") for cell in strings)
    if bracketed:
        columns = {split: [_parse_list(cell, where) for cell in column] for split, column in columns.items()}
        cells = [cell for column in columns.values() for cell in column]
    _refuse_vectors([cell for cell in cells if isinstance(cell, list)], where)
    if separator is None and not bracketed:
        separator = find_separator(strings, where, multi)
    several = bool(separator) or any(isinstance(cell, list) for cell in cells)
    labels = {split: [_names(cell, separator, where) for cell in column] for split, column in columns.items()}
    return _whole_numbers(labels), several


def find_separator(strings: list[str], where: str, multi: bool) -> str | None:
    """What separates several names in one cell, if cells hold several.

    A separator inside a name ("anger, mild") must not tear it apart. So a comma separates only if the parts of nearly
    all such cells also stand alone in other cells; `;` and `|`, which names hardly contain, if their parts recur.
    """
    alone = {cell.strip() for cell in strings}
    for separator in SEPARATORS:
        joined = [cell for cell in strings if separator in cell]
        if not joined:
            continue
        parts = Counter(part for cell in strings for part in split_cell(cell, separator))
        known = sum(alone.issuperset(split_cell(cell, separator)) for cell in joined)
        recur = len(parts) <= max(2, len(alone)) and 2 * len(parts) <= parts.total()
        if multi or known >= 0.9 * len(joined) or (separator != "," and recur):
            logger.info(
                f"{where}: cells such as '{joined[0][:60]}' are read as several labels separated by '{separator}'."
            )
            return separator
        logger.warning(
            f"{where}: cells such as '{joined[0][:60]}' are read as the name of one label. If they hold several, add "
            f"--label_separator '{separator}'."
        )
    return None


def split_cell(cell: str, separator: str) -> list[str]:
    """The names in a string, without blanks around them."""
    return [part.strip() for part in cell.split(separator) if part.strip()]


def check_count(counts: Counter, rows: int, where: str) -> None:
    """Refuse what is no set of classes: nothing, a text or id column, a measurement.

    Raises:
        DataError: says how many different values there are, with examples.
    """
    if not counts:
        raise DataError(f"{where} holds no label at all: expected a name or number in each row. Check --label_column.")
    shown = [name[:40] for name in list(counts)[:3]]
    fractions = all(NUMBER.fullmatch(name) for name in counts) and any("." in name for name in counts)
    if (
        len(counts) > MOST_LABELS
        or (len(counts) > 50 and 2 * len(counts) > rows)
        or (fractions and len(counts) > MOST_FRACTIONS)
    ):
        raise DataError(
            f"{where} has {len(counts)} different values in {rows} rows, such as {shown}: these are hardly classes. "
            "Name the label column with --label_column, or group the values."
        )
    folded = Counter(name.casefold() for name in counts)
    alike = [name for name in counts if folded[name.casefold()] > 1]
    if alike:
        logger.warning(f"{where} has labels that differ only in case: {sorted(alike)[:6]}. They stay separate labels.")


def only_one(names: list[str] | None) -> list[str] | None:
    """The label of an example with exactly one that is not neutral."""
    return names if names is not None and len(names) == 1 and not is_neutral(names[0]) else None


def is_neutral(name: str) -> bool:
    """Whether a label says that there is no emotion."""
    return name.casefold() == NEUTRAL


def in_order(names: Iterable[str]) -> list[str]:
    """Numbers in their own order, before words; `neutral` last, as GoEmotions has it."""

    def key(name: str) -> tuple[int, float, str]:
        return (0, float(name), name) if NUMBER.fullmatch(name) else (1 + is_neutral(name), 0.0, name)

    return sorted(names, key=key)


def _parse_list(cell: object, where: str) -> object:
    """A list that a CSV writer turned into a string, such as `['joy', 'pride']` or `[2, 5]`."""
    if not isinstance(cell, str) or cell.strip().lower() in MISSING:
        return cell
    try:
        parsed = ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise DataError(
            f"{where} holds lists, but '{cell[:60]}' cannot be read: expected for instance ['joy', 'pride']."
        ) from None
    return parsed


def _refuse_vectors(lists: list[list], where: str) -> None:
    """Lists such as [0, 0, 1, 0] would pass as the ids 0 and 1."""
    bits = len({len(cell) for cell in lists}) == 1 and len(lists[0]) > 1
    bits = bits and all(part in (0, 1) for cell in lists for part in cell if not isinstance(part, list))
    # Of two classes no number is there twice, but ids of labels would not all be in every row.
    if bits and (any(len(set(map(str, cell))) < len(cell) for cell in lists) or len(lists) > 1):
        raise DataError(
            f"{where} holds 0/1 vectors such as {lists[0][:8]}: expected the names or ids of the labels that apply, "
            "such as ['joy', 'pride'] or [2, 5]."
        )


def _names(cell: object, separator: str | None, where: str) -> list[str] | None:
    """One cell to names."""
    if isinstance(cell, str):
        names = split_cell(cell, separator) if separator else [cell.strip()]
    elif isinstance(cell, list):
        names = [_name(part, where) for part in cell]
    else:
        names = [_name(cell, where)]
    return list(dict.fromkeys(name for name in names if name.lower() not in MISSING)) or None


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


def _whole_numbers(labels: dict[str, list[list[str] | None]]) -> dict[str, list[list[str] | None]]:
    """`1.0` to `1` where all names are numbers: integers beside empty cells are often written so."""
    if not all(NUMBER.fullmatch(name) for column in labels.values() for names in column for name in names or ()):
        return labels
    whole = re.compile(r"\.0+$")
    return {
        split: [names and list(dict.fromkeys(whole.sub("", name) for name in names)) for names in column]
        for split, column in labels.items()
    }
