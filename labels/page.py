"""What an audit found: in sentences, as a table, and as a page."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from fusion_model.texts import joined
from training.reviewed import LABEL_ERROR

from .findings import CONTRADICTION, MISSING, OUTLIER, SHARED, Findings
from .html import Plot, Table, render
from .material import Material
from .plots import plot_bars, plot_scores

MOST_ROWS = 200
KINDS = {
    LABEL_ERROR: ("Label errors", "Given labels that are doubtful, the most doubtful first."),
    MISSING: ("Missing labels", "Labels that nobody gave, and that such texts nearly always have."),
    CONTRADICTION: ("Contradictions", "Texts that are nearly equal and have no label in common."),
    SHARED: ("In two splits", "Texts that stand in two splits: results on them are too good."),
    OUTLIER: ("Outliers", "Texts that are like no other."),
}


def told(material: Material, findings: Findings) -> Iterator[str]:
    """A sentence for each finding."""
    rows = {reason: findings.rows(reason) for reason in (LABEL_ERROR, MISSING, CONTRADICTION, SHARED, OUTLIER)}
    errors = rows[LABEL_ERROR]
    share = 100 * len(errors) / len(material)
    yield f"{len(errors):,} texts ({share:.1f} %) have a doubtful label."
    yield f"About {100 * findings.unrelated:.1f} % of the labels have nothing to do with their text."
    if rows[MISSING]:
        yield f"{len(rows[MISSING]):,} texts lack a label that such texts nearly always have."
    if rows[CONTRADICTION]:
        yield f"{len(rows[CONTRADICTION]):,} texts are nearly equal to another one and have no label in common with it."
    if rows[SHARED]:
        yield f"{len(rows[SHARED]):,} texts outside train stand in another split too: results on them are too good."
    if findings.confused:
        pairs = ", ".join(f"{a} and {b} ({count:,})" for a, b, count in findings.confused[:3])
        yield f"The labels that most often stand for each other are {pairs}."
    if findings.rare:
        shown = ", ".join(f"{name} ({count:,})" for name, count, _ in findings.rare[:5])
        more = f" and {len(findings.rare) - 5} more" if len(findings.rare) > 5 else ""
        yield f"Too rare to learn: {shown}{more}."
    if rows[OUTLIER]:
        yield f"{len(rows[OUTLIER]):,} texts are like no other: another language, noise, or a new kind of text."


def audit_table(material: Material, findings: Findings) -> pd.DataFrame:
    """The rows that something is said about, the most doubtful first.

    Returns:
        Columns `split`, `row` (from 0), `text`, `text_pair` if there are pairs, `given` and `proposed` (lists of
        names), `score` (chance that the given labels are right), `reason`.
    """
    rows = sorted(findings.reasons, key=lambda row: float(findings.scores[row]))
    texts = [text if isinstance(text, tuple) else (text, None) for text in (material.texts[row] for row in rows)]
    pair = (
        {"text_pair": [second for _, second in texts]}
        if any(isinstance(text, tuple) for text in material.texts)
        else {}
    )
    table = pd.DataFrame(
        {
            "split": material.splits[rows].tolist(),
            "row": material.places[rows].tolist(),
            "text": [first for first, _ in texts],
            **pair,
            "given": [_listed(material, material.given[row]) for row in rows],
            "proposed": [_listed(material, findings.proposed[row]) for row in rows],
            "score": np.round(findings.scores[rows], 4).tolist(),
            "reason": ["; ".join(findings.reasons[row]) for row in rows],
        }
    )
    return table.astype({"split": str, "row": int, "text": str, "score": float, "reason": str})  # also without rows


def _listed(material: Material, labels: np.ndarray) -> list[str]:
    return [material.names[label] for label in np.flatnonzero(labels)]


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
        Plot("Scores", "The lower, the more likely is a label wrong; label errors are those in the other colour.",
             plot_scores(findings.scores, findings.below)),
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


__all__ = ["audit_page", "audit_table", "told"]
