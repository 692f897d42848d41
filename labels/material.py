"""What the commands about labels look at: texts, labels, and features narrow enough to fit a fold in seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.preprocessing import normalize

from common.errors import DataError
from common.recipes import Recipe
from extraction.features import extract, pin
from extraction.reading import LoadedData
from extraction.splits import is_multi_label, label_matrix, label_names, texts_of
from fusion_model import Backbone, BackboneEncoder
from fusion_model.texts import Text
from training.feed import FeatureColumn
from training.tfidf import tfidf_vectors

from .arguments import frozen

# Of each slot's principal components.
COMPONENTS = 64
# `C` of a linear model, and the factor of its logits.
OF_FEATURES, OF_WORDS = (0.002, 1.0), (1.0, 0.8)
# Rows that components are fitted on, and rows that are reduced at a time.
FITTED_ROWS, BLOCK_ROWS = 8000, 2048
# With more terms those are left out that fewer texts have; they cost most of the time and find no more wrong labels.
MANY_TERMS, FEWEST_TEXTS = 50_000, 4
# Meaning taken from words alone, where no backbone is frozen.
LATENT = 128


@dataclass(frozen=True)
class Vectors:
    """What one linear model is fitted on.

    Args:
        rows: float32 `(rows, width)`, dense or sparse.
        c: Inverse regularisation.
        weight: Factor of its logits in the sum.
    """

    rows: np.ndarray | sparse.csr_matrix
    c: float
    weight: float


@dataclass
class Material:
    """All rows of a data set, split after split.

    Args:
        texts: `rows` of them.
        given: Labels as 0/1, float32 `(rows, num_labels)`.
        names: Of the labels.
        several: Whether a text can have several labels.
        splits: Name of each row's split, and `places` its number in there.
        places: Integers `(rows,)`.
        vectors: What linear models are fitted on.
        meaning: Of each text at length 1, for likeness, float32 `(rows, width)`.
    """

    texts: list[Text]
    given: np.ndarray
    names: list[str]
    several: bool
    splits: np.ndarray
    places: np.ndarray
    vectors: list[Vectors]
    meaning: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)


def gather(data: LoadedData, recipe: Recipe, cache_dir: Path | None, device: torch.device | str = "cpu") -> Material:
    """Read a data set's features from the cache (or compute them) and make them narrow.

    Args:
        data: Normalised splits.
        recipe: Gives backbones, and whether there is a TF-IDF branch.
        cache_dir: Where features are kept; the default's place if left out.
        device: Where backbones run.

    Raises:
        DataError: there are too few texts for anything to be fitted.
    """
    names = label_names(data)
    given = np.concatenate([label_matrix(split, len(names)) for split in data.values()])
    texts = [text for split in data.values() for text in texts_of(split)]
    vectors: list[Vectors] = []
    meanings: list[np.ndarray] = []
    for backbone in (pin(one, device) for one in frozen(recipe)):
        dense, meaning = narrow(backbone, features(data, backbone, cache_dir, device))
        vectors.append(Vectors(dense, *OF_FEATURES))
        meanings.append(meaning)
    if recipe.defaults.get("lexical") or not vectors:
        try:
            words = tfidf_vectors(texts)[2]
        except ValueError:
            if not vectors:
                raise DataError(
                    f"{len(texts)} texts share too few words to compare them. Add texts, or give a --recipe that has a "
                    "backbone, such as minilm."
                ) from None
        else:
            if words.shape[1] > MANY_TERMS:
                words = words[:, words.getnnz(axis=0) >= FEWEST_TEXTS]
            vectors.append(Vectors(words, *OF_WORDS))
            if not meanings:
                width = min(LATENT, min(words.shape) - 1)
                meanings.append(TruncatedSVD(width, random_state=0).fit_transform(words).astype(np.float32))
    return Material(
        texts,
        given,
        names,
        is_multi_label(data),
        np.repeat(list(data), [len(split) for split in data.values()]),
        np.concatenate([np.arange(len(split)) for split in data.values()]),
        vectors,
        normalize(np.concatenate([normalize(one) for one in meanings], axis=1)),
    )


def features(
    splits: LoadedData | dict[str, Dataset], backbone: Backbone, cache_dir: Path | None, device: torch.device | str
) -> list[FeatureColumn]:
    """Each split's pooled features, one encoder for all."""
    encoder = BackboneEncoder(backbone, device=device)
    return [
        FeatureColumn(extract(split, backbone, name=name, cache_dir=cache_dir, device=device, encoder=encoder))
        for name, split in splits.items()
    ]


def narrow(backbone: Backbone, columns: Sequence[FeatureColumn]) -> tuple[np.ndarray, np.ndarray]:
    """Principal components of each slot, and the last layer's mean.

    Args:
        backbone: A pinned backbone.
        columns: Its features, split by split.

    Returns:
        float32 `(rows, slots * components)` with a deviation of 1 over all, and `(rows, hidden_size)`.
    """
    size = backbone.width // backbone.num_slots
    rows = sum(map(len, columns))
    drawn = np.sort(np.random.default_rng(0).permutation(rows)[:FITTED_ROWS])
    sample = _take(columns, drawn)
    mean, deviation = sample.mean(axis=0), sample.std(axis=0)
    # A constant feature tells nothing, see `training.head.build_model`.
    scale = np.where(deviation > 1e-3, 1 / np.maximum(deviation, 1e-3), 0).astype(np.float32)
    _standardise(sample, mean, scale)
    kept = min(COMPONENTS, size, len(sample) - 1)
    # A slot that is the same for every text, such as [CLS] before the first layer, has no components.
    parts = {
        slot: PCA(kept, svd_solver="covariance_eigh").fit(part)
        for slot, part in enumerate(np.split(sample, backbone.num_slots, axis=1))
        if part.any()
    }
    first = meaning_slot(backbone) * size
    dense = np.empty((rows, len(parts) * kept), dtype=np.float32)
    meaning = np.empty((rows, size), dtype=np.float32)
    for start in range(0, rows, BLOCK_ROWS):
        block = _take(columns, np.arange(start, min(start + BLOCK_ROWS, rows)))
        place = slice(start, start + len(block))
        meaning[place] = block[:, first : first + size]
        _standardise(block, mean, scale)
        for number, (slot, part) in enumerate(parts.items()):
            reduced = part.transform(block[:, slot * size : (slot + 1) * size])
            dense[place, number * kept : (number + 1) * kept] = reduced
    dense /= max(float(dense.std()), 1e-12)
    return dense, meaning


def _standardise(block: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> None:
    """Standardise rows in place, outliers cut at 8 deviations, see `fusion_model.head.Standardise`."""
    np.subtract(block, mean, out=block)
    np.multiply(block, scale, out=block)
    np.clip(block, -8, 8, out=block)


def meaning_slot(backbone: Backbone) -> int:
    """Number of the slot that tells most of a text's meaning: the last layer's mean over tokens, if it is pooled."""
    last = max(range(len(backbone.layers)), key=lambda i: (backbone.layers[i] == -1, backbone.layers[i]))
    return last * len(backbone.pooling) + (backbone.pooling.index("mean") if "mean" in backbone.pooling else 0)


def _take(columns: Sequence[FeatureColumn], rows: np.ndarray) -> np.ndarray:
    """Rows of all columns one after the other, float32 `(rows, width)`; `rows` ascend."""
    ends = np.cumsum([0, *map(len, columns)])
    parts = [
        column.take(rows[(rows >= start) & (rows < start + len(column))] - start)
        for column, start in zip(columns, ends, strict=False)
    ]
    return np.concatenate(parts).astype(np.float32)


__all__ = ["Material", "Vectors", "gather"]
