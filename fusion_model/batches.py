"""Which texts are read together: batches of one (or similar) length, and work done ahead of the model."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from transformers import PreTrainedModel

# Tokens in one forward pass. On a CPU more does not run faster; a GPU needs more to be busy.
CPU_BATCH_TOKENS = 4096
GPU_BATCH_TOKENS = 32768
# A CPU runs texts of one length together: nothing is padded, which is faster there, and a text's features are the same
# whatever it is read with (in float32 but for a last bit in thousands of numbers). A GPU, where many small batches cost
# more than padding, takes texts together whose lengths differ by no more than this share (a small batch waits).
GPU_LENGTH_RATIO = 0.85
GPU_SMALL_BATCH = 32
# Share of a GPU's free memory that a pass may fill: fragments, and the next batch, need the rest.
MEMORY_SHARE = 0.5

Item = TypeVar("Item")
# Rows that a batch's features belong to, the features on the CPU, and the event after which they are complete.
Pending = tuple[list[int], torch.Tensor, torch.cuda.Event | None]


def token_budget(model: PreTrainedModel, device: torch.device) -> int:
    """Tokens that one forward pass may have.

    Args:
        model: The backbone, on its device.
        device: That device.

    Returns:
        A number from 1, on a GPU by its free memory.
    """
    if device.type != "cuda":
        return CPU_BATCH_TOKENS
    # What torch keeps for later passes is free too.
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return affordable_tokens(torch.cuda.mem_get_info(device)[0] + kept, model)


def affordable_tokens(free: int, model: PreTrainedModel) -> int:
    """Tokens that fit into `free` bytes of a GPU, up to `GPU_BATCH_TOKENS`.

    One layer's activations are alive at a time: the residual, its norm, queries, keys, values and attention's output of
    the hidden size, and two or three of the feed-forward's.
    """
    config = model.config
    hidden = config.hidden_size
    width = 6 * hidden + 3 * getattr(config, "intermediate_size", 4 * hidden)
    return max(1, min(GPU_BATCH_TOKENS, int(MEMORY_SHARE * free / (width * model.dtype.itemsize))))


def length_batches(lengths: Sequence[int], budget: int, padded: bool) -> Iterator[list[int]]:
    """Yield row numbers, longest text first, in batches within the token budget.

    Args:
        lengths: Tokens of each text.
        budget: Tokens of a batch, padding included; a longer text is a batch of its own.
        padded: Similar lengths together, as a GPU likes it; else one length.
    """
    ratio, small = (GPU_LENGTH_RATIO, GPU_SMALL_BATCH) if padded else (1.0, 1)
    rows: list[int] = []
    longest = 0
    for row in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        too_short = len(rows) >= small and lengths[row] < ratio * longest
        if rows and (too_short or (len(rows) + 1) * longest > budget):
            yield rows
            rows = []
        if not rows:
            longest = lengths[row]
        rows.append(row)
    if rows:
        yield rows


def ahead(items: Iterator[Item], depth: int) -> Iterator[Item]:
    """The same items in the same order, up to `depth` of them made in another thread before they are asked for."""
    end = object()
    with ThreadPoolExecutor(max_workers=1) as worker:
        waiting = deque(worker.submit(next, items, end) for _ in range(depth))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(worker.submit(next, items, end))
            yield item  # type: ignore[misc]


def to_device(x: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A CPU tensor on `device`; to a GPU through pinned memory, which computes on meanwhile."""
    return (x.pin_memory() if device.type == "cuda" else x).to(device, non_blocking=True)


def to_cpu(pooled: torch.Tensor) -> tuple[torch.Tensor, torch.cuda.Event | None]:
    """A copy on the CPU, and the event after which it is complete."""
    if pooled.device.type != "cuda":
        return pooled.cpu(), None
    copy, event = torch.empty(pooled.shape, dtype=pooled.dtype, pin_memory=True), torch.cuda.Event()
    copy.copy_(pooled, non_blocking=True)
    event.record()
    return copy, event


def store(features: torch.Tensor, waiting: Pending | None) -> None:
    """Write a batch's features into their rows."""
    if waiting is not None:
        rows, pooled, event = waiting
        if event is not None:
            event.synchronize()
        features[rows] = pooled


__all__ = [
    "CPU_BATCH_TOKENS",
    "GPU_BATCH_TOKENS",
    "Pending",
    "affordable_tokens",
    "ahead",
    "length_batches",
    "store",
    "to_cpu",
    "to_device",
    "token_budget",
]
