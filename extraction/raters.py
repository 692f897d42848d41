"""Several raters' rows of one text to one row: what GoEmotions' authors did with their raw files."""

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Literal

from .layouts.table import Table

Raters = Literal["majority", "any", "soft-count"]
# Columns that say who labelled a row, and those that say that the rater could not tell.
RATER_COLUMNS = ("rater_id", "rater", "annotator", "annotator_id", "worker_id", "workerid", "coder", "user_id")
UNCLEAR_COLUMNS = ("example_very_unclear", "unclear", "very_unclear")
FEWEST_VOTES = 2


def rater_column(table: Table) -> str | None:
    """The column that says who labelled a row."""
    return next((name for name in table.columns if name.strip().lower() in RATER_COLUMNS), None)


def unclear_rows(table: Table) -> list[int]:
    """Rows that their rater found unclear."""
    column = next((name for name in table.columns if name.strip().lower() in UNCLEAR_COLUMNS), None)
    cells = table.values(column) if column is not None else []
    return [row for row, cell in enumerate(cells) if str(cell).strip().lower() in ("true", "1", "1.0", "yes")]


def text_keys(table: Table, texts: list) -> list[Hashable]:
    """What tells which rows are of one text: the id, where ids recur and each goes with one text, else the text."""
    column = next((name for name in table.columns if name.strip().lower() in ("id", "text_id", "comment_id")), None)
    if column is None:
        return list(texts)
    ids = [None if key is None else str(key) for key in table.values(column)]
    pairs = set(zip(ids, texts, strict=True))
    recur = len(set(ids)) < len(ids) and len(pairs) == len(set(ids)) and None not in ids
    return list(ids) if recur else list(texts)


def join_raters(
    keys: Sequence[Hashable], labels: list[list[str] | None], how: Literal["majority", "any"], several: bool
) -> dict[int, list[str] | None]:
    """One row for each text.

    Args:
        keys: What text each row is of.
        labels: Each rater's labels; None where there are none, or the rater found the text unclear.
        how: `majority` keeps a label that two raters chose (the only one's, where there is one), `any` a label that one
            chose.
        several: Whether a text can have several labels; else `majority` keeps the one with most votes.

    Returns:
        For the first row of each text, in order, its labels: [] where two raters chose none, None where raters do not
        agree or none could tell.
    """
    first: dict[Hashable, int] = {}
    votes: dict[Hashable, list[list[str]]] = {}
    for row, (key, names) in enumerate(zip(keys, labels, strict=True)):
        first.setdefault(key, row)
        if names is not None:
            votes.setdefault(key, []).append(names)
    return {row: _decide(votes.get(key, []), how, several) for key, row in first.items()}


def _decide(votes: list[list[str]], how: Literal["majority", "any"], several: bool) -> list[str] | None:
    if not votes:
        return None
    counts = Counter(name for names in votes for name in names)
    needed = 1 if how == "any" else min(FEWEST_VOTES, len(votes))
    chosen = [name for name, count in counts.items() if count >= needed]
    if not chosen:
        return [] if several and sum(not names for names in votes) >= needed else None
    if several or how == "any":
        return chosen
    most = max(counts.values())
    winners = [name for name in chosen if counts[name] == most]
    return winners if len(winners) == 1 else None
