"""What label names may be, and their order."""

import logging
import re
from collections import Counter
from collections.abc import Iterable

from common.errors import DataError

from .layouts.finding import NUMBER

logger = logging.getLogger(__name__)

NEUTRAL = {"neutral", "no emotion", "no_emotion"}
MOST_LABELS = 1000
# Numbers with fractions are classes if there are few of them, such as ratings in half stars.
MOST_FRACTIONS = 20


def check_count(counts: Counter, rows: int, where: str) -> None:
    """Refuse what is no set of classes: nothing, a text or id column, a measurement.

    Raises:
        DataError: says how many different values there are, with examples.
    """
    if not counts:
        raise DataError(f"{where} holds no label at all: expected a name or number in each row. Check --label_column.")
    shown = [name[:40] for name in list(counts)[:3]]
    fractions = all(NUMBER.fullmatch(name) for name in counts) and any("." in name for name in counts)
    if fractions and len(counts) > MOST_FRACTIONS:
        raise DataError(
            f"{where} has {len(counts)} different values in {rows} rows, such as {shown}: measurements, which are "
            "hardly classes. Name the label column with --label_column, or group the values first, for instance with "
            "pandas: `table['label'] = pandas.cut(column, 3, labels=['low', 'middle', 'high'])`."
        )
    if len(counts) > MOST_LABELS or (len(counts) > 50 and 2 * len(counts) > rows):
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
    return name.casefold() in NEUTRAL


def are_ids(names: Iterable[str]) -> bool:
    """Whether labels are whole numbers from 0 on, which stand for names."""
    return all(re.fullmatch("[0-9]+", name) for name in names)


def name_ids(
    labels: list[list[str] | None], names: tuple[str, ...], where: str, named_by: str
) -> list[list[str] | None]:
    """Class ids to the names that the user, or a file beside the data, gives them.

    Args:
        labels: For each row the labels as they stand there, ids or names already.
        names: In the order of the ids.
        where: The labels' place, for messages.
        named_by: What gave the names, for messages.

    Raises:
        DataError: an id or a name is none of these.
    """
    found = {name for row in labels for name in row or ()}
    if found <= set(names):
        return labels
    if not are_ids(found):
        raise DataError(
            f"{where} holds {sorted(found - set(names))[:3]}, which {named_by} does not name: expected ids from 0 to "
            f"{len(names) - 1}, or some of {list(names)[:8]}. Give all names in the order of their ids."
        )
    beyond = sorted(int(name) for name in found if int(name) >= len(names))
    if beyond:
        raise DataError(
            f"{where} holds the id {beyond[0]}, but {named_by} gives only {len(names)} names: {list(names)[:5]}. Give "
            "all names in the order of their ids, the first for 0."
        )
    return [row and [names[int(name)] for name in row] for row in labels]


def in_order(names: Iterable[str]) -> list[str]:
    """Numbers in their own order, before words; `neutral` last, as GoEmotions has it."""

    def key(name: str) -> tuple[int, float, str]:
        return (0, float(name), name) if NUMBER.fullmatch(name) else (1 + is_neutral(name), 0.0, name)

    return sorted(names, key=key)
