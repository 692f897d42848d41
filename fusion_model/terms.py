"""Words, pairs of words and pieces of words, counted: the part of the TF-IDF branch that needs no torch.

An export carries this file as it is, so it imports the standard library and numpy alone.
"""

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

# A run of letters and digits (with inner apostrophes), or one sign: "don't", "wow", "!", "😂" are terms.
WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
# Vocabulary terms are joined with this character, which no term contains (terms contain no control characters).
SEPARATOR = "\n"
# Pieces of what is longer than any word (a line without a blank, say) tell nothing.
LONGEST_WORD = 64
# Words whose pieces are kept at hand: more than an English text has, a few MB.
REMEMBERED_WORDS = 50_000
# Above the number of every pair.
NO_PAIR = 2**63 - 1


def pieces_of_word(word: str) -> list[str]:
    """Runs of 2 to 5 characters in a word padded with a space, each marked `c:`, with repetitions."""
    padded = f" {word[:LONGEST_WORD]} "
    return [f"c:{padded[i : i + size]}" for size in range(2, 6) for i in range(len(padded) - size + 1)]


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
        # A pair is found by the numbers of its words: one number for both, in order.
        joined = {row: term[2:].partition(" ") for row, term in enumerate(terms) if term.startswith("w:")}
        pairs = {row: (first, second) for row, (first, blank, second) in joined.items() if blank}
        self._number_of = {word: number for number, word in enumerate(dict.fromkeys(chain(*pairs.values())))}
        keys = [self._pair_key(*map(self._number_of.__getitem__, words)) for words in pairs.values()]
        order = np.argsort(keys)
        self._pair_keys = np.append(np.array(keys, np.int64)[order], NO_PAIR)
        self._pair_rows = np.append(np.array(list(pairs), np.int64)[order], -1)
        self._rows_of: dict[str, list[int]] = {}

    def count(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Known terms of each text: words, signs and pairs of neighbours in one bag, pieces of words in another.

        Args:
            texts: Any number of strings; case is ignored.

        Returns:
            Three int64 arrays of one length: each term's row in the vocabulary, how often it occurs, and its bag, which
            is `2 * text` for words and pairs, `2 * text + 1` for pieces. Bags are in order, and so are a bag's rows.
        """
        words_of = [WORD.findall(text.lower()) for text in texts]
        words = list(chain.from_iterable(words_of))
        text_of = np.repeat(np.arange(len(texts)), _lengths(words_of))
        # Each different word is looked up once: its number in pairs, its own row, then those of its pieces.
        number: dict[str, int] = {}
        ids = np.fromiter((number.setdefault(word, len(number)) for word in words), np.int64, len(words))
        rows_of = [self._rows(word) for word in number]
        rows = np.fromiter(chain.from_iterable(rows_of), np.int64)
        sizes = _lengths(rows_of)
        ends = np.cumsum(sizes)[ids]
        starts = ends - sizes[ids]
        pieces = sizes[ids] - 2
        # Pieces of all words one after the other: a run of neighbouring `rows` for each word.
        runs = np.repeat(ends - np.cumsum(pieces), pieces) + np.arange(pieces.sum())
        numbers = rows[starts]
        first, second = numbers[:-1], numbers[1:]
        possible = (first >= 0) & (second >= 0) & (text_of[:-1] == text_of[1:])  # no pair reaches into the next text
        keys = np.where(possible, self._pair_key(first, second), -1)
        places = np.searchsorted(self._pair_keys, keys)
        pairs = np.where(self._pair_keys[places] == keys, self._pair_rows[places], -1)

        found = np.concatenate([rows[starts + 1], pairs, rows[runs]])
        bags = np.concatenate([2 * text_of, 2 * text_of[1:], 2 * np.repeat(text_of, pieces) + 1])
        # One number for a bag and a row, sorted: what is equal stands together and is counted.
        keys = np.sort((bags * len(self.index) + found)[found >= 0])
        last = np.flatnonzero(np.diff(keys, append=-1))
        bags, found = np.divmod(keys[last], len(self.index))
        return found, np.diff(last, prepend=-1), bags

    def _rows(self, word: str) -> list[int]:
        """A word's number in pairs and its own row, -1 where it has none, and its known pieces' rows.

        Most words of a text were met before.
        """
        rows = self._rows_of.get(word)
        if rows is None:
            index = self.index
            pieces = [index[piece] for piece in pieces_of_word(word) if piece in index]
            rows = [self._number_of.get(word, -1), index.get(f"w:{word}", -1), *pieces]
            if len(self._rows_of) >= REMEMBERED_WORDS:
                self._rows_of.clear()
            self._rows_of[word] = rows
        return rows

    def _pair_key(self, first: Any, second: Any) -> Any:
        """One number for the numbers of two words."""
        return first * len(self._number_of) + second


def _lengths(lists: Sequence[list]) -> np.ndarray:
    """How long each is."""
    return np.fromiter(map(len, lists), np.int64, len(lists))


__all__ = ["SEPARATOR", "WORD", "TermCounter", "pieces_of_word"]
