"""Layouts of labelled tables: how people and tools write down texts and their labels.

A new layout is one file with one class of [`base.Layout`], and a line in `LAYOUTS`.
"""

from dataclasses import replace

from tables.columns import split_pair

from .argilla import Argilla
from .base import LabelMode, Layout, Taken, Wanted
from .label_columns import LabelColumns
from .label_studio import LabelStudio
from .one_column import OneColumn
from .prodigy import Prodigy
from .table import Table

# The first that fits is taken: tools' exports before what could be anything.
LAYOUTS: tuple[Layout, ...] = (LabelStudio(), Argilla(), Prodigy(), LabelColumns(), OneColumn())


def read_layout(table: Table, wanted: Wanted) -> Taken:
    """Read a table by the first layout that fits; the second text of pairs is read beside it.

    Args:
        table: All splits.
        wanted: What the user said.

    Raises:
        DataError: no column can be the text or the label, or its values cannot be.
    """
    first, second = None, None
    if wanted.text_column is not None:
        first, second = split_pair(wanted.text_column, table.columns)
    wanted = replace(wanted, text_column=first)
    rest = table if second is None else table.without(second)
    layout = next(layout for layout in LAYOUTS if layout.fits(rest, wanted))
    if second is None:
        return layout.read(rest, wanted)
    # A column of the table; or what a tool's export has inside of one, which its layout knows how to find.
    other = None if second in table.columns else layout.read(table, replace(wanted, text_column=second))
    taken = layout.read(rest, wanted)
    taken.seconds = table.values(second) if other is None else other.texts
    taken.text_from += f" and {other.text_from if other else repr(second)}"
    taken.used.add(second)
    taken.text_columns = [str(first), second]
    return taken


__all__ = ["LAYOUTS", "LabelMode", "Layout", "Table", "Taken", "Wanted", "read_layout"]
