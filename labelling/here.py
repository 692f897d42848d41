"""Parts worked on in this process, where a Ray would take longer to start than it could save."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from common.memory import keep_few_kernels

from .corpus import Corpus
from .model import ModelFacts

# What one process labels in about a minute: rows, and bytes of the files that hold them, as long texts take longer.
SMALL_ROWS, SMALL_BYTES = 20_000, 4_000_000
# How many times as much a model without a backbone labels in that time.
WITHOUT_BACKBONE = 25
# Cores of one worker on a machine without a GPU; `benchmarks/labelling.py --crews` compares others.
THREADS = 2


def why_here(corpus: Corpus, rows: int, model: ModelFacts, threads: int | None) -> str | None:
    """Why the rows that are left are better labelled in this process: a clause, or None where they are not.

    Args:
        corpus: All rows.
        rows: How many of them are left.
        model: Which model.
        threads: Of one worker, if the user named a number.
    """
    factor = 1 if model.widths else WITHOUT_BACKBONE
    if rows <= factor * SMALL_ROWS and corpus.bytes * rows / corpus.rows <= factor * SMALL_BYTES:
        return f"up to {factor * SMALL_ROWS:,} rows and {factor * SMALL_BYTES / 1e6:,.0f} MB are a minute's work"
    gpus = torch.cuda.device_count()
    if gpus == 1 or (not gpus and usable_cores() < 2 * (threads or THREADS)):
        return "this machine has room for one worker"
    return None


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_here(tasks: Iterable[dict[str, Any]], worker: type, job: Any) -> Iterator[dict[str, Any]]:
    """Work on parts one after the other, and yield what is told of each as it ends.

    Args:
        tasks: Parts.
        worker: Class of the actor that Ray would have; called with a batch of one task.
        job: What it is made with.
    """
    keep_few_kernels()  # before the model runs
    work = worker(job)
    for task in tasks:
        yield {name: value for name, (value,) in work({"task": [task]}).items()}


__all__ = ["THREADS", "run_here", "usable_cores", "why_here"]
