"""Words, pairs of words and pieces of words, counted: the part of the TF-IDF branch that needs no torch.

An export carries this file as it is, so it imports the standard library alone.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

# A run of letters and digits (with inner apostrophes), or one sign: "don't", "wow", "!", "😂" are terms.
WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
# Vocabulary terms are joined with this character, which no term contains (terms contain no control characters).
SEPARATOR = "\n"
# Pieces of what is longer than any word (a line without a blank, say) tell nothing.
LONGEST_WORD = 64
# Words whose pieces are kept at hand: more than an English text has, a few MB.
REMEMBERED_WORDS = 50_000


def words_of(text: str) -> list[str]:
    """Words, signs and pairs of neighbours, each marked `w:`, with repetitions; case is ignored."""
    words = WORD.findall(text.lower())
    return [f"w:{word}" for word in words] + [f"w:{first} {second}" for first, second in pairwise(words)]


def pieces_of_word(word: str) -> list[str]:
    """Runs of 2 to 5 characters in a word padded with a space, each marked `c:`, with repetitions."""
    padded = f" {word[:LONGEST_WORD]} "
    return [f"c:{padded[i : i + size]}" for size in range(2, 6) for i in range(len(padded) - size + 1)]


def pieces_of(text: str) -> list[str]:
    """`pieces_of_word` of all words; case is ignored."""
    return [piece for word in WORD.findall(text.lower()) for piece in pieces_of_word(word)]


class TermCounter:
    """Counts the terms of a vocabulary.

    Args:
        vocabulary: The terms in order, joined with `SEPARATOR`, in UTF-8.
        num_terms: How many there should be.

    Raises:
        ValueError: the vocabulary is damaged.
    """

    def __init__(self, vocabulary: bytes, num_terms: int):
        try:
            terms = vocabulary.decode("utf-8").split(SEPARATOR)
        except UnicodeDecodeError as error:
            raise ValueError(f"The TF-IDF vocabulary is not UTF-8 ({error}): get the model again.") from None
        if len(terms) != num_terms:
            raise ValueError(
                f"The TF-IDF vocabulary has {len(terms):,} terms, and there are weights for {num_terms:,}: get the "
                "model again."
            )
        self.index = {term: row for row, term in enumerate(terms)}
        self._rows_of: dict[str, list[int]] = {}

    def count(self, texts: Sequence[str]) -> tuple[list[int], list[int], list[int]]:
        """Known terms of each text.

        Args:
            texts: Any number of strings.

        Returns:
            Three lists of one length: each term's row in the vocabulary, how often it occurs, and its bag, which is
            `2 * text` for words and pairs, `2 * text + 1` for pieces. Bags are in order.
        """
        index = self.index
        rows: list[int] = []
        counts: list[int] = []
        bags: list[int] = []
        for number, text in enumerate(texts):
            words = (index[term] for term in words_of(text) if term in index)
            pieces = (row for word in WORD.findall(text.lower()) for row in self._piece_rows(word))
            for block, terms in enumerate((words, pieces)):
                known = Counter(terms)
                rows += known.keys()
                counts += known.values()
                bags += [2 * number + block] * len(known)
        return rows, counts, bags

    def _piece_rows(self, word: str) -> list[int]:
        """Rows of a word's known pieces; most words of a text were met before."""
        rows = self._rows_of.get(word)
        if rows is None:
            index = self.index
            rows = [index[piece] for piece in pieces_of_word(word) if piece in index]
            if len(self._rows_of) >= REMEMBERED_WORDS:
                self._rows_of.clear()
            self._rows_of[word] = rows
        return rows


__all__ = ["SEPARATOR", "WORD", "TermCounter", "pieces_of", "pieces_of_word", "words_of"]
