"""Why a text got its scores: each word left out in turn, and each part of the model left out in turn."""

from dataclasses import dataclass

import numpy as np
import regex

from .reader import Reader

# A word with its marks and inner apostrophes, or a run of signs: "don't", "über", "?!", "😂😂".
WORD = regex.compile(r"[\p{L}\p{M}\p{N}_]+(?:['’][\p{L}\p{M}\p{N}_]+)*|[^\s\p{L}\p{M}\p{N}_]+")
# Passes over one text; in a longer one so many neighbours are left out together that no more are needed.
MAX_PASSES = 64


@dataclass(frozen=True)
class Piece:
    """A stretch of the text: words that are left out together, or (`effects` None) what stands between words.

    Args:
        text: As it stands in the text.
        effects: `(labels,)`, what the words add to each label's score; negative where they speak against it.
    """

    text: str
    effects: np.ndarray | None


@dataclass(frozen=True)
class Explanation:
    """What moved the scores of one text.

    Args:
        text: The text.
        scores: `(labels,)` of the whole text.
        pieces: Joined, they are the text.
        words_a_piece: How many words were left out together.
        without: For each part of the model, scores `(labels,)` when it is left out.
    """

    text: str
    scores: np.ndarray
    pieces: list[Piece]
    words_a_piece: int
    without: dict[str, np.ndarray]


def spans_of(text: str) -> tuple[list[tuple[int, int]], int]:
    """Where the stretches to leave out are, and how many words each has."""
    words = [match.span() for match in WORD.finditer(text)]
    size = max(1, -(-len(words) // MAX_PASSES))
    groups = [words[start : start + size] for start in range(0, len(words), size)]
    return [(group[0][0], group[-1][1]) for group in groups], size


def leave_out(text: str, start: int, end: int) -> str:
    """The text without a stretch, and without a second space where it stood."""
    before, after = text[:start], text[end:]
    return before + (after.lstrip(" ") if before.endswith(" ") or not before else after)


def explain(reader: Reader, text: str) -> Explanation:
    """Leave out words, then parts of the model.

    Args:
        reader: The model.
        text: A checked text.

    Returns:
        The effects on every label.
    """
    spans, size = spans_of(text)
    scores = reader.scores([text, *(leave_out(text, start, end) for start, end in spans)])
    pieces = []
    reached = 0
    for (start, end), lesser in zip(spans, scores[1:], strict=True):
        if start > reached:
            pieces.append(Piece(text[reached:start], None))
        pieces.append(Piece(text[start:end], scores[0] - lesser))
        reached = end
    if reached < len(text):
        pieces.append(Piece(text[reached:], None))
    without = {part: reader.scores_without(part, text) for part in reader.parts}
    return Explanation(text, scores[0], pieces, size, without)
