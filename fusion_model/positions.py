"""How many tokens a backbone can read: found by what it looks up in a short run, not by the name of a field."""

import logging
from contextlib import suppress

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedModel

from .backbones import Backbone

logger = logging.getLogger(__name__)

# Ways to look rows up in a table, and where their arguments have the table and the indices; rows are dimension 0, or
# what `dim` says.
LOOKUPS = {
    nn.functional.embedding: (1, 0),
    torch.Tensor.__getitem__: (0, 1),
    torch.index_select: (0, 2),
    torch.Tensor.index_select: (0, 2),
    torch.gather: (0, 2),
    torch.Tensor.gather: (0, 2),
}
# Two lengths: what is a text's positions grows with it, what only looks like them does not.
LENGTHS = (5, 8)
# The first positions that are skipped: RoBERTa begins at 2.
LARGEST_OFFSET = 16


class _FirstLayerDoneError(Exception):
    """All positions have been looked up by now."""


class _Tables(TorchFunctionMode):
    """Records the tables in which a run of `tokens` tokens looks up that many rows, one after the other."""

    def __init__(self, tokens: int):
        super().__init__()
        self.tokens = tokens
        self.readable: set[int] = set()  # rows of each such table from the first one on that is read

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """See `TorchFunctionMode`."""
        kwargs = kwargs or {}
        if func in LOOKUPS:
            given = (*args, *kwargs.values())
            table, index = (given[place] for place in LOOKUPS[func])
            dim = given[1] if LOOKUPS[func] == (0, 2) else 0
            self._look(table, index[0] if isinstance(index, tuple) and index else index, dim)
        return func(*args, **kwargs)

    def _look(self, table: torch.Tensor, index: object, dim: int) -> None:
        """Record one lookup, if it is of positions."""
        if not isinstance(index, torch.Tensor) or index.dtype not in (torch.int32, torch.int64):
            return
        # One row may be of padding, as Longformer adds some by itself.
        rows = index.unique()
        first = int(rows[-1]) + 1 - self.tokens
        if self.tokens <= len(rows) <= self.tokens + 1 and int(rows[-self.tokens]) == first <= LARGEST_OFFSET:
            self.readable.add(table.shape[dim] - first)


@torch.no_grad()
def readable_tokens(model: PreTrainedModel) -> int | None:
    """Tokens of the longest text that a backbone can read at all.

    Two short texts are followed up to the end of its first layer.

    Args:
        model: The backbone, in evaluation mode.

    Returns:
        Rows of its table of positions, less those that it skips; None if it has no such table, as with rotary and
        relative positions, which have no end.
    """
    depth = model.config.num_hidden_layers
    layers = next((m for m in model.modules() if isinstance(m, nn.ModuleList) and 0 < len(m) == depth), None)

    def stop(*_) -> None:
        raise _FirstLayerDoneError

    # The same token again and again, and not the pad token, which RoBERTa does not count.
    token = next(i for i in (5, 6) if i != getattr(model.config, "pad_token_id", None))
    limits: list[set[int]] = []
    handle = None if layers is None else layers[0].register_forward_hook(stop)
    try:
        for tokens in LENGTHS:
            ids = torch.full((1, tokens), token, device=model.device)
            tables = _Tables(tokens)
            with suppress(_FirstLayerDoneError), tables:
                model(input_ids=ids)
            limits.append(tables.readable)
    finally:
        if handle is not None:
            handle.remove()
    return min(set.intersection(*limits), default=None)


def check_readable_tokens(model: PreTrainedModel, backbone: Backbone) -> None:
    """Refuse a `max_length` that a backbone cannot read, and warn of one that it was not made for.

    Args:
        model: The backbone, in evaluation mode.
        backbone: What the config says of it.

    Raises:
        ValueError: names the longest that it reads.
    """
    longest, made_for = readable_tokens(model), getattr(model.config, "max_position_embeddings", None)
    if longest is not None:
        check_length(backbone, longest)
    # XLNet says -1.
    elif 0 < (made_for or 0) < backbone.max_length:
        logger.warning(
            f"Backbone '{backbone.name}': max_length is {backbone.max_length}, but it was made for {made_for} tokens. "
            "It reads longer texts; how well is not known."
        )


def check_length(backbone: Backbone, longest: int) -> None:
    """Refuse a `max_length` above `longest`.

    Raises:
        ValueError: names both numbers.
    """
    if backbone.max_length > longest:
        raise ValueError(
            f"Backbone '{backbone.name}': max_length is {backbone.max_length}, but the backbone reads at most "
            f"{longest} tokens. Lower max_length."
        )


__all__ = ["check_length", "check_readable_tokens", "readable_tokens"]
