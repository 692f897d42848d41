"""Feeds memory-mapped Arrow features to the Trainer, a ready batch at a time; nothing but the batch is copied."""

from collections.abc import Sequence

import numpy as np
import torch
from datasets import Dataset as ArrowDataset
from datasets import List
from torch.utils.data import Dataset

# Rows that moments are summed over at a time: they stay in the processor's cache.
MOMENT_ROWS = 32


class FeatureColumn:
    """A fixed-width float16 Arrow column as NumPy views of its memory map.

    Args:
        features: A dataset with one column of type `List(float16, length=width)`, as `extraction.extract` gives it.

    Raises:
        ValueError: the dataset is of another kind, or its rows were reordered since it was written.
    """

    def __init__(self, features: ArrowDataset):
        column = next(iter(features.features.values())) if len(features.column_names) == 1 else None
        if not isinstance(column, List) or column.length < 1 or getattr(column.feature, "dtype", "") != "float16":
            raise ValueError(
                f"Features are {dict(features.features)}: expected one column of `List(Value('float16'), length=n)`."
            )
        if features._indices is not None:
            # The memory map knows nothing of select, shuffle or filter, and would give the rows before it.
            raise ValueError("The features' rows were selected or shuffled: call `flatten_indices()` on them first.")
        (name,) = features.column_names
        self.width = column.length
        self.chunks = [
            chunk.flatten().to_numpy(zero_copy_only=True).reshape(-1, self.width)
            for chunk in features.data.column(name).chunks
            if len(chunk)
        ]
        self.starts = np.cumsum([0, *(len(chunk) for chunk in self.chunks)])

    @classmethod
    def joined(cls, columns: Sequence["FeatureColumn"]) -> "FeatureColumn":
        """The rows of several columns of one width, one column after the other."""
        result = cls.__new__(cls)
        result.width = columns[0].width
        result.chunks = [chunk for column in columns for chunk in column.chunks]
        result.starts = np.cumsum([0, *(len(chunk) for chunk in result.chunks)])
        return result

    def __len__(self) -> int:
        return int(self.starts[-1])

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Copy rows, in any order and as often as asked.

        Args:
            rows: Row numbers from 0, integers `(n,)`.

        Returns:
            Features, float16 `(n, width)`.

        Raises:
            IndexError: there is no such row.
        """
        result = np.empty((len(rows), self.width), dtype=np.float16)
        chunk_of = np.searchsorted(self.starts, rows, side="right") - 1
        for chunk in np.unique(chunk_of):
            here = chunk_of == chunk
            result[here] = self.chunks[chunk][rows[here] - self.starts[chunk]]
        return result

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and (population) standard deviation of each feature in one pass, float64 `(width,)` each.

        Sums are taken of differences to the first row, so that a large common offset costs no precision.
        """
        total, squares = torch.zeros(2, self.width, dtype=torch.float64)
        shift = torch.tensor(self.chunks[0][0], dtype=torch.float64)
        for chunk in self.chunks:
            for start in range(0, len(chunk), MOMENT_ROWS):
                block = torch.tensor(chunk[start : start + MOMENT_ROWS]).double().sub_(shift)
                total += block.sum(dim=0)
                squares += block.square_().sum(dim=0)
        mean = total / len(self)
        variance = (squares / len(self) - mean.square()).clamp_min(0)
        return (mean + shift).numpy(), variance.sqrt().numpy()


class FeatureDataset(Dataset):
    """What the head is trained on: pooled features of every backbone, TF-IDF logits, labels.

    Args:
        columns: A FeatureColumn for each backbone's name, all of one length.
        labels: Class ids `(rows,)` or 0/1 `(rows, num_labels)`.
        lexical_logits: `(rows, num_labels)`, if the model has a TF-IDF branch.

    Raises:
        ValueError: the lengths differ.
    """

    def __init__(self, columns: dict[str, FeatureColumn], labels: np.ndarray, lexical_logits: np.ndarray | None = None):
        lengths = {name: len(column) for name, column in columns.items()} | {"labels": len(labels)}
        if lexical_logits is not None:
            lengths["lexical_logits"] = len(lexical_logits)
        if len(set(lengths.values())) != 1:
            raise ValueError(f"Features and labels must have equally many rows, but have {lengths}.")
        self.columns = columns
        self.labels = labels
        self.lexical_logits = lexical_logits

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> dict:
        return self.__getitems__([row])

    def __getitems__(self, rows: list[int]) -> dict:
        """A ready batch.

        Args:
            rows: Row numbers from 0.

        Returns:
            `features` (name: float16 `(n, width)`), `labels` `(n,)` or `(n, num_labels)` and, if there are any,
            `lexical_logits` `(n, num_labels)`.
        """
        index = np.asarray(rows)
        batch: dict = {
            "features": {name: torch.from_numpy(column.take(index)) for name, column in self.columns.items()},
            "labels": torch.from_numpy(self.labels[index]),
        }
        if self.lexical_logits is not None:
            batch["lexical_logits"] = torch.from_numpy(self.lexical_logits[index])
        return batch


def ready_batch(batch: dict) -> dict:
    """The collator: `FeatureDataset` gives batches already."""
    return batch
