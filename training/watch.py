"""What is watched while the Trainer runs: a line an epoch, and a loss that diverges."""

import importlib
import logging
import time

from transformers import TrainerCallback
from transformers.integrations.integration_utils import (
    INTEGRATION_TO_CALLBACK,
    get_available_reporting_integrations,
)

from common.errors import nearest

logger = logging.getLogger(__name__)


def check_loggers(asked: str | list[str] | None) -> None:
    """Refuse loggers that are not there.

    Args:
        asked: Names of the Trainer's integrations, `none` or `all`.

    Raises:
        ValueError: names the logger, and how it is installed.
    """
    for name in [asked] if isinstance(asked, str) else asked or []:
        if name in ("none", "all"):
            continue
        if name not in INTEGRATION_TO_CALLBACK:
            raise ValueError(f"--report_to {name}: there is no such logger.{nearest(name, INTEGRATION_TO_CALLBACK)}")
        if name not in get_available_reporting_integrations():
            raise ValueError(f"--report_to {name}: the logger is not installed. Run `pip install {name}` first.")


def make_callbacks(names: list[str]) -> list[TrainerCallback]:
    """Callbacks of the user's own, from `package.module:Class`.

    Raises:
        ValueError: there is no such class, or it is no callback.
    """
    callbacks: list[TrainerCallback] = []
    for name in names:
        module, _, attribute = name.partition(":")
        try:
            kind = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(f"The callback '{name}' is not found ({error}): expected package.module:Class.") from None
        if not (isinstance(kind, type) and issubclass(kind, TrainerCallback)):
            raise ValueError(f"The callback '{name}' is no subclass of transformers.TrainerCallback.")
        callbacks.append(kind())
    return callbacks


class EpochLines(TrainerCallback):
    """One line an epoch in place of the Trainer's dicts and bars."""

    def __init__(self, metric_name: str):
        self.metric_name = metric_name
        self.loss = float("nan")
        self.started = 0.0

    def on_train_begin(self, args, state, control, **kwargs):
        """Start the clock."""
        self.started = time.perf_counter()

    def on_log(self, args, state, control, logs=None, **kwargs):
        """Remember the training loss."""
        self.loss = float((logs or {}).get("loss", self.loss))

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        """Say where training is."""
        metrics = metrics or {}
        shown = metrics.get(f"eval_{self.metric_name}")
        score = f", {self.metric_name} {float(shown):.4f}" if shown is not None else ""
        logger.info(
            f"  epoch {state.epoch:.0f} of {args.num_train_epochs:g}: training loss {self.loss:.4f}, "
            f"validation loss {metrics.get('eval_loss', float('nan')):.4f}{score}, "
            f"{time.perf_counter() - self.started:.0f} s"
        )


class LossWatch:
    """Stops a training whose loss is no number any more, or far above where it began.

    Args:
        advice: What to change: a sentence.
    """

    # Above ten times the first loss (and one more, as that may be next to nothing) no training here came back.
    FACTOR, ROOM, DECAY = 10.0, 1.0, 0.8

    def __init__(self, advice: str):
        self.advice = advice
        self.first: float | None = None
        self.mean = 0.0

    def see(self, loss: float) -> None:
        """Take the loss of one batch.

        Raises:
            FloatingPointError: training diverges; the message says what to change.
        """
        if self.first is None:
            self.first = self.mean = loss
        self.mean = self.DECAY * self.mean + (1 - self.DECAY) * loss
        if not self.mean <= self.FACTOR * self.first + self.ROOM:
            raise FloatingPointError(
                f"The training diverges: the loss began at {self.first:.3g} and is {loss:.3g} now. {self.advice}"
            )
