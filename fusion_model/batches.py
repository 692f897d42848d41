"""How many tokens a forward pass takes, and batches that are prefetched and copied while the model computes."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from .texts import Text, joined

# Tokens in one forward pass. On a CPU more does not run faster; a GPU needs more to be busy.
CPU_BATCH_TOKENS = 4096
GPU_BATCH_TOKENS = 32768
# Share of a GPU's free memory that a pass may fill: fragments, and the next batch, need the rest.
MEMORY_SHARE = 0.5

Item = TypeVar("Item")
# Rows that a batch's features belong to, the features on the CPU, and the event after which they are complete.
Pending = tuple[list[int], torch.Tensor, torch.cuda.Event | None]


def resolve_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """The dtype a backbone computes in: `auto` is bfloat16 where the hardware is made for it, else float32."""
    if dtype != "auto":
        return getattr(torch, dtype)
    fast = device.type == "cpu" and (torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if fast else torch.float32


def stand_in(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id read for a text without tokens, as "" is to a tokenizer without special tokens: nothing has no mean."""
    return next((i for i in (tokenizer.bos_token_id, tokenizer.eos_token_id) if i is not None), 0)


def max_tokens_on(model: PreTrainedModel, device: torch.device) -> int:
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


def prefetch(items: Iterator[Item], depth: int) -> Iterator[Item]:
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


def size_of(text: Text | list[int]) -> int:
    """Characters of a text or pair, or tokens of a window."""
    return len(text if isinstance(text, list) else joined(text))


def not_finite(features: torch.Tensor) -> list[int]:
    """Numbers of the rows of `(texts, width)` that hold infinity or NaN."""
    if not features.numel() or torch.stack(features.aminmax()).isfinite().all():  # a fraction of the time of the below
        return []
    return torch.nonzero(~torch.isfinite(features).all(dim=1)).flatten().tolist()


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
    "max_tokens_on",
    "not_finite",
    "prefetch",
    "resolve_dtype",
    "size_of",
    "stand_in",
    "store",
    "to_cpu",
    "to_device",
]
