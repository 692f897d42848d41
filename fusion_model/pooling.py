"""From hidden states to features: each state is pooled as it appears, so that one layer at a time is in memory."""

import threading
from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from .final_norm import find_final_norm


def pool_mean(hidden: torch.Tensor, mask: torch.Tensor | None, lengths: torch.Tensor) -> torch.Tensor:
    """Mean over real tokens, in float32."""
    if mask is not None:
        hidden = hidden.masked_fill(~mask[:, :, None], 0.0)
    return hidden.sum(dim=1, dtype=torch.float32) / lengths[:, None]


def pool_max(hidden: torch.Tensor, mask: torch.Tensor | None, lengths: torch.Tensor) -> torch.Tensor:
    """Largest value over real tokens."""
    if mask is not None:
        hidden = hidden.masked_fill(~mask[:, :, None], float("-inf"))
    return hidden.amax(dim=1)


def pool_cls(hidden: torch.Tensor, mask: torch.Tensor | None, lengths: torch.Tensor) -> torch.Tensor:
    """The first token."""
    return hidden[:, 0]


def pool_last(hidden: torch.Tensor, mask: torch.Tensor | None, lengths: torch.Tensor) -> torch.Tensor:
    """The last real token."""
    return hidden.gather(1, (lengths - 1)[:, None, None].expand(-1, 1, hidden.shape[2])).squeeze(1)


# Name in a recipe -> parameter-free function of one layer's hidden states `(batch, tokens, hidden_size)`, the mask of
# real tokens `(batch, tokens)` (None without padding) and their number `(batch,)`, to `(batch, hidden_size)`. Encoder,
# fine-tuning and export read this table.
POOLINGS: dict[str, Callable[[torch.Tensor, torch.Tensor | None, torch.Tensor], torch.Tensor]] = {
    "mean": pool_mean,
    "max": pool_max,
    "cls": pool_cls,
    "last": pool_last,
}
# Tokens of the text that the two ways are compared with: Funnel shortens that many, and Longformer and BigBird, which
# pad what they read to an even number, show it.
SAMPLE_TOKENS = 7


def pool(hidden: torch.Tensor, mask: torch.Tensor | None, lengths: torch.Tensor, pooling: str) -> torch.Tensor:
    """Pool token vectors into one vector per text.

    Args:
        hidden: Hidden states `(batch, tokens, hidden_size)`.
        mask: True at real tokens, `(batch, tokens)`; None if there is no padding.
        lengths: Number of real tokens, `(batch,)`.
        pooling: A name of `POOLINGS`.

    Returns:
        Tensor `(batch, hidden_size)`; a mean is float32, what is picked keeps its dtype.

    Raises:
        ValueError: there is no such pooling, or the state has no vector for each token.
    """
    if mask is not None and hidden.shape[1] != mask.shape[1]:
        raise ValueError(
            f"A hidden state has {hidden.shape[1]} vectors for {mask.shape[1]} tokens: take another layer."
        )
    if pooling not in POOLINGS:
        raise ValueError(f"There is no pooling '{pooling}': expected one of {sorted(POOLINGS)}.")
    return POOLINGS[pooling](hidden, mask, lengths)


def pool_slots(
    states: Sequence[torch.Tensor] | dict[int, torch.Tensor],
    layers: Sequence[int],
    poolings: Sequence[str],
    mask: torch.Tensor | None,
    lengths: torch.Tensor,
) -> torch.Tensor:
    """Pool some hidden states into a backbone's slots: layer by layer, in each layer pooling by pooling.

    Args:
        states: Hidden states `(batch, tokens, hidden_size)`, found by the numbers in `layers`.
        layers: Which of them.
        poolings: Of each layer.
        mask: True at real tokens, `(batch, tokens)`; None if there is no padding.
        lengths: Number of real tokens, `(batch,)`.

    Returns:
        Tensor `(batch, slots * hidden_size)`.
    """
    return torch.cat([pool(states[layer], mask, lengths, name) for layer in layers for name in poolings], dim=1)


class StateError(ValueError):
    """A hidden state has no vector for each token."""


class PooledLayers:
    """Runs a backbone and pools the hidden states of some of its layers.

    The input of layer i is hidden state i, and the backbone's output the last one. Hooks on the layers see them as they
    pass; where they see something else than `output_hidden_states` gives (a backbone of another build), that is used.

    Args:
        model: The backbone.
        layers: Indices into the hidden states, from 0 or from the end.
        poolings: Of each layer.
        ids: A few token ids, to compare the two ways with.
        final_norm: `all` for states that all went through the norm after the last layer; else it is in the last alone.

    Raises:
        ValueError: one of the layers has no vector for each token; those that have are named. Or there is no such norm.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        layers: Sequence[int],
        poolings: Sequence[str],
        ids: list[int],
        final_norm: str = "last",
    ):
        self.model = model
        self.sample = torch.tensor([(ids * SAMPLE_TOKENS)[:SAMPLE_TOKENS]], device=model.device)
        self.depth, self.layers = self._find(layers, self.sample)
        self.poolings = poolings
        self.norm = find_final_norm(model, self.sample) if final_norm == "all" else None
        # What a pass is made for, and what was pooled in it: of each thread its own.
        self._pass = threading.local()
        self._options = {"use_cache": False} if hasattr(model.config, "use_cache") else {}
        stacks = [m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) == self.depth]
        self.hooked = len(stacks) == 1
        self._handles: list[RemovableHandle] = []
        if self.hooked:
            self._handles = [
                stacks[0][layer].register_forward_pre_hook(self._hook(layer), with_kwargs=True)
                for layer in set(self.layers) - {self.depth}
            ]
            if not self._agrees(self.sample):
                self.remove_hooks()

    def remove_hooks(self) -> None:
        """Go without hooks, which tie the backbone and this object to each other and so keep both in memory."""
        self.hooked = False
        for handle in self._handles:
            handle.remove()

    @torch.inference_mode()
    def __call__(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor | None,
        lengths: torch.Tensor,
        segments: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Pooled hidden states of one batch.

        Args:
            ids: Token ids `(batch, tokens)`, on the backbone's device, as all that follows.
            mask: True at real tokens, `(batch, tokens)`; None if there is no padding.
            lengths: Number of real tokens, `(batch,)`.
            segments: Which text of a pair each token is of, `(batch, tokens)`; None for single texts.

        Returns:
            Float16 tensor `(batch, slots * hidden_size)`, layer by layer, in each layer pooling by pooling.
        """
        self._pass.pooled, self._pass.mask, self._pass.lengths, self._pass.tokens = {}, mask, lengths, ids.shape
        options = self._options if segments is None else {**self._options, "token_type_ids": segments}
        try:
            outputs = self.model(
                input_ids=ids,
                attention_mask=None if mask is None else mask.long(),
                output_hidden_states=not self.hooked,
                **options,
            )
            states = outputs.hidden_states if not self.hooked else {self.depth: outputs.last_hidden_state}
            for layer in set(self.layers) - self._pass.pooled.keys():
                self._take(layer, states[layer])
            return torch.cat([self._pass.pooled[layer] for layer in self.layers], dim=1)
        finally:
            self._pass.pooled = None

    @cached_property
    def ignores_padding(self) -> bool:
        """Whether a text's features are the same with padding behind it; FNet and ConvBERT read that too."""
        lengths = torch.full((1,), SAMPLE_TOKENS, device=self.sample.device)
        padded = nn.functional.pad(self.sample, (0, SAMPLE_TOKENS))
        mask = torch.arange(2 * SAMPLE_TOKENS, device=self.sample.device)[None] < lengths[:, None]
        alone, beside = self(self.sample, None, lengths), self(padded, mask, lengths)
        return torch.allclose(alone, beside, rtol=5e-2, atol=5e-2)

    @torch.inference_mode()
    def _find(self, layers: Sequence[int], sample: torch.Tensor) -> tuple[int, list[int]]:
        """Number of the last hidden state, and the numbers of the given ones, once all are known to fit the tokens."""
        config = self.model.config
        states = self.model(input_ids=sample, output_hidden_states=True).hidden_states
        count, expected = len(states), (*sample.shape, config.hidden_size)
        whole = [number for number, state in enumerate(states) if state.shape == expected]
        wrong = [layer for layer in layers if layer % count not in whole]
        if wrong:
            raise StateError(
                f"A backbone of the type '{config.model_type}' has no vector of {config.hidden_size} numbers for each "
                f"token in its hidden state(s) {wrong}: expected layers of {whole} (the last is -1)."
            )
        return count - 1, [layer % count for layer in layers]

    def _take(self, layer: int, hidden: torch.Tensor) -> None:
        """Pool one hidden state, `(batch, tokens, hidden_size)`."""
        if hidden.shape[:2] != self._pass.tokens:
            raise StateError(
                f"Hidden state {layer} is {tuple(hidden.shape)} for texts of {tuple(self._pass.tokens)} tokens."
            )
        if self.norm is not None and layer != self.depth:
            hidden = self.norm(hidden)
        pooled = pool_slots([hidden], [0], self.poolings, self._pass.mask, self._pass.lengths)
        self._pass.pooled[layer] = pooled.half()

    def _hook(self, layer: int):
        """What is called with a layer's arguments before it runs."""

        def take(module: nn.Module, args: tuple, kwargs: dict) -> None:
            # The backbone may be called by others too.
            if self.hooked and getattr(self._pass, "pooled", None) is not None:
                self._take(layer, args[0] if args else kwargs["hidden_states"])

        return take

    def _agrees(self, ids: torch.Tensor) -> bool:
        """Whether the hooks see the hidden states."""
        lengths = torch.full((1,), ids.shape[1], device=ids.device)
        try:
            seen = self(ids, None, lengths)
        except (KeyError, IndexError, AttributeError, StateError):  # a layer is not called, or with something else
            return False
        self.hooked = False
        expected = self(ids, None, lengths)
        self.hooked = True
        return torch.allclose(seen, expected, rtol=1e-2, atol=1e-2, equal_nan=True)


__all__ = ["POOLINGS", "PooledLayers", "StateError", "pool", "pool_slots"]
