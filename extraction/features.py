"""Features of one split for one backbone: computed once, cached in Arrow shards, found again by content."""

import hashlib
import inspect
import json
import logging
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import torch
import transformers
from datasets import Dataset, Features, List, Value, concatenate_datasets
from tqdm.auto import tqdm
from transformers import AutoConfig

import fusion_model.encoder
from fusion_model.backbones import num_slots
from fusion_model.encoder import BackboneEncoder

logger = logging.getLogger(__name__)

# A killed run keeps its finished shards; within a shard texts are sorted by length.
SHARD_ROWS = 4096


def default_cache_dir() -> Path:
    """Features are kept beside the data sets library's own cache (HF_HOME moves both)."""
    return Path(datasets.config.HF_DATASETS_CACHE).parent / "fusion_features"


def pin(spec: dict) -> dict:
    """Fix what a backbone name stands for today.

    Args:
        spec: A checked backbone dict.

    Returns:
        A copy with `hidden_size` read from the backbone's configuration and, for a backbone from the Hub, its commit
        as `revision`.

    Raises:
        OSError: the backbone is neither here nor reachable; the message says what can be done.
    """
    encoder = BackboneEncoder(spec)
    config = encoder._load(AutoConfig)
    commit = getattr(config, "_commit_hash", None)
    return {**spec, "hidden_size": config.hidden_size, "revision": commit or spec["revision"]}


def cache_key(texts: list[str], spec: dict, device: torch.device) -> str:
    """A hash of everything that changes a feature: texts, backbone, its weights, the encoder's code and libraries.

    Args:
        texts: The split's texts in order.
        spec: A pinned backbone dict.
        device: Where the backbone runs.

    Returns:
        Hexadecimal digest.
    """
    encoder = BackboneEncoder(spec, device=device)
    described = {
        "spec": {key: spec[key] for key in ("model_id", "revision", "layers", "pooling", "max_length")},
        "dtype": str(encoder.dtype),
        "device": device.type,
        "weights": _weights_digest(encoder.location),
        "code": hashlib.sha256(inspect.getsource(fusion_model.encoder).encode()).hexdigest(),
        "libraries": [torch.__version__, transformers.__version__],
    }
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for text in texts:
        encoded = text.encode("utf-8", "replace")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.hexdigest()


def _weights_digest(location: str) -> str | None:
    """Hash of a local backbone's files; one from the Hub is known by its commit."""
    if not Path(location).is_dir():
        return None
    digest = hashlib.sha256()
    for file in sorted(Path(location).iterdir()):
        if file.suffix in (".safetensors", ".json", ".txt", ".model"):
            digest.update(file.name.encode())
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def extract(
    split: Dataset,
    spec: dict,
    *,
    name: str = "texts",
    cache_dir: Path | None = None,
    device: torch.device | str = "cpu",
    encoder: BackboneEncoder | None = None,
) -> Dataset:
    """Features of a split, from the cache as far as they are there.

    Args:
        split: A data set with the column `text`.
        spec: A pinned backbone dict (see `pin`).
        name: Shown in the progress bar.
        cache_dir: Where features are kept; `default_cache_dir()` if left out.
        device: Where the backbone runs.
        encoder: An encoder of the same backbone to reuse between splits.

    Returns:
        One row for each row of `split`, in order; one column, called as the backbone, of type
        `List(float16, length=slots * hidden_size)`, memory-mapped.

    Raises:
        ValueError: a text's features are not finite; its row is named.
    """
    device = torch.device(device)
    texts = split["text"][:]
    width = num_slots(spec) * spec["hidden_size"]
    key = cache_key(texts, spec, device)
    folder = (cache_dir or default_cache_dir()) / f"{spec['name']}-{key[:24]}"
    folder.mkdir(parents=True, exist_ok=True)
    count = max(1, -(-len(split) // SHARD_ROWS))
    files = [folder / f"features-{i:05d}-of-{count:05d}.arrow" for i in range(count)]
    missing = [i for i, file in enumerate(files) if not file.exists()]
    if not missing:
        logger.info(
            f"{name}: {len(split):,} texts x {width:,} features of '{spec['name']}' read from the cache {folder}"
        )
    else:
        encoder = encoder or BackboneEncoder(spec, device=device)
        rows = sum(len(split.shard(count, i, contiguous=True)) for i in missing)
        column = Features({spec["name"]: List(Value("float16"), length=width)})
        with tqdm(total=rows, desc=f"{name}: {spec['name']}", unit=" texts", smoothing=0.05) as bar:
            for i in missing:
                _write_shard(
                    split.shard(count, i, contiguous=True), encoder, column, files[i], f"{key[:48]}{i:05d}", bar
                )
    return concatenate_datasets([Dataset.from_file(str(file)) for file in files])


def _write_shard(shard: Dataset, encoder: BackboneEncoder, column: Features, file: Path, fingerprint: str, bar) -> None:
    """Encode one shard into one Arrow file; `map` writes it under another name first and renames it when complete."""
    (name,) = column

    def encode(batch: dict) -> pa.Table:
        features = encoder.encode(batch["text"], progress=bar.update).numpy()
        values = pa.array(np.ascontiguousarray(features).reshape(-1))
        return pa.table({name: pa.FixedSizeListArray.from_arrays(values, features.shape[1])})

    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()  # ours counts texts, not shards
    try:
        shard.map(
            encode,
            batched=True,
            batch_size=SHARD_ROWS,
            writer_batch_size=SHARD_ROWS,
            remove_columns=shard.column_names,
            features=column,
            cache_file_name=str(file),
            load_from_cache_file=False,
            new_fingerprint=fingerprint,
        )
    finally:
        if shown:
            datasets.enable_progress_bars()
