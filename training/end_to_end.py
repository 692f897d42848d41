"""A backbone with a classification layer, trained as one; scored with a running average of its weights if asked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from transformers import PreTrainedModel, TrainerCallback

from fusion_model.backbones import Backbone
from fusion_model.head import FineTunedHead
from fusion_model.modeling_fusion import FusionOutput
from fusion_model.pooling import pool_slots

from .top_layers import UpperLayers


class WeightAverage(nn.Module):
    """An exponential moving average of weights (Polyak and Juditsky, 1992), saved in the checkpoints beside them.

    Args:
        weights: Parameters; the average begins as what they are.
        decay: Share of the average that stays at each step; less in the first steps, so that it forgets the beginning.
    """

    updates: torch.Tensor

    def __init__(self, weights: list[nn.Parameter], decay: float):
        super().__init__()
        self.decay = decay
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))
        for number, weight in enumerate(weights):
            self.register_buffer(f"weight{number}", weight.detach().clone())

    def _values(self, weights: list[nn.Parameter]) -> list[torch.Tensor]:
        return [self.get_buffer(f"weight{number}") for number in range(len(weights))]

    @torch.no_grad()
    def update(self, weights: list[nn.Parameter]) -> None:
        """Take in what the weights have become by one step."""
        self.updates += 1
        steps = int(self.updates)
        stays = min(self.decay, steps / (steps + 9))
        torch._foreach_lerp_(self._values(weights), [weight.detach() for weight in weights], 1 - stays)

    def swap(self, weights: list[nn.Parameter]) -> None:
        """Let weights and their average change places; nothing is copied."""
        for weight, value in zip(weights, self._values(weights), strict=True):
            weight.data, value.data = value.data, weight.data


class UpdateAverage(TrainerCallback):
    """Takes each step of the Trainer into the model's average, if it has one."""

    def __init__(self, model: "EndToEnd"):
        self.trained = model

    def on_step_end(self, args, state, control, **kwargs):
        """The optimizer has just changed the weights."""
        if self.trained.average is not None:
            self.trained.average.update(self.trained.trained_parameters())


class EndToEnd(nn.Module):
    """A backbone whose weights are trained, pooled as an encoder pools, and a classification layer.

    Args:
        model: A transformers model.
        backbone: What a recipe says of it, pinned.
        num_labels: Number of labels.
        upper: The layers that run, if those below are read from the cache.
    """

    model: PreTrainedModel

    def __init__(self, model: PreTrainedModel, backbone: Backbone, num_labels: int, upper: UpperLayers | None = None):
        super().__init__()
        self.model = model
        self.backbone = backbone
        self.head = FineTunedHead(backbone.width, num_labels)
        self.upper = upper
        self.loss_function = None
        self.average: WeightAverage | None = None

    def start_average(self, decay: float) -> None:
        """Keep a running average of the weights that are trained; in evaluation it stands in for them.

        Args:
            decay: Share of the average that stays at each step.
        """
        self.average = WeightAverage(self.trained_parameters(), decay)

    def take_average(self) -> None:
        """Give the weights their average's values for good."""
        if self.average is not None:
            self.average.swap(self.trained_parameters())
            self.average = None

    def trained_parameters(self) -> list[nn.Parameter]:
        """What the optimizer changes."""
        return [p for p in self.parameters() if p.requires_grad]

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The weights are their average meanwhile, outside of training."""
        if self.training or self.average is None:
            yield
            return
        self.average.swap(self.trained_parameters())
        try:
            yield
        finally:
            self.average.swap(self.trained_parameters())

    def forward(
        self,
        attention_mask: torch.Tensor,
        input_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        states: torch.Tensor | None = None,
    ) -> FusionOutput:
        """Token ids, mask and segments `(batch, tokens)` to logits `(batch, num_labels)`, and with labels the loss.

        In place of token ids and segments `upper` takes states, `(batch, tokens, hidden_size)`.
        """
        with self._averaged():
            logits = self._logits(attention_mask, input_ids, token_type_ids, states)
        loss = self.loss_function(logits.float(), labels) if self.loss_function and labels is not None else None
        return FusionOutput(loss=loss, logits=logits)

    def _logits(
        self,
        attention_mask: torch.Tensor,
        input_ids: torch.Tensor | None,
        token_type_ids: torch.Tensor | None,
        states: torch.Tensor | None,
    ) -> torch.Tensor:
        hidden_states: Sequence[torch.Tensor]
        segments = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        if states is not None and self.upper is not None:
            hidden_states = self.upper(states, attention_mask)
        else:
            hidden_states = self.model(
                input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True, **segments
            ).hidden_states
        mask = attention_mask.bool()
        whole = torch.promote_types(hidden_states[0].dtype, torch.float32)
        features = pool_slots(
            [state.to(whole) for state in hidden_states],
            self.backbone.layers,
            self.backbone.pooling,
            mask,
            mask.sum(dim=1),
        )
        return self.head(features)
