"""Features of one split for one backbone: computed once, cached in Arrow shards, found again by content."""

import hashlib
import inspect
import json
import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import torch
import transformers
from datasets import Dataset, Features, List, Value, concatenate_datasets
from huggingface_hub import resolve_revision
from tqdm.auto import tqdm
from transformers import AutoConfig

import fusion_model.encoder
from fusion_model.backbones import num_slots
from fusion_model.encoder import BackboneEncoder

logger = logging.getLogger(__name__)

# A killed run keeps its finished shards; within a shard texts are sorted by length.
SHARD_ROWS = 4096
# Read at once: the file may be edited while what was imported is still computing.
ENCODER_CODE = hashlib.sha256(inspect.getsource(fusion_model.encoder).encode()).hexdigest()


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
    revision = spec["revision"]
    if "local_files_only" not in encoder.load_kwargs:
        # The configuration is in the cache by now, and so is the commit that it came from.
        revision = resolve_revision(encoder.location, revision=revision, local_files_only=True).resolved
    return {**spec, "hidden_size": config.hidden_size, "revision": revision}


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
        "code": ENCODER_CODE,
        "libraries": [torch.__version__, transformers.__version__],
    }
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for text in texts:
        encoded = text.encode("utf-8", "replace")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.hexdigest()


# Whatever a backbone may be made of: weights, configuration, vocabulary, code of its own.
BACKBONE_SUFFIXES = {".safetensors", ".bin", ".json", ".txt", ".model", ".tiktoken", ".py"}


def _weights_digest(location: str) -> str | None:
    """Hash of a local backbone's files; one from the Hub is known by its commit."""
    if not Path(location).is_dir():
        return None
    digest = hashlib.sha256()
    for file in sorted(Path(location).iterdir()):
        if file.suffix in BACKBONE_SUFFIXES and file.is_file():
            stat = file.stat()
            digest.update(file.name.encode() + _file_digest(str(file), stat.st_size, stat.st_mtime_ns))
    return digest.hexdigest()


@cache
def _file_digest(file: str, size: int, changed: int) -> bytes:
    """Hash of a file; gigabytes of weights are read once a process, not once a split."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


@dataclass
class CachePlan:
    """Where a split's features are, or will be.

    Args:
        folder: The cache folder of this split and backbone.
        files: One Arrow file a shard, in the order of the rows.
        missing: Numbers of the shards that are not there yet, or not whole.
        missing_rows: Rows in these.
        key: What `cache_key` gave.
    """

    folder: Path
    files: list[Path]
    missing: list[int]
    missing_rows: int
    key: str


def plan(split: Dataset, spec: dict, cache_dir: Path | None = None, device: torch.device | str = "cpu") -> CachePlan:
    """Look up what the cache holds, without computing or writing anything.

    Args:
        split: A data set with the column `text`.
        spec: A pinned backbone dict (see `pin`).
        cache_dir: Where features are kept; `default_cache_dir()` if left out.
        device: Where the backbone runs.

    Returns:
        Where the features of `split` belong, and which shards have to be computed.
    """
    key = cache_key(split["text"][:], spec, torch.device(device))
    folder = (cache_dir or default_cache_dir()) / f"{spec['name']}-{key[:24]}"
    count = -(-len(split) // SHARD_ROWS)
    files = [folder / f"features-{i:05d}-of-{count:05d}.arrow" for i in range(count)]
    rows = [len(split.shard(count, i, contiguous=True)) for i in range(count)]
    missing = [i for i, file in enumerate(files) if not _is_whole(file, rows[i])]
    return CachePlan(folder, files, missing, sum(rows[i] for i in missing), key)


def _is_whole(file: Path, rows: int) -> bool:
    """Whether a shard can be read; a full disk or an interrupted copy can leave half a file."""
    try:
        return file.exists() and len(Dataset.from_file(str(file))) == rows
    except (pa.ArrowException, OSError):
        return False


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
        ValueError: the split is empty, or a text's features are not finite; its row is named.
    """
    if len(split) == 0:
        raise ValueError(f"The {name} split is empty: expected at least one text to extract features from.")
    width = num_slots(spec) * spec["hidden_size"]
    found = plan(split, spec, cache_dir, device)
    if not found.missing:
        logger.info(
            f"{name}: {len(split):,} texts x {width:,} features of '{spec['name']}' read from the cache {found.folder}"
        )
    else:
        found.folder.mkdir(parents=True, exist_ok=True)
        encoder = encoder or BackboneEncoder(spec, device=device)
        shards = {i: split.shard(len(found.files), i, contiguous=True) for i in found.missing}
        column = Features({spec["name"]: List(Value("float16"), length=width)})
        with tqdm(
            total=found.missing_rows, desc=f"{name}: {spec['name']}", unit=" texts", smoothing=0.05, disable=None
        ) as bar:
            for i, shard in shards.items():
                try:
                    _write_shard(shard, encoder, column, found.files[i], f"{found.key[:48]}{i:05d}", bar)
                except ValueError as error:
                    first = sum(len(split.shard(len(found.files), j, contiguous=True)) for j in range(i))
                    raise ValueError(f"{error} (Counted from row {first} of the {name} split.)") from None
    return concatenate_datasets([Dataset.from_file(str(file)) for file in found.files])


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
