"""Whether a string holds several names, and what separates them."""

import logging
from collections import defaultdict

logger = logging.getLogger(__name__)

SEPARATORS = (",", ";", "|", "/", "#", "+", "&")
# Where the user says that texts have several labels, these separate them even if no name recurs.
USUAL = (",", ";", "|")
SHARE = 0.9


def find_separator(strings: list[str], where: str, multi: bool) -> str | None:
    """What separates several names in one cell, if cells hold several.

    A separator inside a name ("anger, mild") must not tear it apart. So one rule holds for all of them: the parts of
    nine in ten such cells stand alone in other cells, or recur in other company; and of the parts that never stand
    alone one stands at different places, or "anger, mild", "joy, mild" would be labels and not shades of them.

    Args:
        strings: The column's cells.
        where: The column and its source, for messages.
        multi: Whether the user said that texts have several labels.

    Returns:
        The separator, or None.
    """
    alone = {cell.strip() for cell in strings}
    doubtful = None
    for separator in SEPARATORS:
        joined = [cell for cell in strings if len(split_cell(cell, separator)) > 1]
        if not joined:
            continue
        if (multi and separator in USUAL) or _are_names(joined, alone, separator):
            logger.info(
                f"{where}: cells such as '{joined[0][:60]}' are read as several labels separated by '{separator}'."
            )
            return separator
        doubtful = doubtful or (joined[0], separator)
    if doubtful:
        logger.warning(
            f"{where}: cells such as '{doubtful[0][:60]}' are read as the name of one label. If they hold several, add "
            f"--label_separator '{doubtful[1]}'."
        )
    return None


def split_cell(cell: str, separator: str) -> list[str]:
    """The names in a string, without blanks around them."""
    return [part.strip() for part in cell.split(separator) if part.strip()]


def _are_names(joined: list[str], alone: set[str], separator: str) -> bool:
    """Whether the parts of these cells are labels of their own."""
    cells, places = defaultdict(set), defaultdict(set)
    for cell in set(joined):
        for place, part in enumerate(split_cell(cell, separator)):
            cells[part].add(cell)
            places[part].add(place)
    known = {part for part in cells if part in alone or len(cells[part]) > 1}
    good = sum(known.issuperset(split_cell(cell, separator)) for cell in joined)
    only_joined = [part for part in known if part not in alone]
    moves = any(len(places[part]) > 1 for part in only_joined)
    return good >= SHARE * len(joined) and (moves or not only_joined)
