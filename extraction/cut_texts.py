"""Texts that are longer than a backbone reads: how many were cut, and what can be done."""

import logging

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from fusion_model.backbones import Backbone
from fusion_model.tokens import read_tokens

from .splits import texts_of

logger = logging.getLogger(__name__)


def say_cut(split: Dataset, backbone: Backbone, name: str, cut: int) -> None:
    """Warn of texts that were cut, if there are any.

    Args:
        split: With the column `text`, and `text_pair` for pairs.
        backbone: What read them.
        name: The split's.
        cut: How many.
    """
    if cut:
        windows = "" if backbone.tuned or "text_pair" in split.column_names else ", or set long_texts: windows"
        logger.warning(
            f"{name}: {cut:,} of {len(split):,} texts are longer than {backbone.max_length} tokens and were cut for "
            f"'{backbone.name}'. Raise its max_length as far as it reads{windows}."
        )


def count_cut(split: Dataset, backbone: Backbone, name: str, tokenizer: PreTrainedTokenizerBase) -> int:
    """How many texts of a split are cut for a backbone that is fine-tuned; they are said.

    Of a frozen backbone `CachePlan.cut_texts` tells, as its texts were tokenised for its features.

    Args:
        split: With the column `text`, and `text_pair` for pairs.
        backbone: What is to read them.
        name: The split's.
        tokenizer: The backbone's.
    """
    cut: list[int] = []
    read_tokens(tokenizer, texts_of(split), backbone.max_length, on_cut=cut.append)
    say_cut(split, backbone, name, sum(cut))
    return sum(cut)


__all__ = ["count_cut", "say_cut"]
