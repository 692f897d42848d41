"""Trains the head with the HF Trainer on ready features."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy.special import expit
from torch import nn
from transformers import EarlyStoppingCallback, PrinterCallback, set_seed

from fusion_model import FusionConfig, FusionForSequenceClassification
from fusion_model.backbones import Backbone
from fusion_model.encoder import resolve_dtype
from fusion_model.head import FusionHead, Standardise
from fusion_model.tfidf import TfidfBranch

from .arguments import WATCHED, Arguments, RecipeArguments
from .checkpoints import ResumableTrainer
from .dropout import use_byte_dropout
from .evaluation import metric
from .feed import FeatureColumn, FeatureDataset, ready_batch
from .losses import LOSSES, class_balanced_weights
from .thresholds import fit_softened
from .watch import EpochLines, LossWatch


def build_config(
    arguments: Arguments, backbones: list[Backbone], label_names: list[str], multi_label: bool
) -> FusionConfig:
    """The model's configuration: the recipe's head over pinned backbones, without thresholds yet."""
    head = {name: value for name, value in vars(arguments.head).items()}
    return FusionConfig(
        backbones=copy.deepcopy(backbones),
        **head,
        lexical_weight=arguments.training.lexical_weight,
        tuned_weight=arguments.training.tuned_weight,
        problem_type="multi_label_classification" if multi_label else "single_label_classification",
        id2label=dict(enumerate(label_names)),
        label2id={name: index for index, name in enumerate(label_names)},
    )


def build_model(
    config: FusionConfig,
    columns: dict[str, FeatureColumn],
    lexical: TfidfBranch | None,
    tuned_heads: dict[str, dict[str, torch.Tensor]],
    prior: torch.Tensor,
) -> FusionForSequenceClassification:
    """A model with fresh heads, the training set's moments and a fitted lexical channel.

    Args:
        config: From `build_config`.
        columns: Training features of each backbone.
        lexical: A fitted channel, or None.
        tuned_heads: Weights of each tuned backbone's classification layer.
        prior: What the logits of a model are that has seen no text, `(num_labels,)`, see `log_prior`.
    """
    config = copy.deepcopy(config)
    if lexical is not None:
        config.lexical_terms, config.lexical_bytes = len(lexical.idf), len(lexical.vocabulary)
    model = FusionForSequenceClassification(config)
    use_byte_dropout(model)
    if model.lexical is not None and lexical is not None:
        model.lexical.load_state_dict(lexical.state_dict())
    for name, weights in tuned_heads.items():
        model.tuned_heads[name].load_state_dict(weights)
    model.tuned_heads.requires_grad_(False)
    for head in model.heads:
        linear = cast(FusionHead, head).linear_skip
        if linear is not None:
            # Starts as what is known before any text is read: each label's share of the training set.
            linear.weight.data.zero_()
            linear.bias.data.copy_(prior)
    for name, module in model.standardise.items():
        layer = cast(Standardise, module)
        mean, deviation = columns[name].moments()
        layer.mean.copy_(torch.from_numpy(mean))
        # A constant feature tells nothing, and dividing by its deviation would blow up what is not constant later.
        layer.scale.copy_(torch.from_numpy(np.where(deviation > 1e-3, 1 / np.maximum(deviation, 1e-3), 0.0)))
    return model


def log_prior(labels: np.ndarray, num_labels: int) -> torch.Tensor:
    """Log-odds (0/1 labels) or log-shares (class ids) of the labels in the training set, `(num_labels,)`."""
    if labels.ndim == 2:
        return torch.from_numpy(labels.mean(axis=0)).double().clamp(1e-5, 1 - 1e-5).logit().float()
    share = np.bincount(labels, minlength=num_labels) / len(labels)
    return torch.from_numpy(share).clamp_min(1e-5).log().float()


class HeadTrainer(ResumableTrainer):
    """Trainer whose loss is one of `training.losses`, averaged over the model's members; it stops when that diverges.

    Args:
        loss: Name of a loss.
        loss_weight: A factor for each label `(num_labels,)`, or None.
        label_smoothing: For cross-entropy.
        advice: What to change if the loss diverges.
    """

    def __init__(
        self, *args, loss: str, loss_weight: torch.Tensor | None, label_smoothing: float, advice: str, **kwargs
    ):
        super().__init__(*args, **kwargs)
        self.loss_function = LOSSES[loss]
        self.loss_options = {"label_smoothing": label_smoothing} if loss == "cross_entropy" else {}
        self.loss_weight = loss_weight
        self.watch = LossWatch(advice)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Sum of the members' losses: AdamW then updates each as if it were alone."""
        labels = inputs["labels"]
        outputs = model(**{key: value for key, value in inputs.items() if key != "labels"})
        members = outputs.member_logits if outputs.member_logits is not None else outputs.logits[None]
        weight = None if self.loss_weight is None else self.loss_weight.to(labels.device)
        losses = [self.loss_function(m.float(), labels, weight=weight, **self.loss_options) for m in members]
        loss = torch.stack(losses).sum() if model.training else torch.stack(losses).mean()
        if model.training:
            self.watch.see(float(loss.detach()) / len(losses))
        return (loss, {"logits": outputs.logits}) if return_outputs else loss

    def floating_point_ops(self, inputs):
        """Six operations a parameter and example; the Trainer's own count wants token ids."""
        return 6 * len(inputs["labels"]) * sum(p.numel() for p in cast(nn.Module, self.model).parameters())


def quick_score(logits: np.ndarray, labels: np.ndarray, num_labels: int) -> dict[str, float]:
    """What training is watched by, with softened thresholds where several labels may apply: `WATCHED` but the loss."""
    if labels.ndim == 2:
        probabilities = expit(logits.astype(np.float64))
        decided = probabilities >= fit_softened(probabilities, labels)
    else:
        decided = logits.argmax(axis=1)
    result = metric(labels.ndim == 2).compute(
        predictions=decided.astype(np.int32),
        references=labels.astype(np.int32),
        label_names=[str(i) for i in range(num_labels)],
    )
    if result is None:
        return {}  # on every rank but the first
    return {name: result[name] for name in WATCHED if name in result}


def train_head(
    model: FusionForSequenceClassification,
    train: FeatureDataset,
    validation: FeatureDataset,
    arguments: Arguments,
    seed: int,
    folder: Path,
) -> FusionForSequenceClassification:
    """Train one run and keep its best epoch on validation.

    Args:
        model: From `build_model`; it is trained in place.
        train: Training features and labels.
        validation: Validation features and labels.
        arguments: All arguments.
        seed: Of initialisation (done by the caller), order and dropout.
        folder: Where checkpoints go.

    Returns:
        The model with the weights of the best epoch.

    Raises:
        FloatingPointError: the loss diverges; the message says what to change.
        ValueError: label smoothing was asked for with a loss that has none.
    """
    options = arguments.training
    multi_label = model.config.problem_type == "multi_label_classification"
    weight = None
    if options.class_balanced_beta:
        counts = train.labels.sum(axis=0) if multi_label else np.bincount(train.labels, minlength=model.num_labels)
        weight = class_balanced_weights(torch.from_numpy(np.asarray(counts)), options.class_balanced_beta)
    loss = options.loss or ("bce" if multi_label else "cross_entropy")
    if options.label_smoothing_factor and loss != "cross_entropy":
        raise ValueError(f"--label_smoothing_factor belongs to the loss cross_entropy, but the loss is {loss}.")
    best_by = options.metric_for_best_model or "loss"
    if best_by == "auto":
        best_by = "macro_f1" if multi_label else "accuracy"
    steps_an_epoch = -(-len(train) // (options.per_device_train_batch_size * options.gradient_accumulation_steps))
    run_options = trainer_arguments(
        options,
        output_dir=str(folder),
        seed=seed,
        metric_for_best_model=best_by,
        num_train_epochs=max(options.num_train_epochs, -(-options.min_steps // steps_an_epoch)),
    )
    watched = run_options.eval_strategy != "no"
    trainer = HeadTrainer(
        model=model,
        args=run_options,
        train_dataset=train,
        eval_dataset=validation,
        data_collator=ready_batch,
        compute_metrics=lambda p: quick_score(p.predictions, p.label_ids, model.num_labels),
        callbacks=[EarlyStoppingCallback(options.early_stopping_patience)] if watched else [],
        loss=loss,
        loss_weight=weight,
        label_smoothing=options.label_smoothing_factor,
        advice=f"Lower --learning_rate ({options.learning_rate:g}), or set --standardise true.",
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(EpochLines(best_by))
    trainer.train_or_resume(options.resume)
    return model


def trainer_arguments(options: RecipeArguments, metric_for_best_model: str = "loss", **changes: Any) -> RecipeArguments:
    """The run's own arguments: bfloat16 where the processor is made for it, and nothing that writes elsewhere."""
    device = torch.device("cpu") if options.use_cpu or not torch.cuda.is_available() else torch.device("cuda")
    fast = resolve_dtype("auto", device) == torch.bfloat16
    return replace(
        options,
        use_cpu=device.type == "cpu",
        bf16=fast and not options.fp16 if options.bf16 is None else options.bf16,
        # The command line's metric may have been another one, with another sense.
        metric_for_best_model=metric_for_best_model,
        greater_is_better=metric_for_best_model != "loss",
        label_smoothing_factor=0.0,  # HeadTrainer's loss does it
        push_to_hub=False,  # done once, by hub_config, when the folder is complete
        report_to=[],
        disable_tqdm=True,
        label_names=["labels"],
        **changes,
    )


def predict_logits(model: FusionForSequenceClassification, data: FeatureDataset, batch_size: int) -> np.ndarray:
    """Logits of ready features, float32 `(rows, num_labels)`, before any temperature that is set later."""
    model.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(data), batch_size):
            batch = data.__getitems__(list(range(start, min(start + batch_size, len(data)))))
            features = {name: x.to(model.device) for name, x in batch["features"].items()}
            lexical = batch.get("lexical_logits")
            output = model(features, lexical_logits=None if lexical is None else lexical.to(model.device))
            parts.append(output.logits.float().cpu().numpy())
    return np.concatenate(parts)


def seeded_model(seed: int, *args) -> FusionForSequenceClassification:
    """`build_model` with its initialisation drawn from `seed`."""
    set_seed(seed)
    return build_model(*args)
