"""Downloads as CSV and Parquet: results, a row a text with every label's score, and texts that a person labelled."""

import json
import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tables.formulas import harmless

from .reader import Reader
from .tables import Text, halves


def results_frame(reader: Reader, texts: list[Text], scores: np.ndarray, predicted: list[list[str]]) -> pd.DataFrame:
    """What the downloads hold.

    Args:
        reader: The model.
        texts: What was read.
        scores: `(texts, labels)`; NaN rows are texts without any characters.
        predicted: The predicted labels of each text, best first.

    Returns:
        Columns `row` (from 1), `text`, `text_pair` if there are pairs, `emotions` (predicted labels, best first, joined
        with "; ") and one a label.
    """
    firsts, seconds = zip(*map(halves, texts), strict=True)
    pair = {"text_pair": seconds} if any(seconds) else {}
    emotions = map("; ".join, predicted)
    frame = pd.DataFrame({"row": range(1, len(texts) + 1), "text": firsts, **pair, "emotions": emotions})
    columns = set(frame)
    values = {
        (f"score_{label}" if label in columns else label): np.round(scores[:, place], 4).astype(np.float32)
        for place, label in enumerate(reader.labels)
    }
    return pd.concat([frame, pd.DataFrame(values)], axis=1)


def write_results(frame: pd.DataFrame, folder: Path, name: str) -> tuple[str, str]:
    """Write both files into a folder of their own.

    Args:
        frame: See `results_frame`.
        folder: Where gradio keeps files; it deletes them after the time that the page sets.
        name: Beginning of the file names.

    Returns:
        Paths of the CSV and the Parquet file.
    """
    table, packed = _new_files(folder, name, "emotions")
    names = [name for name in ("text", "text_pair", "emotions") if name in frame]
    _write_csv(frame.assign(**{name: frame[name].map(harmless) for name in names}).rename(columns=harmless), table)
    frame.to_parquet(packed, index=False)
    return str(table), str(packed)


def write_labelled(
    texts: list[Text], labels: list[list[str]], several: bool, folder: Path, name: str
) -> tuple[str, str]:
    """Write texts with labels as train.py's `--dataset` reads them, into a folder of their own.

    Args:
        texts: What was labelled.
        labels: Label names of each text; one, unless `several`.
        several: Whether a text can have several labels. Cells of the CSV are then lists in JSON, which no label's name
            is mistaken for, and which no spreadsheet runs.
        folder: See `write_results`.
        name: Beginning of the file names.

    Returns:
        Paths of the CSV and the Parquet file, with the columns `text`, `text_pair` if there are pairs, and `label`.
    """
    table, packed = _new_files(folder, name, "labelled")
    firsts, seconds = zip(*map(halves, texts), strict=True)
    columns = {"text": firsts, **({"text_pair": seconds} if any(seconds) else {})}
    shown = {name: map(harmless, column) for name, column in columns.items()}
    cells = [json.dumps(names, ensure_ascii=False) if several else harmless(names[0]) for names in labels]
    _write_csv(pd.DataFrame({**shown, "label": cells}), table)
    kept = pa.array(labels, pa.list_(pa.string())) if several else [names[0] for names in labels]
    pq.write_table(pa.table({**{name: list(column) for name, column in columns.items()}, "label": kept}), packed)
    return str(table), str(packed)


def _new_files(folder: Path, name: str, what: str) -> tuple[Path, Path]:
    """Paths of a CSV and a Parquet file in a new folder."""
    target = Path(tempfile.mkdtemp(dir=folder))
    stem = re.sub(r"[^\w\-]+", "_", Path(name).stem)[:60].strip("_") or "texts"
    return target / f"{stem}-{what}.csv", target / f"{stem}-{what}.parquet"


def _write_csv(frame: pd.DataFrame, file: Path) -> None:
    """With a byte order mark, without which Excel does not see that it is UTF-8."""
    frame.to_csv(file, index=False, encoding="utf-8-sig", lineterminator="\r\n")
