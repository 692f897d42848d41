"""One trial of each kind of fault: disturb, run again, compare with what an undisturbed run gave."""

import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from training.parity import PARITY_TEXTS

from .fault_campaign import Campaign, Result
from .fault_material import ROWS, SHARD_ROWS, SIGNALS, Child, encoded_rows, model_of, same_model


def extraction_killed(campaign: Campaign, result: Result) -> None:
    """Killed at a random moment, often twice in a row, then run to the end."""
    here = campaign.new("extraction")
    trouble = None
    for _ in range(campaign.rng.choice((1, 2))):
        trouble = trouble or _kill(
            campaign,
            lambda: Child(here / "log", campaign.material.extract, here / "cache", here / "count"),
            campaign.extract_seconds,
            result,
        )
    kept = campaign.kept_rows(here / "cache")
    result.count(trouble or campaign.after_extraction(here, kept, result))


def training_killed(campaign: Campaign, result: Result) -> None:
    """The same for train.py; one in three fine-tunes a backbone too."""
    here = campaign.new("training")
    kind = campaign.rng.choice(("head", "head", "tuned"))
    trouble = _kill(campaign, lambda: campaign.train(here, kind), campaign.train_seconds[kind], result)
    result.count(trouble or campaign.after_training(here, kind, result))


def _kill(campaign: Campaign, start: Callable[[], Child], seconds: float, result: Result) -> str | None:
    """Send a signal at a random moment of a run and check how it ends."""
    number = campaign.rng.choice(SIGNALS)
    child = start()
    hit = child.kill(campaign.rng.uniform(0, seconds), number)
    sent = time.perf_counter()
    status = child.wait()
    log = child.log.read_text(encoding="utf-8")
    if not hit or status == 0:  # it was done first
        return None if status == 0 else f"status {status} without a signal: {log[-500:]}"
    result.slowest_end = max(result.slowest_end, round(time.perf_counter() - sent, 2))
    # Before a command has set its handlers, a signal ends it as any process.
    if status not in (-number, 128 + number) or "Traceback" in log:
        return f"signal {number} ended it with status {status}: {log[-500:]}"
    return None


def cache_damaged(campaign: Campaign, result: Result) -> None:
    """One shard or its record is cut, flipped, emptied, deleted, or another's."""
    here = campaign.new("cache")
    shutil.copytree(campaign.warm_cache, here / "cache")
    shards = campaign.material.plan(here / "cache").shards
    shard = campaign.rng.choice(shards)
    foreign = campaign.rng.choice([other for other in shards if other is not shard])
    damage = campaign.rng.choice(("cut", "flip", "flip", "foreign", "foreign with record", "record"))
    if damage == "foreign":
        shutil.copy(foreign.file, shard.file)
    elif damage == "foreign with record":
        shutil.copy(foreign.file, shard.file)
        shutil.copy(foreign.record_file, shard.record_file)
    else:
        _damage(shard.record_file if damage == "record" else shard.file, "cut" if damage == "cut" else "flip", campaign)
    kept = len(campaign.material.texts) - shard.rows
    trouble = campaign.after_extraction(here, kept, result)
    if trouble is None and f"{shard.file.name} is not used" not in (here / "log").read_text(encoding="utf-8"):
        trouble = f"{damage}: {shard.file.name} was not named"
    result.count(trouble)


def checkpoint_damaged(campaign: Campaign, result: Result) -> None:
    """A file of a killed training's finished seed, or of its fine-tuning's checkpoints, is cut or flipped."""
    here = campaign.new("checkpoint")
    kind = campaign.rng.choice(("head", "tuned"))
    scratch = campaign.interrupted(here, kind)
    place = "*/finished/*" if kind == "head" else "unfinished-*/checkpoints/checkpoint-*/*"
    files = sorted(file for file in scratch.glob(place) if file.is_file() and file.stat().st_size)
    if not files:  # the kill came too late
        checkpoint_damaged(campaign, result)
        return
    _damage(campaign.rng.choice(files), campaign.rng.choice(("cut", "flip")), campaign)
    result.count(campaign.after_training(here, kind, result))


def _damage(file: Path, how: str, campaign: Campaign) -> None:
    """Cut a file, or flip one of its bits; its times stay what they were."""
    times = file.stat()
    content = bytearray(file.read_bytes())
    place = campaign.rng.randrange(len(content))
    if how == "cut":
        del content[place:]
    else:
        content[place] ^= 1 << campaign.rng.randrange(8)
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def extraction_disk_full(campaign: Campaign, result: Result) -> None:
    """Extraction with too little room, then with enough."""
    here = campaign.new("disk")
    room = campaign.rng.randrange(1000, campaign.features.nbytes)
    trouble = _fill(
        campaign,
        here / "cache",
        room,
        lambda before: Child(here / "log", campaign.material.extract, here / "cache", here / "count", before=before),
    )
    kept = campaign.kept_rows(here / "cache")
    result.count(trouble or campaign.after_extraction(here, kept, result))


def training_disk_full(campaign: Campaign, result: Result) -> None:
    """Training with too little room for its checkpoints, then with enough."""
    here = campaign.new("disk")
    shutil.copytree(campaign.warm_cache, here / "cache")
    room = campaign.rng.randrange(1000, 400_000)
    trouble = _fill(campaign, here / "out", room, lambda before: campaign.train(here, "head", before))
    result.count(trouble or campaign.after_training(here, "head", result))


def _fill(
    campaign: Campaign, place: Path, room: int, start: Callable[[Callable[[], None] | None], Child]
) -> str | None:
    """Run with `room` bytes in `place` and check that it ends with a sentence and leaves nothing half-written."""
    place.mkdir()
    if campaign.full_disk == "tmpfs":
        small = ["mount", "-t", "tmpfs", "-o", f"size={room}", "fusion-faults", str(place)]
        subprocess.run(small, check=True)
        try:
            child = start(None)
            status = child.wait()
            left = [file.name for file in place.rglob("unfinished-*")]
            shutil.copytree(place, place.with_name("saved"))
        finally:
            subprocess.run(["umount", str(place)], check=True)
        place.rmdir()
        place.with_name("saved").rename(place)
    else:
        limit = min(room, 30_000)
        child = start(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        status = child.wait()
        left = [file.name for file in place.rglob("unfinished-*")]
    log = child.log.read_text(encoding="utf-8")
    if status == 0:
        return None  # there was room enough
    if status != 1 or "error: No room to write" not in log or "Traceback" in log or left:
        return f"status {status}, left behind {left}: {log[-500:]}"
    return None


def two_extractions(campaign: Campaign, result: Result) -> None:
    """Two runs at once on an empty cache; in every second trial one is killed and the other goes on."""
    here = campaign.new("pair")
    children = [Child(here / f"log{i}", campaign.material.extract, here / "cache", here / "count") for i in range(2)]
    killed = campaign.rng.random() < 0.5 and children[0].kill(
        campaign.rng.uniform(0, campaign.extract_seconds), signal.SIGKILL
    )
    statuses = [child.wait() for child in children]
    wrong = campaign.wrong_rows(here / "cache")
    result.wrong_rows += wrong
    twice = encoded_rows(here / "count") - len(campaign.material.texts)
    # The killed one may have noted the rows of a shard that it did not finish.
    lost = max(0, twice - (SHARD_ROWS if killed else 0))
    result.lost_rows += lost
    good = statuses[1] == 0 and (killed or statuses[0] == 0) and not wrong and not lost
    result.count(None if good else f"statuses {statuses}, {wrong} wrong rows, {twice} rows computed twice")


def two_trainings(campaign: Campaign, result: Result) -> None:
    """Two train.py at once on one empty cache: both right, features computed once."""
    here = campaign.new("pair")
    kind = campaign.rng.choice(("head", "tuned"))
    children = [
        Child(here / f"log{i}", campaign.material.train, here / "cache", here / "count", here / f"out{i}", kind)
        for i in range(2)
    ]
    statuses = [child.wait() for child in children]
    if any(statuses):
        logs = [child.log.read_text(encoding="utf-8")[-300:] for child in children]
        result.count(f"statuses {statuses}: {logs}")
        return
    same = [same_model(model_of(here / f"out{i}"), campaign.models[kind]) for i in range(2)]
    # Each scores a few texts anew, from its finished folder.
    twice = encoded_rows(here / "count") - sum(ROWS.values()) - 2 * PARITY_TEXTS
    result.lost_rows += max(0, twice)
    result.wrong_rows += len(campaign.material.texts) * same.count(False)
    result.count(None if all(same) and twice <= 0 else f"models equal: {same}, {twice} rows computed twice")


KINDS: dict[str, Callable[[Campaign, Result], None]] = {
    "extraction killed": extraction_killed,
    "training killed": training_killed,
    "cache damaged": cache_damaged,
    "checkpoint damaged": checkpoint_damaged,
    "disk full in extraction": extraction_disk_full,
    "disk full in training": training_disk_full,
    "two extractions at once": two_extractions,
    "two trainings at once": two_trainings,
}
