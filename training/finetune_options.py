"""How a backbone is fine-tuned: the `finetune` block under a backbone of a recipe, as a typed, frozen class."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import yaml
from transformers import SchedulerType

from common.errors import nearest

from .losses import LossSettings

# Field -> its range, both ends included.
RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1e-3, 10_000),
    "learning_rate": (0, 10),
    "head_learning_rate": (0, 10),
    "batch_size": (1, 2**20),
    "gradient_accumulation_steps": (1, 2**20),
    "top_layers": (0, 1024),
    "lora_rank": (1, 1024),
    "seed": (0, 2**32 - 1),
    "warmup": (0, 1),
    "weight_decay": (0, 10),
    "class_balanced_beta": (0, 0.9999999999),
}
WHOLE = ("batch_size", "gradient_accumulation_steps", "top_layers", "lora_rank", "seed")


@dataclass(frozen=True, kw_only=True)
class Finetune:
    """Everything that a recipe says of a backbone's fine-tuning; `fingerprint` is what a result is found again by.

    Args:
        epochs: Passes over the training split; the one that is best on validation is kept.
        learning_rate: Of AdamW, at its highest.
        head_learning_rate: Of the classification layer, which begins at random; None takes `learning_rate`.
        batch_size: Texts of a step on one device.
        gradient_accumulation_steps: Batches that make a step.
        freeze_embeddings: Leave the token embeddings as they are.
        top_layers: Train the last so many layers (and the classification layer) alone; None trains all.
        lora_rank: Train adapters of this rank in place of the weights (LoRA, through peft); None trains the weights.
        seed: Fine-tune once with this seed for all runs; None takes each run's own.
        lr_scheduler_type: Name of a schedule of transformers.
        warmup: Share of the steps in which the learning rate rises.
        weight_decay: Of AdamW.
        loss: A name of `training.losses.LOSSES`; None is the loss that the heads are trained with.
        loss_options: The loss's own, name -> number.
        class_balanced_beta: Class-balanced weights with this beta; 0 is off.

    Raises:
        ValueError: a value is of the wrong kind or out of its range, or a loss's option is given without the loss.
    """

    epochs: float = 3.0
    learning_rate: float = 2e-5
    head_learning_rate: float | None = None
    batch_size: int = 16
    gradient_accumulation_steps: int = 1
    freeze_embeddings: bool = False
    top_layers: int | None = None
    lora_rank: int | None = None
    seed: int | None = None
    lr_scheduler_type: str = "linear"
    warmup: float = 0.06
    weight_decay: float = 0.01
    loss: str | None = None
    loss_options: Mapping[str, float] | None = None
    class_balanced_beta: float | None = None

    def __post_init__(self):
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is None and self._default(name) is None:
                continue
            kind = int if name in WHOLE else (int, float)
            if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
                whole = "a whole number" if name in WHOLE else "a number"
                self._refuse(name, f"{whole} from {low:g} to {high:g}")
        if not isinstance(self.freeze_embeddings, bool):
            self._refuse("freeze_embeddings", "true or false")
        schedules = [one.value for one in SchedulerType]
        if self.lr_scheduler_type not in schedules:
            self._refuse("lr_scheduler_type", f"one of {schedules}")
        options = self.loss_options
        if options is not None and not (
            isinstance(options, dict) and all(type(value) in (int, float) for value in options.values())
        ):
            self._refuse("loss_options", "name: number, such as {gamma: 2}")
        if self.loss is None and (options is not None or self.class_balanced_beta is not None):
            self._refuse("loss", "a loss where loss_options or class_balanced_beta are given")

    @classmethod
    def _default(cls, name: str) -> Any:
        return next(one.default for one in fields(cls) if one.name == name)

    def _refuse(self, name: str, expected: str) -> None:
        raise ValueError(f"finetune: {name} is {getattr(self, name)!r}: expected {expected}.")

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Finetune":
        """Read a recipe's block.

        Raises:
            ValueError: a key is unknown, or a value is of the wrong kind or out of its range.
        """
        known = {one.name for one in fields(cls)}
        for key in content:
            if key not in known:
                raise ValueError(f"finetune has the unknown key '{key}'.{nearest(key, known)}")
        # YAML reads 1e-4 as a string.
        numbers = {key: float(value) for key, value in content.items() if key in RANGES and _is_number(value)}
        return cls(**{**content, **numbers})

    def settings(self, of_heads: LossSettings) -> LossSettings:
        """Which loss it is fine-tuned with.

        Args:
            of_heads: The heads' loss, which is taken if the block names none.
        """
        if self.loss is None:
            return of_heads
        return LossSettings(self.loss, self.loss_options or {}, self.class_balanced_beta or 0.0)

    def fingerprint(self, **circumstances: Any) -> str:
        """A hash of all fields and of what they are applied to: a trial must not pass for the real run.

        Args:
            circumstances: What else decides the result; anything that JSON can hold.
        """
        described = {"finetune": asdict(self), **circumstances}
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _is_number(value: Any) -> bool:
    """Whether a string says a number."""
    try:
        return isinstance(value, str) and float(value) == float(value)
    except ValueError:
        return False


def read_blocks(blocks: dict[str, dict], overrides: list[str]) -> dict[str, Finetune]:
    """A recipe's `finetune` blocks, changed by the command line.

    Args:
        blocks: Of each backbone's name.
        overrides: `NAME.KEY=VALUE`, or `KEY=VALUE` for all of them.

    Raises:
        ValueError: a block or an override is not understood; the message names the backbone.
    """
    changed = {name: dict(block) for name, block in blocks.items()}
    for override in overrides:
        path, _, value = override.partition("=")
        name, _, key = path.rpartition(".")
        if not key or not value or (name or next(iter(blocks), None)) not in blocks:
            raise ValueError(
                f"--finetune {override}: expected NAME.KEY=VALUE or KEY=VALUE, with a NAME of the backbones that the "
                f"recipe fine-tunes {sorted(blocks)}."
            )
        for block in [changed[name]] if name else changed.values():
            block[key] = yaml.safe_load(value)
    read = {}
    for name, block in changed.items():
        try:
            read[name] = Finetune.from_dict(block)
        except ValueError as error:
            raise ValueError(f"Backbone '{name}': {error}") from None
    return read
