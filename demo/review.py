"""What a visitor looks through: texts in an order, the closest call of each, and the labels that were put right."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from .reader import Reader
from .tables import Text, halves

AS_THEY_CAME, LEAST_SURE = ORDERS = ("As they came", "Least sure first")
COLUMNS = ("row", "text", "emotions", "closest call", "checked")
# Rows and characters of a text that the table shows; the downloads hold all.
MAX_SHOWN, SHOWN = 1000, 300


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Log-odds, which tell 0.01 and 0.05 apart as well as 0.5 and 0.84."""
    clipped = np.clip(probabilities.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped))


def closest(reader: Reader, scores: np.ndarray, threshold: float | None) -> tuple[np.ndarray, list[str]]:
    """How sure the model is of each text, and what it was least sure of.

    Args:
        reader: The model.
        scores: Probabilities `(texts, labels)`; NaN rows are texts that were not read.
        threshold: Used in place of the labels' own thresholds.

    Returns:
        Sureness `(texts,)`, NaN where nothing was read: the lead of the best label over the second or, where a text
        can have several labels, the least distance in log-odds of a label to its threshold. And the labels in question
        with their scores, "" where nothing was read.
    """
    rows = np.arange(len(scores))
    if not reader.multi_label:
        first, second = np.argsort(-scores, axis=1)[:, :2].T
        sure = scores[rows, first] - scores[rows, second]
        calls = [
            f"{reader.labels[one]} {row[one]:.2f}, {reader.labels[other]} {row[other]:.2f}"
            for row, one, other in zip(scores, first, second, strict=True)
        ]
    else:
        limits = np.array(reader.thresholds if threshold is None else [threshold] * len(reader.labels))
        distance = np.abs(log_odds(scores) - log_odds(limits))
        nearest = distance.argmin(axis=1)
        sure = distance[rows, nearest]
        calls = [
            f"{reader.labels[one]} {row[one]:.2f} of {limits[one]:.2f}"
            for row, one in zip(scores, nearest, strict=True)
        ]
    return sure, ["" if np.isnan(value) else call for value, call in zip(sure, calls, strict=True)]


@dataclass
class Review:
    """Texts that were read, one of which is being looked at.

    Args:
        name: Of the file, or `texts`.
        texts: In the order of the input.
        labels: All labels of the model.
        several: Whether a text can have several.
        scores: `(texts, labels)`, NaN where nothing was read.
        given: The labels that the model gives each text, best first.
        sure: See `closest`.
        calls: See `closest`.
        order: Rows in the order in which they are shown.
        row: The row that is looked at.
        saved: Labels of the rows that were saved.
    """

    name: str
    texts: list[Text]
    labels: list[str]
    several: bool
    scores: np.ndarray
    given: list[list[str]]
    sure: np.ndarray
    calls: list[str]
    order: list[int] = field(init=False)
    row: int = field(init=False)
    saved: dict[int, list[str]] = field(default_factory=dict)

    def __post_init__(self):
        self.sort(AS_THEY_CAME)

    def sort(self, order: str) -> None:
        """Put the rows in one of `ORDERS`, and look at the first that is open."""
        rows = np.arange(len(self.texts))
        self.order = rows.tolist() if order == AS_THEY_CAME else np.argsort(self.sure, kind="stable").tolist()
        self.row = next(self._open(0), self.order[0])

    def look_at(self, row: int) -> None:
        """Look at a row; one without any characters has nothing to look at."""
        if self.is_read(row):
            self.row = row

    def step(self, by: int) -> None:
        """Look at the next row (1) or the one before (-1), as far as there is one."""
        place = self.order.index(self.row)
        rest = self.order[place + 1 :] if by > 0 else self.order[:place][::-1]
        self.row = next(filter(self.is_read, rest), self.row)

    def save(self, labels: list[str]) -> None:
        """Take labels for the row that is looked at, and look at the next one that is open."""
        self.saved[self.row] = sorted(labels, key=self.labels.index)
        self.row = next(self._open(self.order.index(self.row)), self.row)

    def forget(self) -> None:
        """Take the labels of the row that is looked at back."""
        self.saved.pop(self.row, None)

    def is_read(self, row: int) -> bool:
        """Whether a row has a text that the model read."""
        return not np.isnan(self.sure[row])

    def _open(self, place: int) -> Iterator[int]:
        """Rows that were read and not saved, from a place in the order on and then from the first."""
        rows = self.order[place:] + self.order[:place]
        return (row for row in rows if self.is_read(row) and row not in self.saved)

    def proposed(self, row: int) -> list[str]:
        """What the model would label a row with: exactly one label, unless a text can have several."""
        return self.given[row] if self.several else [self.labels[int(self.scores[row].argmax())]]

    @property
    def current(self) -> list[str]:
        """The labels of the row that is looked at: those that were saved, else the model's."""
        return self.saved.get(self.row, self.proposed(self.row))

    @property
    def best_first(self) -> list[str]:
        """All labels, those with the highest scores in the row that is looked at first."""
        return [self.labels[place] for place in np.argsort(-self.scores[self.row], kind="stable")]

    def mark(self, row: int) -> str:
        """`confirmed`, `corrected`, or "" for a row that is open."""
        if row not in self.saved:
            return ""
        return "confirmed" if set(self.saved[row]) == set(self.proposed(row)) else "corrected"

    @property
    def counts(self) -> Counter[str]:
        """How many rows were `corrected` and `confirmed`."""
        return Counter(map(self.mark, self.saved))

    def table(self) -> pd.DataFrame:
        """What the page shows: the first MAX_SHOWN rows in their order, a pair on two lines."""
        cells = [
            (
                row + 1,
                _short("\n".join(halves(self.texts[row])).strip()),
                "; ".join(self.saved.get(row, self.given[row])),
                self.calls[row],
                self.mark(row),
            )
            for row in self.order[:MAX_SHOWN]
        ]
        return pd.DataFrame(cells, columns=list(COLUMNS))

    def labelled(self) -> tuple[list[Text], list[list[str]]]:
        """Texts and labels of the rows that were saved, in the order of the input."""
        rows = sorted(self.saved)
        return [self.texts[row] for row in rows], [self.saved[row] for row in rows]


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + " …"
