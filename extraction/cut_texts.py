"""Texts that are longer than a backbone reads: how many were cut, and what can be done."""

import logging
from pathlib import Path

import torch
from datasets import Dataset, DatasetDict

from fusion_model.backbones import Backbone
from fusion_model.encoder import BackboneEncoder
from fusion_model.tokens import read_tokens

from .cache import cut_texts_of
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


def count_cut(
    data: DatasetDict, backbones: list[Backbone], cache_dir: Path | None, device: torch.device
) -> dict[str, dict[str, int]]:
    """How many texts each backbone read a part of.

    Args:
        data: Splits whose features were extracted. For backbones that are fine-tuned their texts are tokenised here,
            and what was cut is said.
        backbones: Pinned.
        cache_dir: Where the features are.
        device: Where they were computed.

    Returns:
        Split -> backbone's name -> number of texts.
    """
    counts: dict[str, dict[str, int]] = {name: {} for name in data}
    for backbone in backbones:
        tokenizer = BackboneEncoder(backbone).tokenizer if backbone.tuned else None
        for name, split in data.items():
            cut: list[int] = []
            if tokenizer is None:
                cut.append(cut_texts_of(split, backbone, cache_dir, device))
            else:
                read_tokens(tokenizer, texts_of(split), backbone.max_length, on_cut=cut.append)
                say_cut(split, backbone, name, sum(cut))
            counts[name][backbone.name] = sum(cut)
    return counts


__all__ = ["count_cut", "say_cut"]
