"""Features of one split for one backbone: computed once, by however many processes, cached in Arrow shards."""

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import torch
from datasets import Dataset, Features, List, Value, concatenate_datasets
from huggingface_hub import resolve_revision
from tqdm.auto import tqdm
from transformers import AutoConfig

from common.atomic import make_cache_folder, put, room, try_lock
from common.memory import give_back, keep_few_kernels
from fusion_model.backbones import Backbone, repository_of
from fusion_model.encoder import BackboneEncoder
from fusion_model.texts import Text
from fusion_model.trust import check_architecture

from .cache import CachePlan, Shard, cache_key, default_cache_dir, plan
from .cut_texts import say_cut
from .splits import texts_of

logger = logging.getLogger(__name__)

# How often shards are tried that another process is computing.
WAIT_SECONDS = 0.2


def pin(backbone: Backbone, device: torch.device | str = "cpu") -> Backbone:
    """Fix what a backbone name stands for today.

    Args:
        backbone: What a recipe names.
        device: Where it is to run.

    Returns:
        A copy with `hidden_size` read from the backbone's own config, `resolved_dtype` by the device and, for a
        backbone from the Hub, its commit as `revision`.

    Raises:
        OSError: the backbone is neither here nor reachable; the message says what can be done.
        ValueError: it is not of an architecture that can be read.
    """
    encoder = BackboneEncoder(backbone, device=device)
    config = encoder.load(AutoConfig)
    check_architecture(config, encoder.location)
    revision = backbone.revision
    if "local_files_only" not in encoder.load_kwargs:
        # The configuration is in the cache by now, and so is the commit that it came from.
        revision = resolve_revision(repository_of(encoder.location), revision=revision, local_files_only=True).resolved
    dtype = str(encoder.dtype).removeprefix("torch.")
    return backbone.replace(hidden_size=config.hidden_size, revision=revision, resolved_dtype=dtype)


def extract(
    split: Dataset,
    backbone: Backbone,
    *,
    name: str = "texts",
    cache_dir: Path | None = None,
    device: torch.device | str = "cpu",
    encoder: BackboneEncoder | None = None,
    shard_rows: int | None = None,
    found: CachePlan | None = None,
) -> Dataset:
    """Features of a split, from the cache as far as they are there.

    Several processes may do this at once, on one machine or on several with a shared file system: each takes a shard
    that nobody else is computing, and at the end waits for those of the others. A shard that is damaged, or not of
    these texts and this backbone, is named in a warning and computed again.

    Args:
        split: A data set with the column `text`, and `text_pair` for pairs.
        backbone: A pinned backbone (see `pin`).
        name: Shown in the progress bar.
        cache_dir: Where features are kept; `default_cache_dir()` if left out.
        device: Where the backbone runs.
        encoder: An encoder of the same backbone to reuse between splits.
        shard_rows: Rows of a shard at most; `extraction.cache.SHARD_ROWS` if left out.
        found: What `plan` gave a moment ago for the same arguments, to save a second look.

    Returns:
        One row for each row of `split`, in order; one column, called as the backbone, of type
        `List(float16, length=slots * hidden_size)`, memory-mapped.

    Raises:
        ValueError: the split is empty, or a text's features are not finite; its row is named.
        DiskFullError: there is no room; finished shards are kept.
        OSError: the file system has no locks.
    """
    if len(split) == 0:
        raise ValueError(f"The {name} split is empty: expected at least one text to extract features from.")
    found = found or plan(split, backbone, cache_dir, device, shard_rows)
    if not found.missing:
        logger.info(
            f"{name}: {len(split):,} texts x {found.width:,} features of '{backbone.name}' read from the cache "
            f"{found.folder}"
        )
    reader = encoder or BackboneEncoder(backbone, device=device)

    def encode(texts: list[Text], progress: Callable[[int], object]) -> pa.Array:
        features = reader.encode(texts, progress=progress).numpy()
        values = pa.array(np.ascontiguousarray(features).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(values, features.shape[1])

    column = Features({backbone.name: List(Value("float16"), length=found.width)})
    result = compute(split, found, column, encode, reader, f"{name}: {backbone.name}")
    if not backbone.tuned:  # of which the training texts are cut too, and `count_cut` tells of all
        say_cut(split, backbone, name, found.cut_texts)
    return result


def compute(
    split: Dataset,
    found: CachePlan,
    column: Features,
    encode: Callable[[list[Text], Callable[[int], object]], pa.Array],
    encoder: BackboneEncoder,
    title: str,
) -> Dataset:
    """Compute what a plan says is missing, shard by shard, and read the whole.

    Args:
        split: The texts.
        found: What the cache holds of them.
        column: Name and type of the one column.
        encode: Texts, and a function to call with the number of texts done, to the column's values.
        encoder: What `encode` reads them with; it counts those that were cut.
        title: Shown in the progress bar; it begins with the split's name.

    Returns:
        One row for each row of `split`, memory-mapped.

    Raises:
        DiskFullError: there is no room; finished shards are kept.
    """
    name = title.partition(":")[0]
    for i, flaw in found.flaws.items():
        shard = found.shards[i]
        logger.warning(f"{name}: {shard.file} is not used: {flaw}. Its {shard.rows:,} rows are computed again.")
    if found.missing:
        make_cache_folder(found.folder)
        keep_few_kernels()
        with tqdm(
            total=found.missing_rows,
            desc=title,
            unit=" texts",
            smoothing=0.05,
            disable=None if os.environ.get("LOCAL_RANK", "0") == "0" else True,  # torchrun: one bar a machine
        ) as bar:
            for shard in _taken(found, name, bar):
                _write_shard(split, shard, encode, encoder, column, name, bar)
                give_back()
    for shard in found.shards:
        # A run that was killed just after its shard got its name has left an empty folder behind.
        if shard.scratch.exists():
            with try_lock(shard.lock_file) as held:
                if held:
                    shutil.rmtree(shard.scratch, ignore_errors=True)
    return concatenate_datasets([Dataset.from_file(str(shard.file)) for shard in found.shards])


def _taken(found: CachePlan, name: str, bar: tqdm) -> Iterator[Shard]:
    """Missing shards, each locked while the caller has it; those of other processes when these end or die."""
    waiting = [found.shards[i] for i in found.missing]
    said = False
    while waiting:
        busy = []
        for shard in waiting:
            with try_lock(shard.lock_file) as held:
                if not held:
                    busy.append(shard)
                elif shard.file.exists() and shard.flaw() is None:
                    bar.update(shard.rows)  # another process was faster
                else:
                    yield shard
        if len(busy) == len(waiting):
            if not said:
                rows = sum(shard.rows for shard in busy)
                logger.warning(f"{name}: waiting for another process that computes {rows:,} rows in {found.folder}")
                said = True
            time.sleep(WAIT_SECONDS)
        waiting = busy


def _write_shard(
    split: Dataset,
    shard: Shard,
    encode: Callable[[list[Text], Callable[[int], object]], pa.Array],
    encoder: BackboneEncoder,
    column: Features,
    name: str,
    bar: tqdm,
) -> None:
    """Encode one shard into one Arrow file, aside; it gets its name when it is whole, recorded and on the disk."""
    (column_name,) = column

    counted = encoder.cut_texts
    texts = split.select(range(shard.start, shard.start + shard.rows))
    kept = "Finished shards are kept: free some space, or give another --cache_dir, and run the same command again."
    with room(shard.file.parent, kept), _scratch(shard) as scratch, no_bars():
        written = scratch / "features.arrow"
        try:
            texts.map(
                lambda batch: pa.table({column_name: encode(texts_of(batch), bar.update)}),
                batched=True,
                batch_size=shard.rows,
                writer_batch_size=shard.rows,
                remove_columns=texts.column_names,
                features=column,
                cache_file_name=str(written),
                load_from_cache_file=False,
                new_fingerprint=f"{shard.key[:48]}{shard.start:08d}",
            )
        except ValueError as error:
            raise ValueError(f"{error} (Counted from row {shard.start} of the {name} split.)") from None
        shard.write_record(written, encoder.cut_texts - counted)
        put(written, shard.file)


@contextmanager
def _scratch(shard: Shard) -> Iterator[Path]:
    """An empty folder to write a locked shard in; whatever a dead run left there goes, and so does what is left now."""
    shutil.rmtree(shard.scratch, ignore_errors=True)
    shard.scratch.mkdir()
    try:
        yield shard.scratch
    finally:
        shutil.rmtree(shard.scratch, ignore_errors=True)


@contextmanager
def no_bars() -> Iterator[None]:
    """Hide the datasets library's progress bars for a while: ours count texts, not shards."""
    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


__all__ = ["cache_key", "compute", "default_cache_dir", "extract", "no_bars", "pin", "plan"]
