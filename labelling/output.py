"""The output folder: which parts are finished, what it belongs to, and how a part is written."""

import json
import logging
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from common.atomic import put, room, write_json
from fusion_model.file_modes import check_readable

from .copies import COPIES

logger = logging.getLogger(__name__)
# Readers of Parquet folders pass over names that begin so.
MANIFEST = "_manifest.json"
LOCK = "_lock"
UNFINISHED = "_unfinished-"
# Key of the number of texts that each backbone read a part of: in a part's metadata, and in the manifest of all.
CUT_TEXTS = "cut_texts"
PART = re.compile(r"part-(\d{6,})\.parquet")


class ResumeError(ValueError):
    """The output folder belongs to another run; the message says what differs and what to do."""


@dataclass(frozen=True)
class Layout:
    """Columns of the output.

    Args:
        id_type: Arrow type of the ids.
        labels: Label names, in the order of the scores.
        widths: Features of each backbone; None where texts are labelled.
        keep_text: Whether the texts are written along.
        pairs: Whether texts are pairs, of which the second is written along too.
        facts: Written into every file's schema: model, rule, label names.
    """

    id_type: pa.DataType
    labels: list[str]
    widths: dict[str, int] | None
    keep_text: bool
    facts: dict[str, str]
    pairs: bool = False
    cascade: bool = False

    @property
    def schema(self) -> pa.Schema:
        """`id`, `text` (and `text_pair`) if kept, then `labels`, `scores` (and `deferred`), or `features_NAME`."""
        fields = [pa.field("id", self.id_type)]
        if self.keep_text:
            fields += [pa.field(name, pa.string()) for name in ("text", "text_pair")[: 1 + self.pairs]]
        if self.widths is None:
            fields.append(pa.field("labels", pa.list_(pa.string())))
            fields.append(pa.field("scores", pa.list_(pa.float32(), len(self.labels))))
            fields += [pa.field("deferred", pa.bool_())] * self.cascade
        else:
            fields += [pa.field(f"features_{name}", pa.list_(pa.float16(), n)) for name, n in self.widths.items()]
        return pa.schema(fields, metadata=self.facts)


def part_file(folder: Path, part: int) -> Path:
    """Where a finished part is; in the order of names, parts are in the order of rows."""
    return folder / f"part-{part:06d}.parquet"


def attempts(folder: Path, part: int) -> int:
    """How often this part was begun and not finished since the run began."""
    return len(list(folder.glob(f"{UNFINISHED}{part:06d}-*")))


def write_part(
    folder: Path,
    part: int,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    cut_texts: Callable[[], dict[str, int]] = dict,
) -> int:
    """Write a part aside and put it in its place when it is whole and on the disk.

    Args:
        folder: The output folder.
        part: The part's number.
        schema: Its columns.
        batches: Its rows; each batch becomes a row group.
        cut_texts: Gives, once they are written, the number of texts that each backbone read a part of.

    Returns:
        Number of rows.

    Raises:
        OSError: there is no room, or the folder cannot be written to.
    """
    aside = folder / f"{UNFINISHED}{part:06d}-{uuid.uuid4().hex[:8]}"
    # Numbers that hardly repeat take more room and four times as long with a dictionary.
    dictionary = ["labels.list.element"] if "labels" in schema.names else False
    rows = 0
    with room(folder, "Finished parts are kept: make room and run the same command again."):
        try:
            with pq.ParquetWriter(aside, schema, compression="zstd", use_dictionary=dictionary) as writer:
                for batch in batches:
                    writer.write_batch(batch)
                    rows += len(batch)
                writer.add_key_value_metadata({CUT_TEXTS: json.dumps(cut_texts())})
            put(aside, part_file(folder, part))
        except Exception:
            # What a killed worker leaves behind counts as an attempt; an error is told at once and needs no count.
            aside.unlink(missing_ok=True)
            raise
    return rows


def begin(folder: Path, manifest: dict[str, Any]) -> None:
    """Claim a new or empty folder, or make sure that it is this very job's.

    Args:
        folder: The output folder, locked by this process.
        manifest: `input`, `model` and `output`: all that decides what the parts hold.

    Raises:
        ResumeError: the folder holds something else.
    """
    file = folder / MANIFEST
    check_readable(file)
    if not file.exists():
        others = sorted(path.name for path in folder.iterdir() if path.name not in (LOCK, COPIES))
        if others:
            raise ResumeError(
                f"The folder '{folder}' holds {others[:3]}, but no {MANIFEST}: expected an empty or new folder, or one "
                "that label.py began. Give another --output."
            )
        write_json(file, manifest)
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        differing = [_difference(key, found[key], manifest[key]) for key in manifest if found[key] != manifest[key]]
    except (ValueError, KeyError, TypeError):
        raise ResumeError(f"'{file}' cannot be read. Give another --output, or remove the folder.") from None
    if differing:
        raise ResumeError(
            f"The folder '{folder}' was begun with {differing[0]}. Parts of different runs are not mixed: give another "
            "--output, or remove the folder to start again."
        )
    for leftover in folder.glob(f"{UNFINISHED}*"):
        leftover.unlink()


def _difference(key: str, found: dict[str, Any], now: dict[str, Any]) -> str:
    """What two descriptions differ in, as the end of "was begun with"."""
    if key == "model":
        then, this = (f"{model['name']} ({model['commit'] or model['sha256']:.12})" for model in (found, now))
        return f"the model {then}, and this is {this}"
    name = next(name for name in {**found, **now} if found.get(name) != now.get(name))
    if name == "files":
        before, after = ({f["name"]: f for f in d["files"]} for d in (found, now))
        if before.keys() != after.keys():
            return f"other files: {sorted(before.keys() ^ after.keys())[:3]} is in one of the two inputs only"
        changed = next(file for file in after if before[file] != after[file])
        return f"another input: '{changed}' has other content now"
    return f"{name} = {found.get(name)!r}, and this is {name} = {now.get(name)!r}"


def add_cut_texts(folder: Path) -> dict[str, int]:
    """Add to the manifest how many texts of all parts each backbone read a part of; the numbers."""
    cut: Counter[str] = Counter()
    for file in folder.iterdir():
        if PART.fullmatch(file.name):
            cut.update(json.loads((pq.read_metadata(file).metadata or {}).get(CUT_TEXTS.encode(), b"{}")))
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if manifest.get(CUT_TEXTS) != cut:
        write_json(folder / MANIFEST, manifest | {CUT_TEXTS: dict(cut)})
    return dict(cut)


def finished(folder: Path, rows: list[int]) -> set[int]:
    """Numbers of the parts that need no more work.

    Args:
        folder: The output folder.
        rows: How many rows each part has.
    """
    done = set()
    for file in folder.iterdir():
        match = PART.fullmatch(file.name)
        if match is None:
            continue
        part = int(match[1])
        check_readable(file)
        try:
            whole = pq.read_metadata(file).num_rows == rows[part]
        except (pa.ArrowException, OSError, IndexError):
            whole = False
        if whole:
            done.add(part)
        else:
            logger.warning(f"'{file.name}' is damaged and is written again.")
    return done


__all__ = ["Layout", "ResumeError", "add_cut_texts", "attempts", "begin", "finished", "part_file", "write_part"]
