"""One layer's hidden state of every token: computed once, cached in Arrow shards, for layers that are trained above."""

import hashlib
import inspect
import logging
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from datasets import Dataset, Features, LargeList, Value
from torch import nn
from transformers import PreTrainedModel

from fusion_model.backbones import Backbone
from fusion_model.buckets import bucket_by_length
from fusion_model.encoder import BackboneEncoder
from fusion_model.packed import PackedLayers, pack
from fusion_model.pooling import PooledLayers
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


class _ReachedError(Exception):
    """Leaves a forward pass whose further layers are not wanted, with the state that is.

    Args:
        states: Hidden states as they were reached.
    """

    def __init__(self, states: torch.Tensor):
        self.states = states


def layer_stack(model: PreTrainedModel) -> nn.ModuleList | None:
    """The backbone's layers, or None where they cannot be told apart (some architectures share one)."""
    depth = model.config.num_hidden_layers
    stacks = [m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) == depth]
    return stacks[0] if len(stacks) == 1 else None


@torch.inference_mode()
def states_of(encoder: BackboneEncoder, layer: int, token_ids: list[list[int]], segments: list[list[int]] | None):
    """Hidden state `layer` of texts of one length, `(texts, tokens, hidden_size)`, in the backbone's dtype.

    The layers from there on do not run, if they can be told apart; counted from the end (-1), all do.
    """
    kinds = {} if segments is None else {"token_type_ids": pad(segments).to(encoder.device)}
    stack = layer_stack(encoder.model)
    first = stack[layer] if stack is not None and 0 <= layer < len(stack) else None

    def leave(module: nn.Module, args: tuple, kwargs: dict) -> None:
        raise _ReachedError(args[0] if args else kwargs["hidden_states"])

    with nullcontext() if first is None else first.register_forward_pre_hook(leave, with_kwargs=True):
        try:
            ids = pad(token_ids).to(encoder.device)
            return encoder.model(input_ids=ids, output_hidden_states=first is None, **kinds).hidden_states[layer]
        except _ReachedError as reached:
            return reached.states


class PackedStates(PackedLayers):
    """Reads one hidden state of texts of any length, packed; the layers above do not run.

    Args:
        pooled: The backbone, and that state as its only slot.
    """

    def __init__(self, pooled: PooledLayers):
        super().__init__(pooled)
        (self.depth,) = self.layers
        del self.stack[self.depth :]

    def read(self, token_ids: list[list[int]], segments: list[list[int]] | None) -> torch.Tensor:
        """States of all tokens, one text behind the other, `(tokens, hidden_size)`; texts of one length together."""
        self(token_ids, segments)
        return self.states[: sum(map(len, token_ids))]

    def _pool(self, x: torch.Tensor, runs: list[tuple], features: torch.Tensor) -> None:
        self.states = x


def packed_states(encoder: BackboneEncoder, layer: int) -> PackedStates | None:
    """What reads a hidden state fastest on a CPU, or None where the backbone runs as transformers has it."""
    sample = encoder.tokenize(["."])[0]
    pooled = PooledLayers(encoder.model, [layer], ["mean"], sample)
    return None if pack(pooled, sample) is None else PackedStates(pooled)


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
        layer: Number of the hidden state, from 0 (the embeddings).
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
    reader = packed_states(encoder, layer) if found.missing else None
    said = False

    def encode(texts: list[Text], progress: Callable[[int], object]) -> pa.Array:
        nonlocal said
        token_ids, segments = encoder.tokenize_segments(texts)
        lengths = [len(ids) for ids in token_ids]
        offsets = np.cumsum([0, *lengths])
        if not said:
            said = True
            tokens = round(int(offsets[-1]) / len(texts) * found.missing_rows)
            size = tokens * width * 2 / 2**20
            logger.info(f"{name}: hidden state {layer} of about {tokens:,} tokens goes into {folder}: {size:,.0f} MiB")
        values = np.empty((offsets[-1], width), dtype=np.int16)
        for rows in bucket_by_length(lengths, BATCH_TOKENS, flat=reader is not None):
            ids, kinds = [token_ids[i] for i in rows], segments and [segments[i] for i in rows]
            batch = states_of(encoder, layer, ids, kinds) if reader is None else reader.read(ids, kinds)
            bits = batch.to(torch.bfloat16).view(torch.int16).reshape(-1, width).cpu().numpy()
            values[np.concatenate([np.arange(offsets[i], offsets[i + 1]) for i in rows])] = bits
            progress(len(rows))
        return pa.LargeListArray.from_arrays(pa.array(offsets * width), pa.array(values.reshape(-1)))

    column = Features({STATES: LargeList(BITS)})
    return compute(split, found, column, encode, encoder, f"{name}: states of {backbone.name}")
