"""Results as CSV and Parquet: a row a text, with the emotions that are predicted and every label's score."""

import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from tables.formulas import harmless

from .answers import answer
from .reader import Reader
from .tables import Text, halves


def results_frame(reader: Reader, texts: list[Text], scores: np.ndarray, threshold: float | None) -> pd.DataFrame:
    """What the downloads hold.

    Args:
        reader: The model.
        texts: What was read.
        scores: `(texts, labels)`; NaN rows are texts without any characters.
        threshold: Used in place of the labels' own thresholds.

    Returns:
        Columns `row` (from 1), `text`, `text_pair` if there are pairs, `emotions` (predicted labels, best first, joined
        with "; ") and one a label.
    """
    predicted = [
        "" if np.isnan(row[0]) else "; ".join(e.label for e in answer(reader, row, threshold) if e.predicted)
        for row in scores
    ]
    firsts, seconds = zip(*map(halves, texts), strict=True)
    pair = {"text_pair": seconds} if any(seconds) else {}
    frame = pd.DataFrame({"row": range(1, len(texts) + 1), "text": firsts, **pair, "emotions": predicted})
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
    target = Path(tempfile.mkdtemp(dir=folder))
    stem = re.sub(r"[^\w\-]+", "_", Path(name).stem)[:60].strip("_") or "texts"
    table, packed = target / f"{stem}-emotions.csv", target / f"{stem}-emotions.parquet"
    names = [name for name in ("text", "text_pair", "emotions") if name in frame]
    shown = frame.assign(**{name: frame[name].map(harmless) for name in names})
    # A byte order mark, without which Excel does not see that it is UTF-8.
    shown.rename(columns=harmless).to_csv(table, index=False, encoding="utf-8-sig", lineterminator="\r\n")
    frame.to_parquet(packed, index=False)
    return str(table), str(packed)
