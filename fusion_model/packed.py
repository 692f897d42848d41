"""Backbones of BERT's build as a CPU runs them fastest: weights laid out for oneDNN, texts one after the other.

Linear layers, norms and feed-forward see all tokens of a batch as rows of one matrix, without padding between texts;
attention and pooling take runs of texts of one length.
"""

import copy
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from .pooling import POOLINGS, PooledLayers

# Exactly these of transformers, by name, as importing all takes a second: a subclass may compute something else.
BUILDS = {"BertModel", "CamembertModel", "MPNetModel", "RobertaModel", "XLMRobertaModel"}
# oneDNN keeps a kernel for each number of rows it has seen: 2,048, 3,072 and 4,096 tokens are multiplied as they are,
# what is between with further rows up to the next of them, and likewise from 16 on.
FEWEST_ROWS, MOST_ROWS = 16, 4096
# In bfloat16, attention of texts of at most so many tokens is two batched products and a softmax, so many scores at a
# time that they stay in a processor's cache. A text's own length decides alone: texts beside it change nothing.
LONGEST_BY_PRODUCTS, MOST_SCORES = 64, 1 << 18
# Least cosine of a slot's features to those of transformers' own forward; else the backbone is not read packed.
AGREEMENT = {torch.float32: 0.99999, torch.bfloat16: 0.999}


def round_up_rows(rows: int) -> int:
    """The number of rows that `rows` are multiplied as: a power of two or one and a half of it, less than half more.

    Args:
        rows: How many there are, from 0.

    Returns:
        From `FEWEST_ROWS`; above `MOST_ROWS` a multiple of it.
    """
    if rows > MOST_ROWS:
        return -(-rows // MOST_ROWS) * MOST_ROWS
    power = 1 << (max(rows, FEWEST_ROWS) - 1).bit_length()
    return power * 3 // 4 if FEWEST_ROWS < rows <= power * 3 // 4 else power


def can_pack(dtype: torch.dtype) -> bool:
    """Whether this processor multiplies packed weights of `dtype` faster than torch's own way.

    A fixed rule, nothing is timed: float32 needs AVX2 (torch's own way is Intel's library, which is slow on other
    processors), bfloat16 the instructions that oneDNN asks for. Elsewhere, as on Arm, torch's own way gives the same.
    """
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    if dtype == torch.bfloat16:
        return torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return dtype == torch.float32 and torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")


class PackedLinear:
    """One product for linear layers of the same input, their outputs side by side.

    Args:
        linears: Those layers, on the CPU.
    """

    def __init__(self, *linears: nn.Linear):
        weight = torch.cat([linear.weight.detach() for linear in linears])
        self.bias = torch.cat([linear.bias.detach() for linear in linears])
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight)

    def __call__(self, x: torch.Tensor, activation: str = "none") -> torch.Tensor:
        """The product with its activation, `(rows, in_features)` to `(rows, out_features)`."""
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, activation, [], "none")

    def plus(self, x: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        """The product and a residual of its shape."""
        return torch.ops.mkldnn._linear_pointwise.binary(x, residual, self.weight, self.bias, "add")


class PackedLayer:
    """One layer of BERT's build or MPNet's.

    Args:
        layer: As transformers has it.
        heads: Of its attention.
    """

    def __init__(self, layer: Any, heads: int):
        self.heads = heads
        self.qkv, self.out, self.wide, self.narrow = (PackedLinear(*some) for some in linears_of(layer))
        attention = layer.attention
        self.norms = copy.deepcopy((getattr(attention, "output", attention).LayerNorm, layer.output.LayerNorm))

    def __call__(self, x: torch.Tensor, runs: list[tuple], biases: list[torch.Tensor | None]) -> torch.Tensor:
        """The next hidden state of all rows `(rows, hidden_size)`; runs as `PackedLayers` has them."""
        x = self.norms[0](self.out.plus(self.attend(self.qkv(x), runs, biases), x))
        return self.norms[1](self.narrow.plus(self.wide(x, "gelu"), x))

    def attend(self, qkv: torch.Tensor, runs: list[tuple], biases: list[torch.Tensor | None]) -> torch.Tensor:
        """Attention within each text, `(rows, 3 * hidden_size)` to `(rows, hidden_size)`."""
        mixed = qkv.new_zeros(len(qkv), qkv.shape[1] // 3)
        for (rows, _, length), bias in zip(runs, biases, strict=True):
            parts = qkv[rows].view(-1, length, 3, self.heads, mixed.shape[1] // self.heads).permute(2, 0, 3, 1, 4)
            if length <= LONGEST_BY_PRODUCTS and qkv.dtype == torch.bfloat16:
                attended = attend_by_products(parts, bias)
            else:
                attended = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], attn_mask=bias)
            mixed[rows].view(-1, length, self.heads, parts.shape[4]).copy_(attended.transpose(1, 2))
        return mixed


def attend_by_products(qkv: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """What `scaled_dot_product_attention` does, for short texts in bfloat16: in float32, and faster for all that.

    Products in bfloat16 would be no faster, and oneDNN would keep a kernel for each number of texts.

    Args:
        qkv: Queries, keys and values `(3, texts, heads, tokens, head_dim)`, whatever their layout in memory.
        bias: Added to the scores, `(1, heads, tokens, tokens)`.

    Returns:
        Float32 `(texts, heads, tokens, head_dim)`.
    """
    _, texts, heads, tokens, width = qkv.shape
    attended = torch.empty(texts * heads, tokens, width)
    step = max(1, MOST_SCORES // (heads * tokens**2))
    for first in range(0, texts, step):
        some = qkv[:, first : first + step]
        queries, keys, values = torch.empty(some.shape).copy_(some).view(3, -1, tokens, width)
        scores = torch.bmm(keys, queries.mul_(width**-0.5).transpose(1, 2))  # keys first: softmax is faster on columns
        if bias is not None:
            scores.view(-1, heads, tokens, tokens).add_(bias.transpose(2, 3))
        torch.bmm(scores.softmax(dim=1).transpose(1, 2), values, out=attended[first * heads : (first + step) * heads])
    return attended.view(texts, heads, tokens, width)


def linears_of(layer: Any) -> list[list[nn.Linear]]:
    """A layer's linear layers: query, key and value; attention's output; the wide one; the narrow one."""
    attention = layer.attention
    if hasattr(attention, "attn"):  # MPNet
        inner, names, out = attention.attn, ("q", "k", "v"), attention.attn.o
    else:
        inner, names, out = attention.self, ("query", "key", "value"), attention.output.dense
    return [[getattr(inner, name) for name in names], [out], [layer.intermediate.dense], [layer.output.dense]]


class PackedLayers:
    """What `PooledLayers` does, for batches of texts of any length; the backbone's own linear layers are not kept.

    Args:
        pooled: The backbone and its slots.
    """

    def __init__(self, pooled: PooledLayers):
        self.depth, self.layers, self.poolings = pooled.depth, pooled.layers, pooled.poolings
        model: Any = pooled.model
        self.embeddings, self.dtype, self.hidden_size = model.embeddings, model.dtype, model.config.hidden_size
        if self.dtype == torch.float32:
            # Copied, as are norms: views of a file keep it, and would come into memory word by word as texts are read.
            self.embeddings = copy.deepcopy(self.embeddings)
        self.stack = [PackedLayer(layer, model.config.num_attention_heads) for layer in model.encoder.layer]
        # MPNet's, of the longest text `(1, heads, tokens, tokens)`; a shorter one's is its corner.
        self.position_bias: torch.Tensor | None = None
        if hasattr(model.encoder, "compute_position_bias"):
            longest = torch.empty(1, model.config.max_position_embeddings)
            self.position_bias = model.encoder.compute_position_bias(longest)

    @torch.inference_mode()
    def __call__(self, token_ids: Sequence[Sequence[int]], segments: Sequence[Sequence[int]] | None = None):
        """Pooled hidden states of one batch.

        Args:
            token_ids: Of each text; those of one length follow one another.
            segments: Which text of a pair each token is of; None for single texts.

        Returns:
            Float16 tensor `(batch, slots * hidden_size)`, as `PooledLayers` gives it.
        """
        runs, first, start = [], 0, 0  # rows and texts of each run, and the texts' length
        for length, run in groupby(map(len, token_ids)):
            count = len(list(run))
            runs.append((slice(start, start + count * length), slice(first, first + count), length))
            first, start = first + count, start + count * length
        bias = self.position_bias
        biases = [None if bias is None else bias[:, :, :length, :length] for _, _, length in runs]
        x = self._embed(token_ids, segments, runs)
        features = torch.empty(first, len(self.layers), len(self.poolings), self.hidden_size, dtype=torch.float16)
        for number in range(self.depth + 1):
            if number:
                x = self.stack[number - 1](x, runs, biases)
            for slot in [i for i, layer in enumerate(self.layers) if layer == number]:
                self._pool(x, runs, features[:, slot])
        return features.view(first, -1)

    def _embed(self, token_ids, segments, runs: list[tuple]) -> torch.Tensor:
        """Embeddings of all tokens `(rows, hidden_size)`; the rows after the last text hold zeros."""
        x = torch.zeros(round_up_rows(runs[-1][0].stop), self.hidden_size, dtype=self.dtype)
        for rows, texts, length in runs:
            kinds = {} if segments is None else {"token_type_ids": torch.tensor(segments[texts])}
            x[rows].view(-1, length, x.shape[1]).copy_(
                self.embeddings(input_ids=torch.tensor(token_ids[texts]), **kinds)
            )
        return x

    def _pool(self, x: torch.Tensor, runs: list[tuple], features: torch.Tensor) -> None:
        """Pool one hidden state into `features`, `(batch, poolings, hidden_size)`."""
        for rows, texts, length in runs:
            hidden = x[rows].view(-1, length, x.shape[1])
            lengths = torch.full((len(hidden),), length)
            for place, name in enumerate(self.poolings):
                features[texts, place] = POOLINGS[name](hidden, None, lengths)


def pack(pooled: PooledLayers, ids: list[int]) -> PackedLayers | None:
    """The same backbone packed, where that is faster and a trial gives the same features.

    Args:
        pooled: The backbone, loaded, and its slots.
        ids: A few token ids, for the trial.

    Returns:
        None if the backbone is better run as it is.
    """
    model: Any = pooled.model
    if (
        type(model).__name__ not in BUILDS
        or not type(model).__module__.startswith("transformers.models.")
        or model.device.type != "cpu"
        or model.training
        or model.config.hidden_act != "gelu"
        or getattr(model.config, "is_decoder", False)
        or any(parameter.requires_grad for parameter in model.parameters())
        or not can_pack(model.dtype)
        or any(
            type(one) is not nn.Linear for layer in model.encoder.layer for some in linears_of(layer) for one in some
        )
    ):
        return None
    with torch.inference_mode(False):
        packed = PackedLayers(pooled)
    long = (ids * 40)[:40]
    trial = [ids, long] if len(ids) < len(long) else [ids]
    expected = torch.cat([pooled(torch.tensor([one]), None, torch.tensor([len(one)])) for one in trial]).float()
    slots = len(trial), -1, model.config.hidden_size
    close = functional.cosine_similarity(packed(trial).float().view(slots), expected.view(slots), dim=2)
    return packed if (close > AGREEMENT[model.dtype]).all() else None


__all__ = ["PackedLayers", "can_pack", "pack", "round_up_rows"]
