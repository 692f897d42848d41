"""What the undisturbed runs gave, and how a disturbed one is run again and compared with them."""

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from datasets import Dataset

from .fault_material import Child, Material, encoded_rows, model_of, same_model

TMPFS_BYTES = 4_000_000


@dataclass
class Result:
    """What became of the trials of one kind."""

    tried: int = 0
    survived: int = 0
    lost_rows: int = 0
    wrong_rows: int = 0
    slowest_end: float = 0.0
    troubles: list[str] = field(default_factory=list)

    def count(self, trouble: str | None) -> None:
        """One more trial, survived if there is no trouble."""
        self.tried += 1
        self.survived += trouble is None
        if trouble is not None:
            self.troubles.append(trouble)


class Campaign:
    """The undisturbed results, and what the trials share.

    Args:
        material: Corpus, backbone, commands.
        folder: Scratch.
        rng: Chooses moments, files and bytes.
    """

    def __init__(self, material: Material, folder: Path, rng: random.Random):
        self.material = material
        self.folder = folder
        self.rng = rng
        self.trial = 0
        self.full_disk = "tmpfs" if self._mount(self.new("probe") / "disk") else "RLIMIT_FSIZE"
        here = self.new("undisturbed")
        started = time.perf_counter()
        self._must(Child(here / "log", material.extract, here / "cache", here / "count"))
        self.extract_seconds = time.perf_counter() - started
        self.features = self.features_in(here / "cache")
        self.models: dict[str, dict] = {}
        self.train_seconds: dict[str, float] = {}
        for kind in material.recipes:
            # Features first, so that what is timed and killed later is training.
            self._must(Child(here / "log", material.train, here / "cache", here / "count", here / kind, kind))
            shutil.rmtree(here / kind)
            for tuned in (here / "cache").glob("tuned-tuned-*"):
                shutil.rmtree(tuned) if tuned.is_dir() else tuned.unlink()
            started = time.perf_counter()
            self._must(Child(here / "log", material.train, here / "cache", here / "count", here / kind, kind))
            self.train_seconds[kind] = time.perf_counter() - started
            self.models[kind] = model_of(here / kind)
            for tuned in (here / "cache").glob("tuned-tuned-*"):
                shutil.rmtree(tuned) if tuned.is_dir() else tuned.unlink()
        self.warm_cache = here / "cache"

    def new(self, name: str) -> Path:
        """An empty folder for a trial."""
        self.trial += 1
        folder = self.folder / f"{self.trial:04d}-{name}"
        folder.mkdir()
        return folder

    def _must(self, child: Child) -> None:
        """An undisturbed run has to succeed."""
        if child.wait():
            raise SystemExit(f"An undisturbed run failed:\n{child.log.read_text(encoding='utf-8')}")

    def _mount(self, folder: Path) -> bool:
        """Mount a small disk, where the account may."""
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "fusion-faults", str(folder)]
        mounted = shutil.which("mount") is not None and not subprocess.run(command, capture_output=True).returncode
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)
        return mounted

    def features_in(self, cache: Path) -> np.ndarray:
        """The cached features, `(rows, width)`, NaN where a shard is missing or damaged."""
        found = self.material.plan(cache)
        result = np.full((len(self.material.texts), found.width), np.nan, dtype=np.float16)
        for i, shard in enumerate(found.shards):
            if i not in found.missing:
                column = Dataset.from_file(str(shard.file)).with_format("arrow")[:].column(0).combine_chunks()
                result[shard.start : shard.start + shard.rows] = np.asarray(column.flatten()).reshape(-1, found.width)
        return result

    def kept_rows(self, cache: Path) -> int:
        """Rows of finished shards."""
        return len(self.material.texts) - self.material.plan(cache).missing_rows

    def after_extraction(self, here: Path, kept: int, result: Result) -> str | None:
        """Run extraction to its end, compare, and say what is wrong; `kept` rows must not be computed again."""
        before = encoded_rows(here / "count")
        child = Child(here / "log", self.material.extract, here / "cache", here / "count")
        if child.wait():
            return f"the run after it failed: {child.log.read_text(encoding='utf-8')[-500:]}"
        lost = max(0, encoded_rows(here / "count") - before - (len(self.material.texts) - kept))
        wrong = self.wrong_rows(here / "cache")
        result.lost_rows += lost
        result.wrong_rows += wrong
        left = [file.name for file in (here / "cache").rglob("unfinished-*")]
        if lost or wrong or left:
            return f"{lost} rows computed again, {wrong} rows wrong, left behind: {left}"
        return None

    def wrong_rows(self, cache: Path) -> int:
        """Rows that differ from the undisturbed run's in any bit."""
        bits = self.features_in(cache).view(np.uint16) != self.features.view(np.uint16)
        return int(bits.any(axis=1).sum())

    def after_training(self, here: Path, kind: str, result: Result) -> str | None:
        """Run training to its end, with --resume, and compare the model."""
        child = self.train(here, kind)
        if child.wait():
            return f"the run after it failed: {child.log.read_text(encoding='utf-8')[-500:]}"
        if not same_model(model_of(here / "out"), self.models[kind]):
            result.wrong_rows += len(self.material.texts)
            return "the model differs from the undisturbed run's"
        return f"left behind: {(here / 'out' / 'checkpoints')}" if (here / "out" / "checkpoints").exists() else None

    def train(self, here: Path, kind: str, before: Callable[[], None] | None = None) -> Child:
        """Start training on features that are there."""
        if not (here / "cache").exists():
            shutil.copytree(self.warm_cache, here / "cache")
        return Child(
            here / "log", self.material.train, here / "cache", here / "count", here / "out", kind, before=before
        )

    def interrupted(self, here: Path, kind: str) -> Path:
        """Kill a training once it has something to go on from; gives the folder with it.

        That is a finished seed of a head, or a checkpoint of a backbone that is fine-tuned.
        """
        child = self.train(here, kind)
        scratch, kept = (
            (here / "out" / "checkpoints", "*/finished")
            if kind == "head"
            else (here / "cache", "unfinished-*/checkpoints/checkpoint-*")
        )
        while child.process.is_alive() and not list(scratch.glob(f"{kept}/manifest.json")):
            time.sleep(0.002)
        time.sleep(self.rng.uniform(0, 0.2) * self.train_seconds[kind])
        child.kill(0, signal.SIGKILL)
        child.wait()
        return scratch
