"""The lexical channel: words, word pairs, punctuation and character n-grams with TF-IDF weights, one linear layer."""

import re
from collections import Counter
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

# A run of letters and digits (with inner apostrophes), or one sign: "don't", "wow", "!", "😂" are terms.
WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
# Vocabulary terms are joined with this character, which no term contains (terms contain no control characters).
SEPARATOR = "\n"
# Pieces of what is longer than any word (a line without a blank, say) tell nothing.
LONGEST_WORD = 64
# Words whose pieces a channel keeps at hand: more than an English text has, a few MB.
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


class LexicalChannel(nn.Module):
    """TF-IDF and a linear layer, with the vocabulary carried in a buffer so that it travels in model.safetensors.

    A text's vector has `(1 + ln count) * idf` for each known term, scaled to length 1, words and characters apart, as
    scikit-learn's `TfidfVectorizer(sublinear_tf=True)` gives it.

    Args:
        num_terms: Size of the vocabulary.
        num_bytes: Length of its UTF-8 encoding, terms joined with line feeds.
        num_labels: Number of labels.
    """

    vocabulary: torch.Tensor
    idf: torch.Tensor

    def __init__(self, num_terms: int, num_bytes: int, num_labels: int):
        super().__init__()
        self.register_buffer("vocabulary", torch.zeros(num_bytes, dtype=torch.uint8))
        self.register_buffer("idf", torch.ones(num_terms))
        self.weight = nn.Parameter(torch.zeros(num_terms, num_labels), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(num_labels), requires_grad=False)
        self._index: dict[str, int] | None = None
        self._rows_of: dict[str, list[int]] = {}

    @property
    def index(self) -> dict[str, int]:
        """Row of each term."""
        if self._index is None:
            try:
                terms = bytes(self.vocabulary.cpu().tolist()).decode("utf-8").split(SEPARATOR)
            except UnicodeDecodeError as error:
                raise ValueError(f"The lexical vocabulary is not UTF-8 ({error}): get the model again.") from None
            if len(terms) != len(self.idf):
                raise ValueError(
                    f"The lexical vocabulary has {len(terms):,} terms, and there are weights for {len(self.idf):,}: "
                    "get the model again."
                )
            self._index = {term: row for row, term in enumerate(terms)}
        return self._index

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

    def forward(self, texts: list[str]) -> torch.Tensor:
        """Logits `(len(texts), num_labels)` of raw texts."""
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
        device = self.weight.device
        flat = torch.tensor(rows, dtype=torch.long, device=device)
        bag = torch.tensor(bags, dtype=torch.long, device=device)
        values = (1 + torch.tensor(counts, dtype=torch.float32, device=device).log()) * self.idf[flat].float()
        squares = torch.zeros(2 * len(texts), device=device).index_add_(0, bag, values**2)
        values = values / squares.sqrt().clamp_min(1e-12)[bag]
        starts = torch.searchsorted(bag, 2 * torch.arange(len(texts), device=device))
        weight = self.weight.float()
        return F.embedding_bag(flat, weight, starts, mode="sum", per_sample_weights=values) + self.bias.float()


__all__ = ["SEPARATOR", "WORD", "LexicalChannel", "pieces_of", "pieces_of_word", "words_of"]
