"""The trained part: slots are compressed, multiplied with each other, power-normalised and classified."""

from typing import cast

import torch
from torch import nn

from .backbones import num_slots
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


class InputDropout(nn.Module):
    """Dropout for wide inputs: a mask value costs one byte of a 64-bit random number.

    On a CPU torch's own dropout takes longer than the rest of a training step here: 51 against 6 ms for 512 x 8,064.

    Args:
        p: Share of values set to 0, to the next 1/256.
    """

    def __init__(self, p: float):
        super().__init__()
        self.kept = max(1, 256 - round(256 * p))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Any shape; the identity outside training."""
        if not self.training or self.kept == 256:
            return x
        words = torch.randint(-(2**63), 2**63 - 1, (-(-x.numel() // 8),), device=x.device)
        mask = words.view(torch.uint8)[: x.numel()].view(x.shape) < self.kept
        return x * (mask * (256 / self.kept)).to(x.dtype)


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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(batch, width)` -> `(batch, width)`."""
        return ((x - self.mean) * self.scale).clamp(-8, 8)


class TunedHead(nn.Module):
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
        widths = [spec["hidden_size"] for spec in config.frozen for _ in range(num_slots(spec))]
        self.compress = nn.ModuleList(
            nn.Identity()
            if width == config.fusion_dim
            else nn.Sequential(nn.Linear(width, config.fusion_dim), nn.ReLU(), nn.Dropout(config.dropout))
            for width in (widths if config.cooccurrence or config.slot_skip else [])
        )
        average = {spec["name"]: spec["hidden_size"] for spec in config.frozen}.get(config.average_backbone, 0)
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
        raw = [
            slot
            for spec in config.frozen
            for slot in features[spec["name"]].unflatten(1, (num_slots(spec), spec["hidden_size"])).unbind(1)
        ]
        logits = raw[0].new_zeros(())
        if self.classifier is not None:
            fused = []
            if config.cooccurrence or config.slot_skip:
                slots = torch.stack([layer(slot) for layer, slot in zip(self.compress, raw, strict=True)], dim=1)
                if config.cooccurrence:
                    products = cooccurrence(slots)
                    if config.scale_products:
                        products = products / config.fusion_dim
                    fused.append(power_normalise(products, config.sigma))
                if config.slot_skip:
                    fused.append(slots.flatten(1))
            if config.average_backbone is not None:
                spec = next(s for s in config.frozen if s["name"] == config.average_backbone)
                fused.append(features[spec["name"]].unflatten(1, (num_slots(spec), -1)).mean(dim=1))
            logits = self.classifier(torch.cat(fused, dim=1))
        if self.linear_skip is not None:
            logits = logits + self.linear_skip(torch.cat(raw, dim=1))
        return logits


__all__ = ["FusionHead", "InputDropout", "Standardise", "TunedHead", "cooccurrence", "power_normalise"]
