"""Requests that wait at the same time are read together."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

import numpy as np

Result = TypeVar("Result")
# All reading happens in one thread: torch keeps memory and helpers of its own for each thread that ever used it.
_worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader")
# Texts that are read together; a longer request is read on its own.
MAX_BATCH = 256


def in_one_thread(read: Callable[..., Result], *arguments: object) -> Result:
    """The result of `read`, run in the one thread that reads, in the caller's context."""
    return _worker.submit(copy_context().run, read, *arguments).result()


class SharedBatches:
    """Calls `read` with the texts of everyone who waits, and gives each caller the rows of its own texts.

    Of the callers that wait, one reads for all, in its own context: that is how a GPU that is lent by the request
    knows for whom it works.

    Args:
        read: Texts (or pairs of them) to an array with a row for each.
    """

    def __init__(self, read: Callable[[list], np.ndarray]):
        self.read = read
        self.turn = threading.Lock()
        self.guard = threading.Lock()
        self.waiting: deque[tuple[list, Future]] = deque()

    def __call__(self, texts: Sequence) -> np.ndarray:
        """Rows of `texts`, read alone or with others'."""
        mine: Future = Future()
        with self.guard:
            self.waiting.append((list(texts), mine))
        while not mine.done():
            with self.turn:
                if not mine.done():
                    self._read_waiting()
        rows = mine.result()
        # Another's request was refused, for instance for want of a quota: this one is read in its own name.
        return in_one_thread(self.read, list(texts)) if rows is None else rows

    def _read_waiting(self) -> None:
        """Read the requests that have waited longest, up to MAX_BATCH texts."""
        requests: list[tuple[list, Future]] = []
        room = MAX_BATCH
        with self.guard:
            while self.waiting and (not requests or len(self.waiting[0][0]) <= room):
                requests.append(self.waiting.popleft())
                room -= len(requests[-1][0])
        try:
            rows = in_one_thread(self.read, [text for texts, _ in requests for text in texts])
        except BaseException as error:
            if len(requests) == 1:
                requests[0][1].set_exception(error)
            else:
                for _, future in requests:
                    future.set_result(None)
            return
        start = 0
        for texts, future in requests:
            future.set_result(rows[start : start + len(texts)])
            start += len(texts)
