"""Texts that are equal or nearly so: they never stand on both sides of a fold, and their labels are compared."""

import re
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from fusion_model.texts import Text, joined

NEIGHBOURS = 10
# Texts that are compared with all others at a time, and how many others are looked at together, see `nearest`.
BLOCK_ROWS, BUCKET = 512, 64
# Near-equal: so alike in meaning (cosine), and so large a part of their words in common.
ALIKE, SHARED_WORDS = 0.9, 0.75
# Between texts that differ in one of these, other labels are no contradiction.
NEGATION = re.compile(r"not|no|never|nobody|nothing|none|neither|nor|without|cannot|\w+n['’]?t")
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


@dataclass
class Groups:
    """Which texts belong together.

    Args:
        equal: Number of each row's group of texts that are equal but for case, spaces and punctuation, `(rows,)`.
        near: The same, with texts that are nearly equal; what is equal is near.
        distance: Mean cosine distance to the nearest texts of other groups, `(rows,)`.
    """

    equal: np.ndarray
    near: np.ndarray
    distance: np.ndarray


def find_groups(texts: list[Text], meaning: np.ndarray) -> Groups:
    """Group texts.

    Args:
        texts: All rows.
        meaning: Vectors of length 1, `(rows, width)`.
    """
    bare = [" ".join(WORD.findall(joined(text).lower())) or " ".join(joined(text).split()) for text in texts]
    _, first, equal = np.unique(np.asarray(bare, dtype=object), return_index=True, return_inverse=True)
    # Of equal texts one is looked for, or a text's ten neighbours would be its ten copies.
    count = min(NEIGHBOURS, len(first) - 1)
    cosine, neighbours = nearest(meaning[first], count)
    words = [set(bare[row].split()) for row in first]
    left, right = np.nonzero(cosine >= ALIKE)
    pairs = [
        (a, b)
        for a, b in zip(left.tolist(), neighbours[left, right].tolist(), strict=True)
        if nearly_equal(words[a], words[b])
    ]
    a, b = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    linked = coo_matrix((np.ones(len(pairs)), (a, b)), shape=(len(first), len(first)))
    _, near = connected_components(linked, directed=False)
    return Groups(equal, near[equal], (1 - cosine).mean(axis=1)[equal])


@torch.inference_mode()
def nearest(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest other rows of each row, exactly: scikit-learn's brute search takes 1.7 times as long.

    The `count` nearest rows are in the `count` buckets whose nearest rows are nearest, so that only these are ranked.

    Args:
        vectors: float32 of length 1, `(rows, width)`.
        count: How many, fewer than there are rows.

    Returns:
        Cosines, the largest first, and row numbers, `(rows, count)` each.
    """
    rows = torch.from_numpy(vectors)
    every = torch.nn.functional.pad(rows, (0, 0, 0, -len(rows) % BUCKET)).T.contiguous()
    cosines, numbers = [], []
    for start in range(0, len(rows), BLOCK_ROWS):
        cosine = rows[start : start + BLOCK_ROWS] @ every
        cosine.diagonal(start).fill_(-torch.inf)  # not itself
        cosine[:, len(rows) :] = -torch.inf
        buckets = cosine.unflatten(1, (-1, BUCKET))
        best = buckets.amax(dim=2).topk(min(count, buckets.shape[1])).indices
        found, place = buckets[torch.arange(len(best))[:, None], best].flatten(1).topk(count)
        cosines.append(found)
        numbers.append(best.gather(1, place // BUCKET) * BUCKET + place % BUCKET)
    return torch.cat(cosines).numpy(), torch.cat(numbers).numpy()


def nearly_equal(one: set[str], other: set[str]) -> bool:
    """Whether two texts have most of their words in common, and none that turns the meaning round in one alone."""
    if any(NEGATION.fullmatch(word) for word in one ^ other):
        return False
    return len(one & other) >= SHARED_WORDS * len(one | other)


__all__ = ["Groups", "find_groups", "nearest", "nearly_equal"]
