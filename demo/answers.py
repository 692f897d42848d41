"""From scores to what is said of a text: labels in order, each with its threshold, and which of them are predicted."""

from dataclasses import dataclass

import numpy as np

from .reader import Reader


@dataclass(frozen=True)
class Emotion:
    """One label's part of an answer.

    Args:
        label: Its name.
        score: Its probability.
        threshold: The probability from which on it is predicted; None where the best label alone is.
        predicted: Whether the model predicts it.
    """

    label: str
    score: float
    threshold: float | None
    predicted: bool


def answer(reader: Reader, scores: np.ndarray, threshold: float | None = None) -> list[Emotion]:
    """All labels of one text, best first.

    Args:
        reader: Whose scores they are.
        scores: Probabilities `(labels,)`.
        threshold: Used in place of the labels' own thresholds.

    Returns:
        An Emotion for each label.
    """
    values = scores.tolist()
    order = sorted(range(len(values)), key=values.__getitem__, reverse=True)
    needed: list[float | None] = [threshold] * len(values)
    if threshold is None and reader.thresholds is not None:
        needed = list(reader.thresholds)
    best = order[0]
    emotions = []
    for place in order:
        limit = needed[place]
        predicted = place == best if limit is None else values[place] >= limit
        emotions.append(Emotion(reader.labels[place], values[place], limit, predicted))
    return emotions


def predicted_labels(reader: Reader, scores: np.ndarray, threshold: float | None = None) -> list[list[str]]:
    """The predicted labels of many texts, best first.

    Args:
        reader: Whose scores they are.
        scores: Probabilities `(texts, labels)`; NaN rows, of texts that were not read, have none.
        threshold: Used in place of the labels' own thresholds.
    """
    return [
        [] if np.isnan(row[0]) else [one.label for one in answer(reader, row, threshold) if one.predicted]
        for row in scores
    ]


def as_json(emotions: list[Emotion], top_k: int | None = None) -> list[dict]:
    """Emotions for an endpoint; scores with six digits."""
    return [
        {
            "label": emotion.label,
            "score": round(emotion.score, 6),
            "threshold": None if emotion.threshold is None else round(emotion.threshold, 6),
            "predicted": emotion.predicted,
        }
        for emotion in emotions[:top_k]
    ]
