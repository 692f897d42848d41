"""One job of train.py in its output folder: locked, found again with --resume, its result put in place when whole."""

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
import xxhash
from datasets import DatasetDict
from safetensors.torch import load_file, save_file
from torch import nn

from common.atomic import broken_seal, put, room, seal, sync, try_lock, write_json
from extraction.splits import texts_of
from fusion_model import FusionConfig
from fusion_model.file_modes import check_readable

from .arguments import Arguments

logger = logging.getLogger(__name__)

# What to do when a disk is full.
KEPT = "Finished seeds are kept: free some space and run the same command again with --resume."

WEIGHTS = "model.safetensors"
# What may differ when a job is resumed: it changes where or how much is written, not what a run becomes.
FREE = {
    "resume",
    "num_runs",
    "output_dir",
    "backbone",
    "finetune",
    "recipe",
    "cache_dir",
    "dataset",
    "bundle_backbones",
    "use_corrections",
    "drop_label_errors",
    "do_train",
}
FREE_BEGINNINGS = ("push_to_hub", "hub_", "logging_", "log_", "report_to", "run_name", "eval_batch", "dataloader_")


class Job:
    """What an interrupted job leaves in its output folder, under `checkpoints/`.

    Args:
        folder: The output folder, absolute.
        resume: Go on with what is there, if it is of the same job.
        main: Whether this process writes (rank 0).
    """

    def __init__(self, folder: Path, resume: bool, main: bool):
        self.folder = folder
        self.scratch = folder / "checkpoints"
        self.resume = resume
        self.main = main

    def run_folder(self, seed: int) -> Path:
        """Where one seed's weights are."""
        return self.scratch / str(seed)

    def finish(self, model: nn.Module, seed: int) -> None:
        """Keep a trained run, for a job that is interrupted in a later one; its epochs are not needed any more."""
        if not self.main:
            return
        aside, place = self.run_folder(seed) / "unfinished", self.run_folder(seed) / "finished"
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(place, ignore_errors=True)
        with room(self.folder, KEPT):
            aside.mkdir(parents=True)
            state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
            save_file(state, aside / WEIGHTS)
            seal(aside)
            put(aside, place)
        for checkpoint in self.run_folder(seed).glob("checkpoint-*"):
            shutil.rmtree(checkpoint, ignore_errors=True)

    def take_finished(self, model: nn.Module, seed: int) -> bool:
        """Give a model the weights of a run that was finished before the job was interrupted, if there is one."""
        place = self.run_folder(seed) / "finished"
        if not self.resume or not place.exists():
            return False
        wrong = broken_seal(place)
        if wrong is not None:
            logger.warning(f"  {place} is not used: {wrong}.")
            return False
        model.load_state_dict(load_file(place / WEIGHTS))
        logger.info("  trained before the interruption")
        return True

    @contextmanager
    def result(self) -> Iterator[Path]:
        """A folder to write the model in; what it holds is moved to the output folder at the end.

        `config.json`, without which a folder is no model, leaves first and arrives last: there is no moment at which a
        mixture of two models could be loaded.
        """
        aside = self.scratch / "result" / self.folder.name  # the card says the folder's name
        shutil.rmtree(aside, ignore_errors=True)
        with room(self.folder, KEPT):
            aside.mkdir(parents=True)
            yield aside
            files = [file for file in aside.rglob("*") if file.is_file()]
            for file in files:
                sync(file)
        (self.folder / "config.json").unlink(missing_ok=True)
        for old in ("backbones", "figures"):
            shutil.rmtree(self.folder / old, ignore_errors=True)
        for entry in sorted(aside.iterdir(), key=lambda entry: entry.name == "config.json"):
            os.replace(entry, self.folder / entry.name)
        sync(self.folder)
        shutil.rmtree(self.scratch, ignore_errors=True)


def check_output_dir(folder: Path) -> None:
    """Refuse a folder that holds anything but a model or a job of ours, as parts of it would be cleared away.

    Raises:
        ValueError: names one of the files.
        PermissionError: its config.json may not be read.
    """
    check_readable(folder / "config.json")
    if (folder / "checkpoints" / "job.json").exists() or not folder.exists():
        return
    try:
        model = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError):
        model = None
    if model == FusionConfig.model_type:
        logger.info(f"The model in {folder} will be replaced by the one that is trained now.")
        return
    lock = folder / "checkpoints" / "lock"  # all that a job leaves that was stopped as it began
    foreign = next((file for file in folder.rglob("*") if file != lock and not file.is_dir()), None)
    if foreign is not None:
        raise ValueError(
            f"The folder {folder} holds files that are not of a model trained here, such as "
            f"'{foreign.relative_to(folder)}', and training would replace some of them. Give another --output_dir."
        )


@contextmanager
def open_job(arguments: Arguments, data: DatasetDict, labels: dict[str, np.ndarray]) -> Iterator[Job]:
    """Lock the output folder and find out what an interrupted job left there.

    Args:
        arguments: All arguments, backbones pinned.
        data: The texts.
        labels: Of each split.

    Yields:
        The job; nobody else writes in its folder meanwhile.

    Raises:
        ValueError: another process trains into this folder, or `--resume` is given with other arguments or data than
            the interrupted job had.
    """
    options = arguments.training
    job = Job(Path(str(options.output_dir)).resolve(), options.resume, options.process_index == 0)
    described = json.loads(json.dumps(_describe(arguments, data, labels), default=str))
    if job.main:
        with room(job.folder, "Nothing was begun."):
            job.scratch.mkdir(parents=True, exist_ok=True)
            with try_lock(job.scratch / "lock") as held:
                if not held:
                    raise ValueError(
                        f"Another process is training into {options.output_dir}: wait for it, or give another "
                        "--output_dir."
                    )
                _prepare(job, described)
                yield job
    else:
        yield job


def _prepare(job: Job, described: dict[str, Any]) -> None:
    """Check that what is there is of this job, or clear it away."""
    file = job.scratch / "job.json"
    if job.resume and file.exists():
        try:
            before = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            before = {}
        differing = [key for key in described if before.get(key) != described[key]]
        if differing:
            shown = ", ".join(f"{key} was {before.get(key)!r}, now {described[key]!r}" for key in differing[:3])
            raise ValueError(
                f"The interrupted training in {job.scratch} is another one: {shown}. Give it the arguments and data "
                "that it had, or leave --resume out to start anew."
            )
        return
    if job.resume:
        logger.info(f"There is no interrupted training in {job.folder}: starting from the beginning.")
    elif file.exists():
        logger.info(f"The interrupted training in {job.scratch} is started anew (with --resume it would have gone on).")
    for entry in job.scratch.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
    write_json(file, described)


def _describe(arguments: Arguments, data: DatasetDict, labels: dict[str, np.ndarray]) -> dict[str, Any]:
    """Everything that decides what the runs become; no token is in it."""
    options = arguments.training.to_dict() | vars(arguments.head)
    described = {
        name: value for name, value in options.items() if name not in FREE and not name.startswith(FREE_BEGINNINGS)
    }
    content = xxhash.xxh3_128()
    for name in sorted(data):
        for text in texts_of(data[name]):
            parts = (text,) if isinstance(text, str) else text
            content.update(b"\1".join(part.encode("utf-8", "replace") for part in parts) + b"\0")
        content.update(np.ascontiguousarray(labels[name]).tobytes())
    return described | {
        "backbones": [backbone.to_dict() for backbone in arguments.backbones],
        "finetune blocks": {name: asdict(block) for name, block in arguments.finetune.items()},
        "texts and labels": content.hexdigest(),
        "processes": arguments.training.world_size,
        "versions": f"torch {torch.__version__}, transformers {transformers.__version__}",
    }


__all__ = ["Job", "check_output_dir", "open_job"]
