"""Tables of doubtful labels that somebody has looked through: rows are dropped, or get the labels written there."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset

from common.errors import DataError, nearest
from extraction.reading import LoadedData
from extraction.splits import is_multi_label, label_names, texts_of
from fusion_model.texts import joined
from tables import read_table
from tables.formulas import harmless

logger = logging.getLogger(__name__)

COLUMNS = ("split", "row", "text", "given", "proposed", "score", "reason")
# What `reason` says of a row whose label is probably wrong.
LABEL_ERROR = "label error"
SEPARATORS = ("; ", " | ", " / ")
AGAIN = "Make it again with `python -m labels.audit` and the flags of the data that train.py is given."


@dataclass(frozen=True)
class Reviewed:
    """One line of a table.

    Args:
        split: Name of the split.
        row: Number in it, from 0.
        proposed: Label names.
        reason: Why it is in the table.
    """

    split: str
    row: int
    proposed: list[str]
    reason: str


def separator(names: Sequence[str]) -> str:
    """What stands between several labels in a cell: the first of `SEPARATORS` that is in no label's name."""
    return next((one for one in SEPARATORS if not any(one.strip() in name for name in names)), SEPARATORS[0])


def read_reviewed(file: str, data: LoadedData) -> list[Reviewed]:
    """Read a table as `python -m labels.audit` writes it, with lines deleted and `proposed` changed as one pleases.

    Args:
        file: Of any kind that holds a table.
        data: The data set that it is about.

    Raises:
        DataError: it lacks a column, or is about other data.
    """
    table = read_table(file)
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise DataError(
            f"The table '{file}' has no column {missing}: its columns are {table.column_names}, expected "
            f"{list(COLUMNS)}. {AGAIN}"
        )
    texts = {name: [_shown(joined(text)) for text in texts_of(split)] for name, split in data.items()}
    between = separator(label_names(data))
    found: dict[tuple[str, int], Reviewed] = {}
    columns = (table.column(name).to_pylist() for name in ("split", "row", "text", "proposed", "reason"))
    for line, (split, row, text, proposed, reason) in enumerate(zip(*columns, strict=True), start=1):
        here = texts.get(split, [])
        number = int(row) if str(row).isdigit() else -1
        if not 0 <= number < len(here) or _shown(str(text)) != here[number]:
            raise DataError(
                f"Row {line} of '{file}' is about row {row} of '{split}', which is not this text in these data "
                f"({', '.join(f'{len(rows):,} {name}' for name, rows in texts.items())}): the table is of other data. "
                f"{AGAIN}"
            )
        names = proposed if isinstance(proposed, list) else str(proposed or "").split(between.strip())
        found[split, number] = Reviewed(
            split, number, [name.strip() for name in names if name.strip()], str(reason or "")
        )
    return list(found.values())


def _shown(text: str) -> str:
    """A text as a spreadsheet may have left it."""
    return harmless(" ".join(text.split()))


def drop_label_errors(data: LoadedData, file: str) -> LoadedData:
    """Leave out the training rows whose reason in a reviewed table is a label error.

    Raises:
        DataError: see `read_reviewed`; or no row would be left.
    """
    wrong = [one for one in read_reviewed(file, data) if LABEL_ERROR in one.reason]
    rows = {one.row for one in wrong if one.split == "train"}
    kept = [row for row in range(len(data["train"])) if row not in rows]
    if not kept:
        raise DataError(f"'{file}' calls every row of train a label error: nothing is left. Delete lines of it.")
    _tell(data, f"{len(rows):,} rows of train with label errors are left out", wrong, file)
    return LoadedData({**data, "train": data["train"].select(kept)}, data.reading)


def use_corrections(data: LoadedData, file: str) -> LoadedData:
    """Give training rows the labels that a reviewed table proposes; the texts, and so their features, stay.

    Raises:
        DataError: see `read_reviewed`; or a label does not exist, or a row has too many.
    """
    names, several = label_names(data), is_multi_label(data)
    reviewed = read_reviewed(file, data)
    split = data["train"]
    labels = split["labels"][:]
    changed = 0
    for one in reviewed:
        unknown = [name for name in one.proposed if name not in names]
        where = f"'{file}' proposes for row {one.row} of {one.split}"
        if unknown:
            raise DataError(f"{where} the label '{unknown[0]}', which is none of the data.{nearest(unknown[0], names)}")
        if not several and len(one.proposed) != 1:
            raise DataError(f"{where} {one.proposed}: expected exactly one label. Write one, or delete the line.")
        if one.split == "train":
            ids = sorted(names.index(name) for name in one.proposed)
            new = ids if several else ids[0]
            changed += new != (sorted(labels[one.row]) if several else labels[one.row])
            labels[one.row] = new
    _tell(data, f"{changed:,} rows of train have corrected labels", reviewed, file)
    columns = {name: split[name][:] for name in split.column_names} | {"labels": labels}
    return LoadedData({**data, "train": Dataset.from_dict(columns, features=split.features)}, data.reading)


def _tell(data: LoadedData, what: str, reviewed: list[Reviewed], file: str) -> None:
    """Note what was done, for the terminal, metrics.json and the card."""
    others = sum(one.split != "train" for one in reviewed)
    left = f"; {others:,} of other splits stay as they are, which results are measured on" if others else ""
    data.reading.notes.append(f"{what}, by {Path(file).name}{left}.")
    logger.info(data.reading.notes[-1])


__all__ = ["COLUMNS", "LABEL_ERROR", "Reviewed", "drop_label_errors", "read_reviewed", "separator", "use_corrections"]
