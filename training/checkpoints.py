"""Checkpoints that are whole or not there, hold no pickle, and from which training goes on as if never interrupted."""

import json
import logging
import random
import shutil
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import Trainer
from transformers.trainer import TRAINER_STATE_NAME, TRAINING_ARGS_NAME

from common.atomic import broken_seal, room, seal

logger = logging.getLogger(__name__)

# The last, and the one before it in case the last is damaged.
KEPT = 2
OPTIMIZER_TENSORS = "optimizer.safetensors"
OPTIMIZER_REST = "optimizer.json"
WEIGHTS = "model.safetensors"


class ResumableTrainer(Trainer):
    """Trainer whose checkpoints are sealed with checksums and written as safetensors and JSON.

    The Trainer's own optimizer and random states are pickles, read by torch's restricted unpickler; here no pickle is
    read at all, and none is left in a checkpoint.
    """

    def train_or_resume(self, resume: bool) -> float:
        """Train, from the last whole checkpoint of `output_dir` if asked; the best epoch's weights are in the model.

        Args:
            resume: Go on where an earlier process stopped.

        Returns:
            Mean training loss of the steps that this call did, 0 if none was left to do.

        Raises:
            DiskFullError: a checkpoint could not be written; those before it are kept.
        """
        folder = Path(str(self.args.output_dir))
        last = last_whole(folder) if resume else None
        # Whoever comes second must find what the first found.
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            for checkpoint in checkpoints(folder):
                if last is None or _step(checkpoint) > _step(last):
                    shutil.rmtree(checkpoint, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        if last is not None:
            state = _state(last)
            logger.info(f"  going on from epoch {state['epoch']:.0f}")
            if state["global_step"] >= state["max_steps"] or _was_stopped(state):
                best = state["best_model_checkpoint"] if self.args.load_best_model_at_end else None
                cast(nn.Module, self.model).load_state_dict(load_file(Path(best or last) / WEIGHTS))
                return 0.0
            self.args.restore_callback_states_from_checkpoint = True
        loss = self.train(resume_from_checkpoint=None if last is None else str(last)).training_loss
        # The accelerator leaves the model computing in the training's precision; figures are to be those of the model
        # as it is saved, whether it was trained just now or before an interruption.
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        return loss

    def _save_checkpoint(self, model, trial):
        """Write, sync, seal; then delete what is no longer needed."""
        folder = Path(str(self.args.output_dir))
        checkpoint = folder / f"checkpoint-{self.state.global_step}"
        kept = "The checkpoints before it are kept: free some space and run the same command again with --resume."
        self.args.save_total_limit, limit = None, self.args.save_total_limit
        try:
            with room(folder, kept):
                try:
                    super()._save_checkpoint(model, trial)
                    self.accelerator.wait_for_everyone()
                    if self.args.should_save:
                        (checkpoint / TRAINING_ARGS_NAME).unlink(missing_ok=True)
                        seal(checkpoint)
                except BaseException:
                    shutil.rmtree(checkpoint, ignore_errors=True)
                    raise
        finally:
            self.args.save_total_limit = limit
        if self.args.should_save and limit is not None:
            _delete_all_but(folder, max(limit, KEPT))
        self.accelerator.wait_for_everyone()

    def _load_best_model(self):
        """The best epoch's weights, if they are what was written."""
        best = Path(str(self.state.best_model_checkpoint))
        wrong = broken_seal(best)
        if wrong is not None:
            raise OSError(f"The best epoch's checkpoint {best} is damaged: {wrong}. Train again without --resume.")
        super()._load_best_model()

    def _save_optimizer_and_scheduler(self, output_dir):
        """Tensors as safetensors, everything else as JSON."""
        if not self.args.should_save:
            return
        state = cast(torch.optim.Optimizer, self.optimizer).state_dict()
        tensors, rest = {}, {}
        for number, values in state["state"].items():
            for name, value in values.items():
                if isinstance(value, torch.Tensor):
                    tensors[f"{number}.{name}"] = value.detach().cpu().contiguous()
                else:
                    rest[f"{number}.{name}"] = value
        save_file(tensors, Path(output_dir) / OPTIMIZER_TENSORS)
        scaler = self.accelerator.scaler
        content = {
            "param_groups": state["param_groups"],
            "rest": rest,
            "scheduler": cast(Any, self.lr_scheduler).state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
        }
        try:
            text = json.dumps(content)
        except TypeError as error:
            raise ValueError(
                f"The state of the optimizer {self.args.optim} or the schedule {self.args.lr_scheduler_type} cannot be "
                f"written without pickle ({error}): choose another --optim, for instance adamw_torch."
            ) from None
        (Path(output_dir) / OPTIMIZER_REST).write_text(text, encoding="utf-8")

    def _load_optimizer_and_scheduler(self, checkpoint):
        """What `_save_optimizer_and_scheduler` wrote."""
        if checkpoint is None:
            return
        content = json.loads((Path(checkpoint) / OPTIMIZER_REST).read_text(encoding="utf-8"))
        state: dict[int, dict[str, Any]] = {}
        for key, value in {**load_file(Path(checkpoint) / OPTIMIZER_TENSORS), **content["rest"]}.items():
            number, _, name = key.partition(".")
            state.setdefault(int(number), {})[name] = value
        for group in content["param_groups"]:
            group |= {name: tuple(value) for name, value in group.items() if name == "betas"}
        cast(torch.optim.Optimizer, self.optimizer).load_state_dict(
            {"state": state, "param_groups": content["param_groups"]}
        )
        cast(Any, self.lr_scheduler).load_state_dict(content["scheduler"])
        if content["scaler"] is not None and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(content["scaler"])

    def _save_scaler(self, output_dir):
        """It is in the optimizer's JSON."""

    def _load_scaler(self, checkpoint):
        """It is in the optimizer's JSON."""

    def _save_rng_state(self, output_dir):
        """Random states of Python, NumPy and torch, of each process in a file of its own."""
        name, keys, *rest = cast(tuple, np.random.get_state())
        content = {
            "python": random.getstate(),
            "numpy": [name, keys.tolist(), *rest],
            "cpu": torch.random.get_rng_state().tolist(),
            "cuda": [state.tolist() for state in torch.cuda.get_rng_state_all()] if torch.cuda.is_available() else [],
        }
        Path(output_dir).mkdir(exist_ok=True)
        (Path(output_dir) / self._rng_file).write_text(json.dumps(content), encoding="utf-8")

    def _load_rng_state(self, checkpoint):
        """What `_save_rng_state` wrote."""
        if checkpoint is None:
            return
        content = json.loads((Path(checkpoint) / self._rng_file).read_text(encoding="utf-8"))
        version, numbers, gauss = content["python"]
        random.setstate((version, tuple(numbers), gauss))
        name, keys, *rest = content["numpy"]
        np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
        torch.random.set_rng_state(torch.tensor(content["cpu"], dtype=torch.uint8))
        if content["cuda"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all([torch.tensor(state, dtype=torch.uint8) for state in content["cuda"]])

    @property
    def _rng_file(self) -> str:
        return f"random-{self.args.process_index}.json"


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a run, whole or not, last first."""
    return sorted(folder.glob("checkpoint-*"), key=_step, reverse=True)


def _delete_all_but(folder: Path, number: int) -> None:
    """Keep the last checkpoints, and for each the best epoch's as it was then, without which it is of no use."""
    kept = checkpoints(folder)[:number]
    best = {_state(checkpoint)["best_model_checkpoint"] for checkpoint in kept}
    for checkpoint in checkpoints(folder):
        if checkpoint not in kept and str(checkpoint) not in best:
            shutil.rmtree(checkpoint, ignore_errors=True)


def last_whole(folder: Path) -> Path | None:
    """The last checkpoint that is what was written, with its best epoch's; those that are damaged are named."""
    for checkpoint in checkpoints(folder):
        wrong = broken_seal(checkpoint)
        if wrong is None:
            best = _state(checkpoint)["best_model_checkpoint"]
            if best is not None and Path(best) != checkpoint:
                inside = Path(best).parent == folder
                wrong = broken_seal(Path(best)) if inside else "it is not in this folder"
                wrong = wrong and f"of its best epoch, {best}, {wrong}"
        if wrong is None:
            return checkpoint
        logger.warning(f"  {checkpoint} is not used: {wrong}.")
    return None


def _state(checkpoint: Path) -> dict:
    """What the Trainer wrote of its progress."""
    return json.loads((checkpoint / TRAINER_STATE_NAME).read_text(encoding="utf-8"))


def _was_stopped(state: dict) -> bool:
    """Whether early stopping had ended training; the Trainer itself would forget and go on."""
    return bool(state["stateful_callbacks"]["TrainerControl"]["args"]["should_training_stop"])


def _step(checkpoint: Path) -> int:
    """The number in a checkpoint's name."""
    number = checkpoint.name.partition("-")[2]
    return int(number) if number.isdecimal() else -1


__all__ = ["ResumableTrainer", "checkpoints", "last_whole"]
