"""The TF-IDF branch: words, word pairs, punctuation and character n-grams with TF-IDF weights, one linear layer."""

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional as F

from .terms import TermCounter
from .texts import Text, joined


def weigh(
    counts: torch.Tensor, idf: torch.Tensor, bags: torch.Tensor, sum_by_bag: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """TF-IDF weights, `(1 + ln count) * idf` scaled so that each bag's squares add up to 1.

    Args:
        counts: How often each term occurs, `(terms,)`.
        idf: Of each of these terms, `(terms,)`.
        bags: Which bag each is in, `(terms,)`.
        sum_by_bag: Adds up values `(terms,)` in each bag, `(bags,)`.

    Returns:
        `(terms,)`.
    """
    values = (1 + counts.log()) * idf
    return values / sum_by_bag(values**2).sqrt().clamp_min(1e-12)[bags]


class TfidfBranch(nn.Module):
    """TF-IDF and a linear layer, with the vocabulary carried in a buffer so that it travels in model.safetensors.

    A text's vector has each known term's weight (see `weigh`), words and characters apart, as scikit-learn's
    `TfidfVectorizer(sublinear_tf=True)` gives it.

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
        self._counter: TermCounter | None = None

    @property
    def counter(self) -> TermCounter:
        """Counts the vocabulary's terms; made at the first use.

        Raises:
            ValueError: the vocabulary is damaged.
        """
        if self._counter is None:
            self._counter = TermCounter(bytes(self.vocabulary.cpu().tolist()), len(self.idf))
        return self._counter

    @property
    def index(self) -> dict[str, int]:
        """Row of each term."""
        return self.counter.index

    def forward(self, texts: Sequence[Text]) -> torch.Tensor:
        """Logits `(len(texts), num_labels)` of raw texts; of a pair both are read as one."""
        device = self.weight.device
        flat, counts, bag = (
            torch.from_numpy(part).to(device) for part in self.counter.count([joined(text) for text in texts])
        )
        values = weigh(
            counts.float(),
            self.idf[flat].float(),
            bag,
            lambda x: torch.zeros(2 * len(texts), device=device).index_add_(0, bag, x),
        )
        starts = torch.searchsorted(bag, 2 * torch.arange(len(texts), device=device))
        weight = self.weight.float()
        return F.embedding_bag(flat, weight, starts, mode="sum", per_sample_weights=values) + self.bias.float()


__all__ = ["TfidfBranch", "weigh"]
