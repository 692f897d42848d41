"""From hidden states to features: each state is pooled as it appears, so that one layer at a time is in memory."""

import threading

import torch
from torch import nn
from transformers import PreTrainedModel


def pool(hidden: torch.Tensor, mask: torch.Tensor | None, lengths: torch.Tensor, pooling: str) -> torch.Tensor:
    """Pool token vectors into one vector a text.

    Args:
        hidden: Hidden states `(batch, tokens, hidden_size)`.
        mask: True at real tokens, `(batch, tokens)`; None if there is no padding.
        lengths: Number of real tokens, `(batch,)`.
        pooling: `mean`, `max`, `cls` (first token) or `last` (last real token).

    Returns:
        Tensor `(batch, hidden_size)`; a mean is float32, what is picked keeps its dtype.
    """
    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "last":
        return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]
    if mask is not None:
        hidden = hidden.masked_fill(~mask[:, :, None], float("-inf") if pooling == "max" else 0.0)
    if pooling == "max":
        return hidden.amax(dim=1)
    return hidden.sum(dim=1, dtype=torch.float32) / lengths[:, None]


class PooledLayers:
    """Runs a backbone and pools the hidden states of some of its layers.

    The input of layer i is hidden state i, and the backbone's output the last one. Hooks on the layers see them as they
    pass; where they see something else than `output_hidden_states` gives (a backbone of another build), that is used.

    Args:
        model: The backbone.
        layers: Indices into the hidden states, from 0 or from the end.
        poolings: Of each layer.
        ids: A few token ids, to compare the two ways with.
    """

    def __init__(self, model: PreTrainedModel, layers: list[int], poolings: list[str], ids: list[int]):
        self.model = model
        self.depth = model.config.num_hidden_layers
        self.layers = [layer % (self.depth + 1) for layer in layers]
        self.poolings = poolings
        # What a pass is made for, and what was pooled in it: of each thread its own.
        self._pass = threading.local()
        self._options = {"use_cache": False} if hasattr(model.config, "use_cache") else {}
        stacks = [m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) == self.depth]
        self.hooked = len(stacks) == 1
        if self.hooked:
            handles = [
                stacks[0][layer].register_forward_pre_hook(self._hook(layer), with_kwargs=True)
                for layer in set(self.layers) - {self.depth}
            ]
            if not self._agrees(torch.tensor([ids], device=model.device)):
                self.hooked = False
                for handle in handles:
                    handle.remove()

    @torch.inference_mode()
    def __call__(self, ids: torch.Tensor, mask: torch.Tensor | None, lengths: torch.Tensor) -> torch.Tensor:
        """Pooled hidden states of one batch.

        Args:
            ids: Token ids `(batch, tokens)`, on the backbone's device, as all that follows.
            mask: True at real tokens, `(batch, tokens)`; None if there is no padding.
            lengths: Number of real tokens, `(batch,)`.

        Returns:
            Float16 tensor `(batch, slots * hidden_size)`, layer by layer, in each layer pooling by pooling.
        """
        self._pass.pooled, self._pass.mask, self._pass.lengths = {}, mask, lengths
        try:
            outputs = self.model(
                input_ids=ids,
                attention_mask=None if mask is None else mask.long(),
                output_hidden_states=not self.hooked,
                **self._options,
            )
            states = outputs.hidden_states if not self.hooked else {self.depth: outputs.last_hidden_state}
            for layer in set(self.layers) - self._pass.pooled.keys():
                self._take(layer, states[layer])
            return torch.cat([self._pass.pooled[layer] for layer in self.layers], dim=1)
        finally:
            self._pass.pooled = None

    def _take(self, layer: int, hidden: torch.Tensor) -> None:
        """Pool one hidden state, `(batch, tokens, hidden_size)`."""
        pooled = [pool(hidden, self._pass.mask, self._pass.lengths, pooling).half() for pooling in self.poolings]
        self._pass.pooled[layer] = torch.cat(pooled, dim=1)

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
        except (KeyError, IndexError, AttributeError):  # a layer is not called, or called with something else
            return False
        self.hooked = False
        expected = self(ids, None, lengths)
        self.hooked = True
        return torch.allclose(seen, expected, rtol=1e-2, atol=1e-2, equal_nan=True)


__all__ = ["PooledLayers", "pool"]
