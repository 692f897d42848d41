"""Where features are kept: the key that finds them, the shards, and what is wrong with a shard."""

import hashlib
import inspect
import json
import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import datasets
import torch
import transformers
from datasets import Dataset

import fusion_model.buckets
import fusion_model.encoder
import fusion_model.final_norm
import fusion_model.packed
import fusion_model.pooling
import fusion_model.tokens
import fusion_model.windows
from common.atomic import altered, record, write_json
from fusion_model.backbones import Backbone
from fusion_model.encoder import BackboneEncoder
from fusion_model.file_modes import check_readable
from fusion_model.packed import can_pack
from fusion_model.texts import Text

from .splits import texts_of

# A killed run keeps its finished shards; within a shard texts are sorted by length. Many processes on a small data set
# share it better in smaller shards; every command must then be given the same number.
SHARD_ROWS = int(os.environ.get("FUSION_SHARD_ROWS", "4096"))
# Read at once: the file may be edited while what was imported is still computing.
ENCODER_CODE = hashlib.sha256(
    "".join(
        inspect.getsource(getattr(fusion_model, name))
        for name in ("encoder", "final_norm", "packed", "tokens", "windows", "pooling", "buckets")
    ).encode()
).hexdigest()
# Whatever a backbone may be made of: weights, configuration, vocabulary, code of its own.
BACKBONE_SUFFIXES = {".safetensors", ".bin", ".json", ".txt", ".model", ".tiktoken", ".py", ".gguf"}


def default_cache_dir() -> Path:
    """Features are kept beside the data sets library's own cache (HF_HOME moves both)."""
    return Path(datasets.config.HF_DATASETS_CACHE).parent / "fusion_features"


def cache_key(texts: list[Text], backbone: Backbone, device: torch.device) -> str:
    """A hash of everything that changes a feature: texts, backbone, its weights, the encoder's code and libraries.

    Args:
        texts: The split's texts in order, a tuple for each pair.
        backbone: A pinned backbone.
        device: Where the backbone runs.

    Returns:
        Hexadecimal digest.
    """
    encoder = BackboneEncoder(backbone, device=device)
    read = ("model_id", "revision", "layers", "pooling", "max_length", "long_texts", "final_norm")
    described = {
        "spec": {key: getattr(backbone, key) for key in read},
        "dtype": str(encoder.dtype),
        "device": device.type,
        "packed": device.type == "cpu" and can_pack(encoder.dtype),  # which rounds otherwise
        "weights": _weights_digest(encoder.location),
        "code": ENCODER_CODE,
        "libraries": [torch.__version__, transformers.__version__],
    }
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for text in texts:
        if not isinstance(text, str):
            digest.update(b"\xff" * 8)  # no text is so long: a pair follows
        for one in (text,) if isinstance(text, str) else text:
            encoded = one.encode("utf-8", "replace")
            digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.hexdigest()


def _weights_digest(location: str) -> str | None:
    """Hash of a local backbone's files; one from the Hub is known by its commit."""
    if not Path(location).exists():
        return None
    digest = hashlib.sha256()
    for file in sorted(Path(location).iterdir()) if Path(location).is_dir() else [Path(location)]:
        if file.suffix in BACKBONE_SUFFIXES and file.is_file():
            stat = file.stat()
            digest.update(file.name.encode() + _file_digest(str(file), stat.st_size, stat.st_mtime_ns))
    return digest.hexdigest()


@cache
def _file_digest(file: str, size: int, changed: int) -> bytes:
    """Hash of a file; gigabytes of weights are read once a process, not once a split."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


@dataclass(frozen=True)
class Shard:
    """One file of features.

    Beside it lies its record, `….json`: key, rows, width, size and checksum. The record is written before the file gets
    its name, so that a file without one, or with another's, is not this shard.

    Args:
        file: The Arrow file.
        start: Number of its first row in the split.
        rows: Number of its rows.
        width: Features a row.
        key: What `cache_key` gave for the split.
    """

    file: Path
    start: int
    rows: int
    width: int
    key: str

    @property
    def record_file(self) -> Path:
        """Where its checksum is."""
        return self.file.with_suffix(".json")

    @property
    def lock_file(self) -> Path:
        """What is locked while it is computed."""
        return self.file.with_suffix(".lock")

    @property
    def scratch(self) -> Path:
        """Where it is written; what lies there while nobody holds the lock was left by a run that died."""
        return self.file.parent / f"unfinished-{self.file.stem}"

    @property
    def facts(self) -> dict:
        """What its record must say beside size and checksum."""
        return {"key": self.key, "start": self.start, "rows": self.rows, "width": self.width}

    def write_record(self, written: Path, cut_texts: int) -> None:
        """Record the file `written`, which is about to get this shard's name, and how many of its texts were cut."""
        write_json(self.record_file, self.facts | record(written) | {"cut_texts": cut_texts}, aside=written.parent)

    @property
    def cut_texts(self) -> int:
        """How many of its texts are longer than the backbone reads, by its record."""
        return json.loads(self.record_file.read_text(encoding="utf-8"))["cut_texts"]

    def flaw(self) -> str | None:
        """What is wrong with the file: a clause, or None if it is the one that was written for these texts.

        Raises:
            PermissionError: it may not be read; it may well be whole.
        """
        check_readable(self.record_file, self.file)
        try:
            recorded = json.loads(self.record_file.read_text(encoding="utf-8"))
            other = [name for name, value in self.facts.items() if recorded.get(name) != value]
            if not 0 <= recorded["cut_texts"] <= self.rows:
                raise ValueError("cut_texts")
        except FileNotFoundError:
            return f"it has no record {self.record_file.name}"
        except (OSError, ValueError, AttributeError, KeyError, TypeError):
            return f"its record {self.record_file.name} cannot be read"
        if other:
            return f"it is another data set's, backbone's or shard's ({' and '.join(other)} differ)"
        return altered(self.file, recorded)


@dataclass
class CachePlan:
    """Where a split's features are, or will be.

    Args:
        folder: The cache folder of this split and backbone.
        shards: All shards, in the order of the rows.
        missing: Numbers of the shards that are not there yet, or damaged.
        flaws: What is wrong with those that are there and damaged, by number.
        width: Features a row.
        key: What `cache_key` gave.
    """

    folder: Path
    shards: list[Shard]
    missing: list[int]
    width: int
    key: str
    flaws: dict[int, str] = field(default_factory=dict)

    @property
    def missing_rows(self) -> int:
        """Rows that have to be computed."""
        return sum(self.shards[i].rows for i in self.missing)

    @property
    def cut_texts(self) -> int:
        """How many texts are longer than the backbone reads, by the records of the shards, which must be there."""
        return sum(shard.cut_texts for shard in self.shards)


def plan(
    split: Dataset,
    backbone: Backbone,
    cache_dir: Path | None = None,
    device: torch.device | str = "cpu",
    shard_rows: int | None = None,
) -> CachePlan:
    """Look up what the cache holds and whether it is what was written, without computing or writing anything.

    Every byte is read and compared with its checksum (a gigabyte takes a quarter of a second from memory), whatever
    the file's times say.

    Args:
        split: A data set with the column `text`, and `text_pair` for pairs.
        backbone: A pinned backbone (see `extraction.features.pin`).
        cache_dir: Where features are kept; `default_cache_dir()` if left out.
        device: Where the backbone runs.
        shard_rows: Rows of a shard at most; SHARD_ROWS if left out.

    Returns:
        Where the features of `split` belong, and which shards have to be computed.
    """
    key = cache_key(texts_of(split), backbone, torch.device(device))
    folder = (cache_dir or default_cache_dir()) / f"{backbone.name}-{key[:24]}"
    return shards_in(folder, key, backbone.width, len(split), shard_rows)


def shards_in(folder: Path, key: str, width: int, rows: int, shard_rows: int | None = None) -> CachePlan:
    """Look up which shards a folder holds, and whether they are what was written.

    Args:
        folder: The cache folder of one split.
        key: Everything that decides what is in it, as a hash.
        width: Numbers a row or, of states, a token.
        rows: Rows of the split.
        shard_rows: Rows of a shard at most; SHARD_ROWS if left out.
    """
    shards = _layout(folder, key, width, rows, shard_rows)
    flaws = {i: shard.flaw() for i, shard in enumerate(shards) if shard.file.exists()}
    missing = [i for i in range(len(shards)) if flaws.get(i, "") is not None]
    return CachePlan(folder, shards, missing, width, key, {i: flaw for i, flaw in flaws.items() if flaw is not None})


def _layout(folder: Path, key: str, width: int, rows: int, shard_rows: int | None) -> list[Shard]:
    """A folder's shards, there or not."""
    count = -(-rows // (shard_rows or SHARD_ROWS))
    shards: list[Shard] = []
    for i in range(count):
        start = shards[-1].start + shards[-1].rows if shards else 0
        size = rows // count + (i < rows % count)
        shards.append(Shard(folder / f"features-{i:05d}-of-{count:05d}.arrow", start, size, width, key))
    return shards
