"""The trained part: slots are compressed, multiplied with each other, power-normalised and classified."""

from collections.abc import Iterator
from typing import cast

import torch
from torch import nn

from .configuration_fusion import FusionConfig


def cooccurrence(slots: torch.Tensor) -> torch.Tensor:
    """Inner products of all pairs of slots (LLMEmbed, ACL 2024, section 3.2: `S @ S.T`).

    Args:
        slots: `(batch, slots, fusion_dim)`.

    Returns:
        `(batch, slots * slots)`.
    """
    return torch.bmm(slots, slots.transpose(1, 2)).flatten(1)


def power_normalise(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """`tanh(2 * sigma * x)`, as in the paper's text; its code's `2 * sigmoid(sigma * x) - 1` is sigma / 4 here.

    Args:
        x: Any shape.
        sigma: Steepness; 0 returns `x` unchanged.

    Returns:
        Tensor of the shape of `x`, in (-1, 1) unless sigma is 0.
    """
    return torch.tanh(2.0 * sigma * x) if sigma else x


# Rows of wide features that a CPU handles at a time: what a chain of operations leaves then stays in its cache, where a
# whole batch would go to memory and back each time (standardising 512 x 8,064 numbers: 4 in place of 21 ms).
CPU_BLOCK_ROWS = 32


def blocks(*tensors: torch.Tensor) -> Iterator[tuple[torch.Tensor, ...]]:
    """Views of the same rows of tensors with equally many rows: a few rows on a CPU, all elsewhere."""
    rows = CPU_BLOCK_ROWS if tensors[0].device.type == "cpu" else max(1, len(tensors[0]))
    return zip(*(tensor.split(rows) for tensor in tensors), strict=True)


class Standardise(nn.Module):
    """Shifts and scales each feature with the training set's mean and deviation, outliers cut at 8 deviations.

    Args:
        width: Number of features.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def forward(self, x: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
        """`(batch, width)` of any float dtype -> `(batch, width)`, computed in the buffers' dtype, given in `dtype`."""
        if x.requires_grad:
            return ((x - self.mean) * self.scale).clamp(-8, 8).to(dtype or self.mean.dtype)
        result = torch.empty_like(x, dtype=dtype or self.mean.dtype)
        for source, target in blocks(x, result):
            target.copy_((source - self.mean).mul_(self.scale).clamp_(-8, 8))
        return result


class FineTunedHead(nn.Module):
    """The classification layer that a backbone was fine-tuned with (the form of DistilBertForSequenceClassification).

    Args:
        width: Number of the backbone's features.
        num_labels: Number of labels.
        dropout: Before the last layer.
    """

    def __init__(self, width: int, num_labels: int, dropout: float = 0.2):
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, num_labels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(batch, width)` -> logits `(batch, num_labels)`."""
        return self.classifier(self.dropout(torch.relu(self.dense(x))))


class FusionHead(nn.Module):
    """One member of the classifier: features of all backbones in, logits out.

    Args:
        config: A configuration whose backbones have their `hidden_size`.
    """

    def __init__(self, config: FusionConfig):
        super().__init__()
        self.config = config
        widths = [one.width // one.num_slots for one in config.frozen for _ in range(one.num_slots)]
        # One linear layer a slot; ReLU and dropout follow on all slots at once.
        self.compress = nn.ModuleList(
            nn.Identity() if width == config.fusion_dim else nn.Sequential(nn.Linear(width, config.fusion_dim))
            for width in (widths if config.cooccurrence or config.slot_skip else [])
        )
        self.dropout = nn.Dropout(config.dropout)
        average = sum(one.width // one.num_slots for one in config.frozen if one.name == config.average_backbone)
        num_labels = cast(int, config.num_labels)
        fused = config.cooccurrence * len(widths) ** 2 + average + config.slot_skip * len(widths) * config.fusion_dim
        layers: list[nn.Module] = []
        for width in config.hidden_sizes if fused else []:
            layers += [nn.Linear(fused, width), nn.ReLU(), nn.Dropout(config.dropout)]
            fused = width
        self.classifier = nn.Sequential(*layers, nn.Linear(fused, num_labels)) if fused else None
        self.linear_skip = nn.Linear(sum(widths), num_labels) if config.linear_skip else None

    def forward(self, features: dict[str, torch.Tensor]) -> torch.Tensor:
        """Classify.

        Args:
            features: A tensor `(batch, slots * hidden_size)` for each backbone's name.

        Returns:
            Logits `(batch, num_labels)`.
        """
        config = self.config
        raw = [features[one.name] for one in config.frozen]
        logits = raw[0].new_zeros(())
        if self.classifier is not None:
            fused = []
            if config.cooccurrence or config.slot_skip:
                slots = self.compressed(features)
                if config.cooccurrence:
                    products = cooccurrence(slots)
                    if config.scale_products:
                        products = products / config.fusion_dim
                    fused.append(power_normalise(products, config.sigma))
                if config.slot_skip:
                    fused.append(slots.flatten(1))
            if config.average_backbone is not None:
                (slots_of,) = (one.num_slots for one in config.frozen if one.name == config.average_backbone)
                fused.append(features[config.average_backbone].unflatten(1, (slots_of, -1)).mean(dim=1))
            logits = self.classifier(torch.cat(fused, dim=1))
        if self.linear_skip is not None:
            logits = logits + self.linear_skip(raw[0] if len(raw) == 1 else torch.cat(raw, dim=1))
        return logits

    def compressed(self, features: dict[str, torch.Tensor]) -> torch.Tensor:
        """All slots at `fusion_dim`: `(batch, slots, fusion_dim)`."""
        result, first, compress = [], 0, list(self.compress)  # a slice of a ModuleList is a new module
        for backbone in self.config.frozen:
            slots = features[backbone.name].unflatten(1, (backbone.num_slots, -1))
            if backbone.hidden_size != self.config.fusion_dim:
                layers = compress[first : first + backbone.num_slots]
                slots = torch.stack([layer(x) for layer, x in zip(layers, slots.unbind(1), strict=True)], dim=1)
                slots = self.dropout(torch.relu(slots))
            result.append(slots)
            first += backbone.num_slots
        return result[0] if len(result) == 1 else torch.cat(result, dim=1)


def combine_logits(
    head_logits: torch.Tensor | None,
    tuned_logits: list[torch.Tensor],
    tfidf_logits: torch.Tensor | None,
    config: FusionConfig,
) -> torch.Tensor:
    """Sum what the parts of the model say: heads, fine-tuned backbones, TF-IDF branch, over the temperature.

    Args:
        head_logits: `(ensemble, batch, num_labels)`; None where no backbone is frozen.
        tuned_logits: Of each fine-tuned backbone `(batch, num_labels)`; alone, without frozen ones, they are averaged.
        tfidf_logits: `(batch, num_labels)`, or None.
        config: Gives the parts' weights and the temperature.

    Returns:
        `(batch, num_labels)`.

    Raises:
        ValueError: no part says anything.
    """
    if head_logits is not None:
        logits = sum((config.tuned_weight * one for one in tuned_logits), head_logits.mean(dim=0))
    elif tuned_logits:
        logits = torch.stack(tuned_logits).mean(dim=0)
    elif tfidf_logits is not None:
        return config.lexical_weight * tfidf_logits / config.temperature
    else:
        raise ValueError("The model has no backbone, so that forward needs lexical_logits: `model.lexical(texts)`.")
    if tfidf_logits is not None:
        logits = logits + config.lexical_weight * tfidf_logits.to(logits.dtype)
    return logits / config.temperature


__all__ = ["FineTunedHead", "FusionHead", "Standardise", "combine_logits", "cooccurrence", "power_normalise"]
