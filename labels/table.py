"""Tables of texts and labels, to be looked through in a spreadsheet: as CSV and as Parquet."""

from pathlib import Path

import pandas as pd

from common.atomic import put
from tables.formulas import harmless
from training.reviewed import separator


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


__all__ = ["write_table"]
