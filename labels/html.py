"""A page of plots and tables: one HTML file that asks no server for anything, in dark and in light."""

from pathlib import Path
from typing import NamedTuple

import jinja2
from markupsafe import Markup

# Columns of figures, which stand to the right.
NUMBERS = ("row", "rows", "score", "examples", "F1", "macro-F1", "accuracy")


class Plot(NamedTuple):
    """A drawing with its heading."""

    heading: str
    explanation: str
    drawing: str


class Table(NamedTuple):
    """The first rows of a table with its heading; `total` counts all."""

    heading: str
    explanation: str
    columns: list[str]
    rows: list[list[str]]
    total: int


def render(title: str, subtitle: str, sentences: list[str], plots: list[Plot], tables: list[Table]) -> str:
    """A page as HTML; every text in it is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html.jinja").render(
        title=title,
        subtitle=subtitle,
        sentences=sentences,
        plots=[plot._replace(drawing=Markup(plot.drawing)) for plot in plots],
        tables=tables,
        numbers=NUMBERS,
        zip=zip,
    )


__all__ = ["Plot", "Table", "render"]
