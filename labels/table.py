"""An audit's table: a row for each doubtful text, to be looked through in a spreadsheet and given to train.py."""

from pathlib import Path

import numpy as np
import pandas as pd

from common.atomic import put
from tables.formulas import harmless
from training.reviewed import separator

from .findings import Findings
from .material import Material


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
            "given": [_names(material, material.given[row]) for row in rows],
            "proposed": [_names(material, findings.proposed[row]) for row in rows],
            "score": np.round(findings.scores[rows], 4).tolist(),
            "reason": ["; ".join(findings.reasons[row]) for row in rows],
        }
    )
    return table.astype({"split": str, "row": int, "text": str, "score": float, "reason": str})  # also without rows


def _names(material: Material, labels: np.ndarray) -> list[str]:
    return [material.names[label] for label in np.flatnonzero(labels)]


def write_table(table: pd.DataFrame, names: list[str], folder: Path, stem: str = "labels") -> list[Path]:
    """Write a table as CSV, for people, and as Parquet.

    Args:
        table: With lists of label names in some columns.
        names: Of all labels; what separates them in a cell of the CSV is in none.
        folder: It exists.
        stem: Of the file names.

    Returns:
        The two files.
    """
    between = separator(names)
    shown = table.map(lambda cell: between.join(cell) if isinstance(cell, list) else cell)
    texts = shown.columns.intersection(["text", "text_pair", "given", "proposed", "label"])
    shown[texts] = shown[texts].map(lambda cell: harmless(cell) if isinstance(cell, str) else cell)
    files = [folder / f"{stem}.csv", folder / f"{stem}.parquet"]
    aside = [folder / f"unfinished-{file.name}" for file in files]
    # A byte order mark, without which Excel does not see that it is UTF-8.
    shown.to_csv(aside[0], index=False, encoding="utf-8-sig")
    table.to_parquet(aside[1], index=False)
    for written, file in zip(aside, files, strict=True):
        put(written, file)
    return files


__all__ = ["audit_table", "write_table"]
