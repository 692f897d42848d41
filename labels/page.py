"""The page of an audit: one HTML file that asks no server for anything."""

from pathlib import Path
from typing import NamedTuple

import jinja2
import numpy as np
from markupsafe import Markup

from fusion_model.texts import joined
from training.reviewed import LABEL_ERROR

from .findings import CONTRADICTION, MISSING, OUTLIER, SHARED, WRONG_BELOW, Findings
from .material import Material
from .plots import plot_bars, plot_scores

MOST_ROWS = 200
NUMBERS = ("row", "score", "examples", "F1", "gain")
KINDS = {
    LABEL_ERROR: ("Label errors", "Given labels that are more likely wrong than right, the surest first."),
    MISSING: ("Missing labels", "Labels that nobody gave, and that such texts nearly always have."),
    CONTRADICTION: ("Contradictions", "Texts that are nearly equal and have no label in common."),
    SHARED: ("In two splits", "Texts that stand in two splits: results on them are too good."),
    OUTLIER: ("Outliers", "Texts that are like no other."),
}


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


def audit_page(title: str, subtitle: str, sentences: list[str], material: Material, findings: Findings) -> str:
    """The page of an audit.

    Args:
        title: Its heading.
        subtitle: What was audited, and how.
        sentences: One for each finding.
        material: Texts and labels.
        findings: What was found.
    """
    counts = material.given.sum(axis=0)
    shares = findings.label_errors / np.maximum(counts, 1)
    plots = [
        Plot("Scores", "Left of the middle a label is more likely wrong than right.",
             plot_scores(findings.scores, WRONG_BELOW)),
        Plot("Label errors by label", "Share of a label's examples that are label errors.",
             plot_bars(material.names, shares, "share of examples",
                       [f"{int(errors):,} of {int(count):,}"
                        for errors, count in zip(findings.label_errors, counts, strict=True)], share=True)),
    ]  # fmt: skip
    if findings.confused:
        values = np.array([count for *_, count in findings.confused])
        plots.append(
            Plot(
                "Labels that stand for each other",
                "Estimated number of examples in which one of the two was given and the other is meant. Some of it is "
                "honest doubt: a rule for annotators, or one label in place of both, ends it.",
                plot_bars(
                    [f"{a} · {b}" for a, b, _ in findings.confused], values, "examples", [f"{v:,}" for v in values]
                ),
            )
        )
    tables = [_rows(material, findings, reason, *said) for reason, said in KINDS.items() if findings.rows(reason)]
    if findings.rare:
        cells = [[name, f"{count:,}", f"{f1:.2f}"] for name, count, f1 in findings.rare]
        said = "Labels that were not learnt in cross-validation: write more examples, or merge them with others."
        tables.append(Table("Too rare to learn", said, ["label", "examples", "F1"], cells, len(cells)))
    return render(title, subtitle, sentences, plots, tables)


def _rows(material: Material, findings: Findings, reason: str, heading: str, explanation: str) -> Table:
    """The first rows with one reason."""

    def names(labels: np.ndarray) -> str:
        return ", ".join(material.names[label] for label in np.flatnonzero(labels)) or "none"

    def detail(row: int) -> str:
        found = next(one for one in findings.reasons[row] if one.startswith(reason))
        return found.removeprefix(reason).strip(" ()")

    rows = findings.rows(reason)
    columns = ["split", "row", "text", "given", "proposed", "score"]
    if any(map(detail, rows)):
        columns.append("see")
    cells = [
        [
            material.splits[row],
            str(material.places[row]),
            joined(material.texts[row]),
            names(material.given[row]),
            names(findings.proposed[row]) if (findings.proposed[row] != material.given[row]).any() else "",
            f"{findings.scores[row]:.3f}",
            detail(row),
        ][: len(columns)]
        for row in rows[:MOST_ROWS]
    ]
    return Table(heading, explanation, columns, cells, len(rows))


__all__ = ["Plot", "Table", "audit_page", "render"]
