"""Feeds memory-mapped Arrow features to the Trainer, a ready batch at a time and without copying more than the batch."""

import numpy as np
import torch
from datasets import Dataset as ArrowDataset
from torch.utils.data import Dataset


class FeatureColumn:
    """A fixed-width float16 Arrow column as NumPy views of its memory map.

    Args:
        features: A data set with one column of type `List(float16, length=width)`, as `extraction.extract` gives it.
    """

    def __init__(self, features: ArrowDataset):
        (name,) = features.column_names
        self.width = features.features[name].length
        self.chunks = [
            chunk.flatten().to_numpy(zero_copy_only=True).reshape(-1, self.width)
            for chunk in features.data.column(name).chunks
            if len(chunk)
        ]
        self.starts = np.cumsum([0, *(len(chunk) for chunk in self.chunks)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Rows `(n,)` to features, float16 `(n, width)`."""
        result = np.empty((len(rows), self.width), dtype=np.float16)
        chunk_of = np.searchsorted(self.starts, rows, side="right") - 1
        for chunk in np.unique(chunk_of):
            here = chunk_of == chunk
            result[here] = self.chunks[chunk][rows[here] - self.starts[chunk]]
        return result

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each feature, float64 `(width,)` each, in one pass."""
        total, squares = np.zeros(self.width), np.zeros(self.width)
        shift = self.chunks[0][0].astype(np.float64)
        for chunk in self.chunks:
            for start in range(0, len(chunk), 1024):
                block = chunk[start : start + 1024].astype(np.float32) - shift.astype(np.float32)
                total += block.sum(axis=0, dtype=np.float64)
                squares += np.einsum("ij,ij->j", block, block, dtype=np.float64)
        mean = total / len(self)
        return mean + shift, np.sqrt(np.maximum(squares / len(self) - mean**2, 0))


class FeatureDataset(Dataset):
    """What the head is trained on: features of every backbone, lexical logits, labels.

    Args:
        columns: A FeatureColumn for each backbone's name, all of one length.
        labels: Class ids `(rows,)` or 0/1 `(rows, num_labels)`.
        lexical_logits: `(rows, num_labels)`, if the model has a lexical channel.
    """

    def __init__(self, columns: dict[str, FeatureColumn], labels: np.ndarray, lexical_logits: np.ndarray | None = None):
        lengths = {name: len(column) for name, column in columns.items()} | {"labels": len(labels)}
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
        """A ready batch: `features` (a dict), `labels` and, if there are any, `lexical_logits`."""
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
