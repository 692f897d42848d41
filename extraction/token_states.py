"""One layer's hidden state of every token: computed once, cached in Arrow shards, for layers that are trained above."""

import hashlib
import inspect
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from datasets import Dataset, Features, LargeList, Value

from fusion_model.backbones import Backbone
from fusion_model.buckets import bucket_by_length
from fusion_model.encoder import BackboneEncoder
from fusion_model.texts import Text
from fusion_model.tokens import pad

from .cache import cache_key, default_cache_dir, shards_in
from .features import compute
from .splits import texts_of

logger = logging.getLogger(__name__)

STATES = "states"
# Tokens read at once: all hidden states of them are in memory.
BATCH_TOKENS = 4096
# Arrow has no bfloat16: its sixteen bits are kept as an integer.
BITS = Value("int16")


class TokenStates:
    """A layer's hidden states of every token of every text, memory-mapped.

    Args:
        states: What `extract_token_states` gives, of one split or several joined.
        width: The backbone's hidden size.
    """

    def __init__(self, states: Dataset, width: int):
        self.width = width
        chunks = [chunk for chunk in states.data.column(STATES).chunks if len(chunk)]
        self.values = [chunk.values.to_numpy(zero_copy_only=True) for chunk in chunks]
        self.offsets = [chunk.offsets.to_numpy() for chunk in chunks]
        self.starts = np.cumsum([0, *(len(chunk) for chunk in chunks)])

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text, `(rows,)`."""
        return np.concatenate([np.diff(offsets) for offsets in self.offsets]) // self.width

    def __getitem__(self, row: int) -> torch.Tensor:
        """One text's states, bfloat16 `(tokens, hidden_size)`."""
        chunk = int(np.searchsorted(self.starts, row, side="right")) - 1
        first, last = self.offsets[chunk][row - self.starts[chunk] :][:2]
        return torch.tensor(self.values[chunk][first:last]).view(torch.bfloat16).view(-1, self.width)


@torch.inference_mode()
def states_of(encoder: BackboneEncoder, layer: int, token_ids: list[list[int]], segments: list[list[int]] | None):
    """Hidden state `layer` of texts of one length, `(texts, tokens, hidden_size)`, in the backbone's dtype."""
    kinds = {} if segments is None else {"token_type_ids": pad(segments).to(encoder.device)}
    return encoder.model(input_ids=pad(token_ids).to(encoder.device), output_hidden_states=True, **kinds).hidden_states[
        layer
    ]


def extract_token_states(
    split: Dataset,
    backbone: Backbone,
    layer: int,
    *,
    name: str = "texts",
    cache_dir: Path | None = None,
    device: torch.device | str = "cpu",
    encoder: BackboneEncoder | None = None,
    shard_rows: int | None = None,
) -> Dataset:
    """Hidden state `layer` of every token of a split, from the cache as far as it is there.

    Shards, locks and checks are those of `extraction.features.extract`.

    Args:
        split: A data set with the column `text`, and `text_pair` for pairs.
        backbone: A pinned backbone.
        layer: Number of the hidden state, counted from 0 (the embeddings) or from the end.
        name: Shown in the progress bar.
        cache_dir: Where states are kept; `default_cache_dir()` if left out.
        device: Where the backbone runs.
        encoder: An encoder of the same backbone to reuse between splits.
        shard_rows: Rows of a shard at most.

    Returns:
        One row for each row of `split`, in order; its states one behind the other, for `TokenStates`.

    Raises:
        DiskFullError: there is no room; finished shards are kept.
    """
    encoder = encoder or BackboneEncoder(backbone, device=device)
    texts = texts_of(split)
    code = inspect.getsource(sys.modules[__name__])
    described = f"{cache_key(texts, backbone, torch.device(device))} {layer} {code}"
    key = hashlib.sha256(described.encode()).hexdigest()
    folder = (cache_dir or default_cache_dir()) / f"{backbone.name}-states{layer}-{key[:24]}"
    width = int(backbone.hidden_size or encoder.model.config.hidden_size)
    found = shards_in(folder, key, width, len(split), shard_rows)
    if found.missing:
        tokens = sum(map(len, encoder.tokenize(texts)))
        size = tokens * width * 2 / 2**20
        logger.info(f"{name}: hidden state {layer} of {tokens:,} tokens goes into {folder}: {size:,.0f} MiB")

    def encode(texts: list[Text], progress: Callable[[int], object]) -> pa.Array:
        token_ids, segments = encoder.tokenize_segments(texts)
        lengths = [len(ids) for ids in token_ids]
        offsets = np.cumsum([0, *lengths]) * width
        values = np.empty(offsets[-1], dtype=np.int16)
        for rows in bucket_by_length(lengths, BATCH_TOKENS):
            batch = states_of(encoder, layer, [token_ids[i] for i in rows], segments and [segments[i] for i in rows])
            bits = batch.to(torch.bfloat16).view(torch.int16).reshape(len(rows), -1).cpu().numpy()
            for row, one in zip(rows, bits, strict=True):
                values[offsets[row] : offsets[row + 1]] = one
            progress(len(rows))
        return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values))

    column = Features({STATES: LargeList(BITS)})
    return compute(split, found, column, encode, encoder, f"{name}: states of {backbone.name}")
