"""The Trainer's own checkpoints, each with checksums: one that is unfinished or damaged is not gone on from."""

import json
import logging
import shutil
from pathlib import Path

from transformers import Trainer, TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from common.atomic import broken_seal, seal

logger = logging.getLogger(__name__)


class SealCheckpoints(TrainerCallback):
    """Syncs each checkpoint and writes its checksums, once every process has written its part."""

    def __init__(self, trainer: Trainer):
        self.trainer = trainer

    def on_save(self, args, state, control, **kwargs):
        """The Trainer has just written a checkpoint."""
        self.trainer.accelerator.wait_for_everyone()
        if args.should_save:
            seal(Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}")
        self.trainer.accelerator.wait_for_everyone()


def train_or_resume(trainer: Trainer, resume: bool) -> None:
    """Train, from the last whole checkpoint of the Trainer's output_dir if asked.

    Args:
        trainer: With `SealCheckpoints` among its callbacks.
        resume: Go on where an earlier process stopped.
    """
    folder = Path(str(trainer.args.output_dir))
    last = last_whole(folder) if resume else None
    # Whoever comes second must find what the first found.
    trainer.accelerator.wait_for_everyone()
    if trainer.args.should_save:
        for checkpoint in checkpoints(folder):
            if last is None or _step(checkpoint) > _step(last):
                shutil.rmtree(checkpoint, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    if last is not None:
        logger.info(f"  going on from step {_step(last)}")
    trainer.train(resume_from_checkpoint=None if last is None else str(last))


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, whole or not, last first."""
    return sorted(folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*"), key=_step, reverse=True)


def last_whole(folder: Path) -> Path | None:
    """The last checkpoint that is what was written, with its best epoch's; those that are damaged are named."""
    for checkpoint in checkpoints(folder):
        wrong = broken_seal(checkpoint)
        if wrong is None:
            state = json.loads((checkpoint / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
            best = state["best_model_checkpoint"]
            if best is not None and Path(best) != checkpoint:
                inside = Path(best).parent == folder
                wrong = broken_seal(Path(best)) if inside else "it is not in this folder"
                wrong = wrong and f"of its best epoch, {best}, {wrong}"
        if wrong is None:
            return checkpoint
        logger.warning(f"  {checkpoint} is not used: {wrong}.")
    return None


def _step(checkpoint: Path) -> int:
    """The number in a checkpoint's name."""
    number = checkpoint.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else -1


__all__ = ["SealCheckpoints", "checkpoints", "last_whole", "train_or_resume"]
