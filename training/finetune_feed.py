"""What fine-tuning reads: token ids, or cached hidden states where the layers below them stay as they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, concatenate_datasets

from extraction.features import no_bars
from extraction.splits import texts_of
from extraction.token_states import TokenStates, extract_token_states
from fusion_model.backbones import Backbone
from fusion_model.encoder import BackboneEncoder
from fusion_model.tokens import has_segments

from .top_layers import pad_states, padded_length

# Of each split the texts, and class ids `(rows,)` or 0/1 `(rows, num_labels)`.
Splits = dict[str, tuple[Dataset, np.ndarray]]
Collate = Callable[[list[dict]], dict[str, Any]]


def token_rows(splits: Splits, encoder: BackboneEncoder) -> tuple[dict[str, Dataset], Collate]:
    """Texts as token ids, as the encoder reads them.

    Args:
        splits: Texts and labels.
        encoder: Whose tokenizer it is.

    Returns:
        Of each split rows with `input_ids`, `length`, `labels`, and segments of pairs; and what makes a batch of them.
    """
    with no_bars():
        rows = {name: _tokenized(split, labels, encoder) for name, (split, labels) in splits.items()}

    def collate(rows: list[dict]) -> dict[str, Any]:
        tokens = [{name: row[name] for name in ("input_ids", "token_type_ids") if name in row} for row in rows]
        width = padded_length((row["length"] for row in rows), encoder.backbone.max_length)
        batch = encoder.tokenizer.pad(tokens, padding="max_length", max_length=width, return_tensors="pt")
        return {**batch, "labels": _targets(rows)}

    return rows, collate


def state_rows(
    splits: Splits, backbone: Backbone, layer: int, cache_dir: Path, device: torch.device
) -> tuple[dict[str, Dataset], Collate]:
    """Texts as the hidden states of one layer.

    Args:
        splits: Texts and labels.
        backbone: A pinned backbone.
        layer: Number of the hidden state.
        cache_dir: Where states are kept.
        device: Where the backbone reads texts that are not in the cache.

    Returns:
        Of each split rows with `row`, `length`, `labels`; and what makes a batch of them.
    """
    encoder = BackboneEncoder(backbone, device=device)
    found = {
        name: extract_token_states(
            split, backbone, layer, name=name, cache_dir=cache_dir, device=device, encoder=encoder
        )
        for name, (split, _) in splits.items()
    }
    states = TokenStates(concatenate_datasets(list(found.values())), int(backbone.hidden_size or 0))
    rows, start = {}, 0
    for name, (split, labels) in splits.items():
        numbers = np.arange(start, start + len(split))
        rows[name] = _with_labels(Dataset.from_dict({"row": numbers, "length": states.lengths[numbers]}), labels)
        start += len(split)

    def collate(rows: list[dict]) -> dict[str, Any]:
        batch, mask = pad_states([states[row["row"]] for row in rows], backbone.max_length)
        return {"states": batch, "attention_mask": mask, "labels": _targets(rows)}

    return rows, collate


def _tokenized(split: Dataset, labels: np.ndarray, encoder: BackboneEncoder) -> Dataset:
    """Columns `input_ids`, `length`, `labels`, and segments of pairs."""
    segmented = "text_pair" in split.column_names and has_segments(encoder.tokenizer, encoder.model)

    def encode(batch: dict) -> dict:
        ids, segments = encoder.tokenize_segments(texts_of(batch))
        kinds = {"token_type_ids": segments or [[0] * len(row) for row in ids]} if segmented else {}
        return {"input_ids": ids, **kinds, "length": [len(row) for row in ids]}

    tokens = split.map(encode, batched=True, remove_columns=split.column_names, load_from_cache_file=False)
    return _with_labels(tokens, labels)


def _with_labels(rows: Dataset, labels: np.ndarray) -> Dataset:
    return rows.add_column("labels", labels.astype(np.int8 if labels.ndim == 2 else np.int64).tolist())


def _targets(rows: list[dict]) -> torch.Tensor:
    """Labels of a batch: class ids `(batch,)`, or 0/1 `(batch, num_labels)` as floats."""
    target = np.asarray([row["labels"] for row in rows])
    return torch.from_numpy(target.astype(np.float32 if target.ndim == 2 else np.int64))
