"""Batches by length, the GPU's budget, and work done ahead of the model."""

import threading
from types import SimpleNamespace

import pytest
import torch

from fusion_model.batches import GPU_BATCH_TOKENS, affordable_tokens, prefetch
from fusion_model.buckets import bucket_by_length

LENGTHS = [3, 9, 3, 9, 10, 3, 1, 40]


def test_on_a_cpu_a_batch_has_one_length_and_keeps_to_the_budget():
    batches = list(bucket_by_length(LENGTHS, max_tokens=8, padded=False))
    assert batches == [[7], [4], [1], [3], [0, 2], [5], [6]]


def test_on_a_gpu_similar_lengths_go_together_and_padding_stays_small():
    lengths = torch.randint(1, 129, (5000,), generator=torch.Generator().manual_seed(0)).tolist()
    batches = list(bucket_by_length(lengths, max_tokens=4096, padded=True))
    assert sorted(row for batch in batches for row in batch) == list(range(5000))
    sizes = [[lengths[row] for row in batch] for batch in batches]
    assert all(max(size) * len(size) <= 4096 for size in sizes)
    assert sum(max(size) * len(size) for size in sizes) < 1.1 * sum(lengths)


def test_a_gpus_budget_follows_its_free_memory_up_to_a_limit():
    config = SimpleNamespace(hidden_size=4096, intermediate_size=11008)
    llama = SimpleNamespace(config=config, dtype=torch.bfloat16)
    few, more = affordable_tokens(2 * 2**30, llama), affordable_tokens(3 * 2**30, llama)
    assert 1000 < few < more < affordable_tokens(80 * 2**30, llama) == GPU_BATCH_TOKENS
    assert affordable_tokens(10, llama) == 1


def test_what_is_made_ahead_keeps_its_order_and_is_made_in_another_thread():
    threads = set()

    def numbers():
        for number in range(20):
            threads.add(threading.current_thread().name)
            yield number

    assert list(prefetch(numbers(), 3)) == list(range(20))
    assert threading.current_thread().name not in threads


def test_an_error_ahead_reaches_the_reader_after_what_came_before_it():
    def numbers():
        yield 1
        raise KeyError("two")

    items = prefetch(numbers(), 3)
    assert next(items) == 1
    with pytest.raises(KeyError, match="two"):
        next(items)
