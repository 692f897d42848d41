"""Trains a backbone's last layers without running those below: their output is read from the cache."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from transformers import PreTrainedModel

from extraction.token_states import layer_stack, states_of
from fusion_model.backbones import Backbone
from fusion_model.encoder import BackboneEncoder

# Of the texts that the two ways are compared with: relative, as hidden states of decoders are large.
TOLERANCE = 1e-3
# Batches are padded to a multiple of so many tokens: a processor compiles its products for each shape that it meets.
LENGTH_STEP = 4


class UpperLayers:
    """A backbone that starts at one of its layers.

    Args:
        model: The whole backbone.
        first: Number of the first layer that runs.
    """

    def __init__(self, model: PreTrainedModel, first: int):
        self.model = model
        self.first = first
        self._states: torch.Tensor | None = None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """The layers below are out of the model meanwhile, neither run nor saved, moved or trained."""
        stack = layer_stack(self.model)
        assert stack is not None
        parent, name = next(
            (parent, name)
            for parent in self.model.modules()
            for name, child in parent.named_children()
            if child is stack
        )
        setattr(parent, name, stack[self.first :])
        handle = stack[self.first].register_forward_pre_hook(self._put_in, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()
            setattr(parent, name, stack)

    def __call__(self, states: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Run the layers from `first` on; inside of `alone`.

        Args:
            states: Their input, `(batch, tokens, hidden_size)`.
            attention_mask: 1 at real tokens, `(batch, tokens)`.

        Returns:
            Hidden states, of which those after the first are what the whole backbone would give.
        """
        self._states = states.to(self.model.dtype)
        try:
            # What embeddings make of this goes no further than the hook.
            outputs = self.model(inputs_embeds=self._states, attention_mask=attention_mask, output_hidden_states=True)
        finally:
            self._states = None
        return outputs.hidden_states

    def _put_in(self, module: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        if args:
            return (self._states, *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": self._states}


def upper_layers(backbone: Backbone, encoder: BackboneEncoder, top_layers: int | None) -> UpperLayers | None:
    """The last layers of a backbone, where they can be trained without the others.

    Args:
        backbone: Which hidden states are pooled.
        encoder: With the backbone loaded in the precision that is trained.
        top_layers: How many layers are trained; None is all.

    Returns:
        None if all layers are trained, if a pooled state lies below, or if the upper layers alone do not give what the
        whole backbone gives.
    """
    stack = layer_stack(encoder.model)
    if not top_layers or stack is None or top_layers >= len(stack):
        return None
    depth, first = len(stack), len(stack) - top_layers
    counted = [layer - depth - 1 if layer >= 0 else layer for layer in backbone.layers]
    if min(counted) < -top_layers:
        return None
    upper = UpperLayers(encoder.model, first)
    return upper if _agrees(upper, encoder, counted) else None


@torch.inference_mode()
def _agrees(upper: UpperLayers, encoder: BackboneEncoder, layers: list[int]) -> bool:
    """Whether the upper layers alone give the same states as the whole backbone, padding included."""
    token_ids = encoder.tokenize(["a b c d e f g", "a b"])
    model, training = upper.model, upper.model.training
    model.eval()
    try:
        below = [states_of(encoder, upper.first, [ids], None)[0] for ids in token_ids]
        whole = [[states_of(encoder, layer, [ids], None)[0] for layer in layers] for ids in token_ids]
        states, mask = pad_states(below, encoder.backbone.max_length)
        with upper.alone():
            seen = upper(states.to(encoder.device), mask.to(encoder.device))
    except (TypeError, ValueError, KeyError, AttributeError, IndexError):
        return False
    finally:
        model.train(training)
    return all(
        torch.allclose(
            seen[layer][row, : len(ids)], expected, rtol=TOLERANCE, atol=TOLERANCE * float(expected.abs().max())
        )
        for row, ids in enumerate(token_ids)
        for layer, expected in zip(layers, whole[row], strict=True)
    )


def padded_length(lengths: Iterable[int], max_length: int) -> int:
    """Tokens that a batch of texts of these lengths is padded to: few lengths, none of them above `max_length`."""
    longest = max(lengths)
    return max(longest, min(max_length, -(-longest // LENGTH_STEP) * LENGTH_STEP))


def pad_states(states: list[torch.Tensor], max_length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Texts' states, each `(tokens, hidden_size)`, as `(batch, tokens, hidden_size)` with zeros, and their mask."""
    lengths = torch.tensor([len(one) for one in states])
    width = padded_length(lengths.tolist(), max_length)
    batch = states[0].new_zeros((len(states), width, states[0].shape[1]))
    for row, one in enumerate(states):
        batch[row, : len(one)] = one
    return batch, (torch.arange(width)[None, :] < lengths[:, None]).long()
