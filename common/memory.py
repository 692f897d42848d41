"""Memory that reading many texts would keep for nothing: kernels of every batch's shape, and holes between blocks."""

import ctypes
import os
from contextlib import suppress

# oneDNN, and torch's wrapper of it, keep what they compiled for each of the last 1,024 shapes, hundreds of megabytes of
# it where batches have many lengths; `benchmarks/scaling.py` shows memory. A packed backbone needs up to 140, and with
# 64 it is 7 % slower (`benchmarks/labelling.py`).
KERNELS = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "256", "LRU_CACHE_CAPACITY": "256"}


def keep_few_kernels() -> None:
    """Limit both caches, unless the environment says otherwise; without effect once a CPU kernel has run."""
    for variable, capacity in KERNELS.items():
        os.environ.setdefault(variable, capacity)


def give_back() -> None:
    """Return freed memory to the system, where the C library can do that (glibc)."""
    with suppress(OSError, TypeError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


__all__ = ["KERNELS", "give_back", "keep_few_kernels"]
