"""The Trainer that heads and fine-tuned backbones are trained with, what it is watched by, and its arguments."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy.special import expit
from torch import nn
from transformers import PrinterCallback, Trainer

from fusion_model.batches import resolve_dtype

from .arguments import WATCHED, RecipeArguments
from .evaluation import metric
from .losses import Loss
from .thresholds import fit_averaged
from .watch import EpochLines, LossWatch, make_callbacks

# Where the Trainer's tensorboard callback looks first.
TENSORBOARD_FOLDER = "TENSORBOARD_LOGGING_DIR"


class ClassifierTrainer(Trainer):
    """Trainer of a model whose `forward` computes the loss by its `loss_function`; it stops when that diverges.

    Args:
        loss: Becomes the model's `loss_function`.
        advice: What to change if the loss diverges: a sentence.
    """

    def __init__(self, *args, loss: Loss, advice: str, **kwargs):
        super().__init__(*args, **kwargs)
        for callback in make_callbacks(getattr(self.args, "callbacks", [])):
            self.add_callback(callback)
        cast(Any, self.model).loss_function = loss
        self.loss_watch = LossWatch(advice)
        self.remove_callback(PrinterCallback)
        self.add_callback(EpochLines(str(self.args.metric_for_best_model)))

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """In training the sum over the ensemble: AdamW then updates each head as if it were alone."""
        outputs = model(**inputs)
        loss = outputs.loss
        if model.training:
            self.loss_watch.see(float(loss.detach()))
            if outputs.member_logits is not None:
                loss = loss * len(outputs.member_logits)
        return (loss, {"logits": outputs.logits}) if return_outputs else loss

    def floating_point_ops(self, inputs):
        """Six operations a parameter and example; the Trainer's own count wants token ids."""
        return 6 * len(inputs["labels"]) * sum(p.numel() for p in cast(nn.Module, self.model).parameters())

    def unwrap(self) -> None:
        """Leave the model as it will be saved: the accelerator would have it compute in the training's precision."""
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)


class FinetuneTrainer(ClassifierTrainer):
    """Trainer of a backbone and its classification layer.

    Args:
        head_learning_rate: Of the parameters under `head`; None takes that of the others.
    """

    def __init__(self, *args, head_learning_rate: float | None, **kwargs):
        super().__init__(*args, **kwargs)
        self.head_learning_rate = head_learning_rate

    def create_optimizer(self, model=None) -> torch.optim.Optimizer:
        """The Trainer's own optimizer, with groups of their own for the classification layer."""
        optimizer = super().create_optimizer(model)
        if self.head_learning_rate is not None:
            head = set(cast(Any, self.model).head.parameters())
            for group in list(optimizer.param_groups):
                apart = [p for p in group["params"] if p in head]
                group["params"] = [p for p in group["params"] if p not in head]
                optimizer.add_param_group({**group, "params": apart, "lr": self.head_learning_rate})
        return optimizer


@contextmanager
def tensorboard_folder(folder: Path) -> Iterator[None]:
    """Have tensorboard's files in `folder`, as checkpoints go at a job's end; a folder that the user named stays."""
    own = TENSORBOARD_FOLDER not in os.environ
    if own:
        os.environ[TENSORBOARD_FOLDER] = str(folder)
    try:
        yield
    finally:
        if own:
            os.environ.pop(TENSORBOARD_FOLDER, None)


def quick_score(logits: np.ndarray, labels: np.ndarray, num_labels: int) -> dict[str, float]:
    """What training is watched by, several labels by fitted thresholds: `WATCHED` but the loss."""
    if labels.ndim == 2:
        probabilities = expit(logits.astype(np.float64))
        predicted = probabilities >= fit_averaged(probabilities, labels)
    else:
        predicted = logits.argmax(axis=1)
    result = metric(labels.ndim == 2).compute(
        predictions=predicted.astype(np.int32),
        references=labels.astype(np.int32),
        label_names=[str(i) for i in range(num_labels)],
    )
    if result is None:
        return {}  # on every rank but the first
    return {name: result[name] for name in WATCHED if name in result}


def trainer_arguments(options: RecipeArguments, metric_for_best_model: str = "loss", **changes: Any) -> RecipeArguments:
    """A training's own arguments: bfloat16 where the processor is made for it, no push to the Hub."""
    device = torch.device("cpu") if options.use_cpu or not torch.cuda.is_available() else torch.device("cuda")
    fast = resolve_dtype("auto", device) == torch.bfloat16
    return replace(
        options,
        use_cpu=device.type == "cpu",
        bf16=fast and not options.fp16 if options.bf16 is None else options.bf16,
        # The command line's metric may have been another one, with another sense.
        metric_for_best_model=metric_for_best_model,
        greater_is_better=metric_for_best_model != "loss",
        label_smoothing_factor=0.0,  # the loss does it
        push_to_hub=False,  # done once, by hub_config, when the folder is complete
        hub_token=None,  # the Trainer writes its arguments into each checkpoint
        disable_tqdm=True,
        label_names=["labels"],
        **changes,
    )
