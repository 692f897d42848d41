"""Layouts of labelled tables: how people and tools write down texts and their labels.

A new layout is one file with one class of [`base.Layout`], and a line in `LAYOUTS`.
"""

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
    """Read a table by the first layout that fits.

    Args:
        table: All splits.
        wanted: What the user said.

    Raises:
        DataError: no column can be the text or the label, or its values cannot be.
    """
    return next(layout for layout in LAYOUTS if layout.fits(table, wanted)).read(table, wanted)


__all__ = ["LAYOUTS", "LabelMode", "Layout", "Table", "Taken", "Wanted", "read_layout"]
