"""Slots whose features are so much smaller than others that a head which does not standardise them hardly sees them."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from fusion_model import Backbone

from .feed import FeatureColumn

logger = logging.getLogger(__name__)

# States before a decoder's final norm, and embeddings before the first norm, are 10 to 50 times as small as the others.
TIMES = 10
# Enough for a root mean square to two digits.
ROWS = 256


def warn_of_small_slots(backbones: Sequence[Backbone], columns: Mapping[str, FeatureColumn]) -> None:
    """Say which slots are at least ten times as small as the largest one, in one warning, if there are any.

    Args:
        backbones: Those that have a column, with layers and poolings.
        columns: Pooled features of the training texts, by the backbones' names.
    """
    sizes: dict[str, float] = {}
    for backbone in backbones:
        column = columns[backbone.name]
        rows = column.take(np.arange(min(ROWS, len(column)))).astype(np.float32)
        values = np.sqrt((rows.reshape(len(rows), backbone.num_slots, -1) ** 2).mean(axis=(0, 2)))
        slots = [f"{backbone.name} {layer} {pooling}" for layer in backbone.layers for pooling in backbone.pooling]
        sizes |= dict(zip(slots, values.tolist(), strict=True))
    largest = max(sizes, key=lambda slot: sizes[slot], default="")
    small = [slot for slot, size in sizes.items() if size * TIMES <= sizes[largest]]
    if small:
        listed = ", ".join(f"{slot} ({sizes[slot]:.2g})" for slot in small[:5]) + (", …" if len(small) > 5 else "")
        logger.warning(
            f"{len(small)} of {len(sizes)} slots (backbone, layer, pooling) are small beside {largest} "
            f"({sizes[largest]:.2g}, root mean square): {listed}. Without standardisation the head hardly sees them: "
            "--standardise true makes all of one size."
        )


__all__ = ["warn_of_small_slots"]
