"""The norm after a decoder's last layer, for the states before it: of the hidden states it is in the last one alone."""

import torch
from torch import nn
from transformers import PreTrainedModel


@torch.no_grad()
def find_final_norm(model: PreTrainedModel, sample: torch.Tensor) -> nn.Module:
    """Find the module that makes the last hidden state of the last layer's output.

    Args:
        model: A backbone.
        sample: Some token ids `(1, tokens)`, on its device.

    Returns:
        The norm: `(…, hidden_size)` to the same.

    Raises:
        ValueError: the backbone has none.
    """
    depth = model.config.num_hidden_layers
    stacks = [m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) == depth]
    inside = {id(module) for stack in stacks for module in stack.modules()}
    norms = [m for m in model.modules() if id(m) not in inside and "norm" in type(m).__name__.lower()]
    outputs: dict[int, torch.Tensor] = {}
    handles = [
        norm.register_forward_hook(lambda _, __, output, place=place: outputs.update({place: output}))
        for place, norm in enumerate(norms)
    ]
    try:
        last = model(input_ids=sample).last_hidden_state
    finally:
        for handle in handles:
            handle.remove()
    found = [norms[place] for place, output in outputs.items() if torch.equal(output, last)]
    if not found:
        raise ValueError(
            f"A backbone of the type '{model.config.model_type}' has no norm after its last layer, as Llama has: leave "
            "out its final_norm: all."
        )
    return found[-1]


__all__ = ["find_final_norm"]
