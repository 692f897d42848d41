"""The trained part: slots are compressed, multiplied with each other, power-normalised and classified."""

from collections.abc import Iterator
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


# Rows of wide features that a CPU handles at a time: what a chain of operations leaves then stays in its cache, where a
# whole batch would go to memory and back each time (standardising 512 x 8,064 numbers: 4 in place of 21 ms).
CPU_BLOCK_ROWS = 32


def blocks(*tensors: torch.Tensor) -> Iterator[tuple[torch.Tensor, ...]]:
    """Views of the same rows of tensors with equally many rows: a few rows on a CPU, all elsewhere."""
    rows = CPU_BLOCK_ROWS if tensors[0].device.type == "cpu" else max(1, len(tensors[0]))
    return zip(*(tensor.split(rows) for tensor in tensors), strict=True)


class ByteDropout(nn.Dropout):
    """Dropout at the cost of one random byte a value; `p` is rounded to the next 1/256.

    On a CPU torch's own dropout takes longer than the rest of a training step here: 69 against 7 ms for 512 x 8,064.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(rows, …)` of any float dtype; the identity outside training."""
        kept = max(1, 256 - round(256 * self.p))
        if not self.training or kept == 256:
            return x
        mask = torch.empty_like(x, memory_format=torch.contiguous_format)
        for (block,) in blocks(mask):
            words = torch.randint(-(2**63), 2**63 - 1, (-(-block.numel() // 8),), device=x.device)
            # Comparing gives booleans, which a CPU handles slowly; the sign of a difference is as good.
            below = words.view(torch.uint8)[: block.numel()].to(torch.int16).sub_(kept).bitwise_right_shift_(15)
            block.copy_(below.view(block.shape)).mul_(-256 / kept)
        return x * mask if x.requires_grad else mask.mul_(x)


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
        # One linear layer a slot; ReLU and dropout follow on all slots at once.
        self.compress = nn.ModuleList(
            nn.Identity() if width == config.fusion_dim else nn.Sequential(nn.Linear(width, config.fusion_dim))
            for width in (widths if config.cooccurrence or config.slot_skip else [])
        )
        self.dropout = ByteDropout(config.dropout)
        average = {spec["name"]: spec["hidden_size"] for spec in config.frozen}.get(config.average_backbone, 0)
        num_labels = cast(int, config.num_labels)
        fused = config.cooccurrence * len(widths) ** 2 + average + config.slot_skip * len(widths) * config.fusion_dim
        layers: list[nn.Module] = []
        for width in config.hidden_sizes if fused else []:
            layers += [nn.Linear(fused, width), nn.ReLU(), ByteDropout(config.dropout)]
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
        raw = [features[spec["name"]] for spec in config.frozen]
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
                spec = next(s for s in config.frozen if s["name"] == config.average_backbone)
                fused.append(features[spec["name"]].unflatten(1, (num_slots(spec), -1)).mean(dim=1))
            logits = self.classifier(torch.cat(fused, dim=1))
        if self.linear_skip is not None:
            logits = logits + self.linear_skip(raw[0] if len(raw) == 1 else torch.cat(raw, dim=1))
        return logits

    def compressed(self, features: dict[str, torch.Tensor]) -> torch.Tensor:
        """All slots at `fusion_dim`: `(batch, slots, fusion_dim)`."""
        result, first = [], 0
        for spec in self.config.frozen:
            slots = features[spec["name"]].unflatten(1, (num_slots(spec), spec["hidden_size"]))
            if spec["hidden_size"] != self.config.fusion_dim:
                layers = self.compress[first : first + num_slots(spec)]
                slots = torch.stack([layer(x) for layer, x in zip(layers, slots.unbind(1), strict=True)], dim=1)
                slots = self.dropout(torch.relu(slots))
            result.append(slots)
            first += num_slots(spec)
        return result[0] if len(result) == 1 else torch.cat(result, dim=1)


__all__ = ["ByteDropout", "FusionHead", "Standardise", "TunedHead", "cooccurrence", "power_normalise"]
