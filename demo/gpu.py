"""`spaces.GPU` where a Space lends a GPU by the request; elsewhere nothing. Imported before torch, as it asks for."""

import os
from collections.abc import Callable

try:
    from spaces import GPU
except ImportError:
    GPU = None

# Set by a Space that lends GPUs (ZeroGPU): there is none but while a visitor's request is answered.
GPU_IS_LENT = bool(os.environ.get("SPACES_ZERO_GPU"))
# Seconds that a visitor's quota must have left; a batch of 256 sentences takes MiniLM one or two.
LENT_SECONDS = 20


def on_gpu(function: Callable) -> Callable:
    """The function, run where a GPU is lent."""
    return function if GPU is None else GPU(duration=LENT_SECONDS)(function)


__all__ = ["GPU_IS_LENT", "on_gpu"]
