"""Trains the head with the HF Trainer on pooled features."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import torch
from transformers import EarlyStoppingCallback, set_seed

from common.atomic import room
from fusion_model import FusionConfig, FusionForSequenceClassification
from fusion_model.backbones import Backbone
from fusion_model.head import FusionHead, Standardise
from fusion_model.tfidf import TfidfBranch

from .arguments import Arguments
from .dropout import use_byte_dropout
from .feed import FeatureColumn, FeatureDataset, ready_batch
from .job import KEPT
from .prior import Prior
from .trainer import ClassifierTrainer, quick_score, trainer_arguments
from .weights import HEADS, LEXICAL

# With fewer validation rows than these a count of right answers tells epochs apart by chance.
FEW_ROWS = 500


def build_config(
    arguments: Arguments, backbones: list[Backbone], label_names: list[str], multi_label: bool
) -> FusionConfig:
    """The model's config: the recipe's head over pinned backbones, without thresholds yet."""
    return FusionConfig(
        backbones=backbones,
        **copy.deepcopy(vars(arguments.head)),
        lexical_weight=arguments.training.lexical_weight,
        tuned_weight=arguments.training.tuned_weight,
        problem_type="multi_label_classification" if multi_label else "single_label_classification",
        id2label=dict(enumerate(label_names)),
        label2id={name: index for index, name in enumerate(label_names)},
    )


def build_model(
    config: FusionConfig,
    columns: dict[str, FeatureColumn],
    tfidf: TfidfBranch | None,
    tuned_heads: dict[str, dict[str, torch.Tensor]],
    prior: Prior,
) -> FusionForSequenceClassification:
    """A model with fresh heads, the training set's moments and a fitted TF-IDF branch.

    Args:
        config: From `build_config`.
        columns: Training features of each backbone.
        tfidf: A fitted branch, or None.
        tuned_heads: Weights of each fine-tuned backbone's classification layer.
        prior: What is known before any text is read.
    """
    config = copy.deepcopy(config)
    if tfidf is not None:
        config.lexical_terms, config.lexical_bytes = len(tfidf.idf), len(tfidf.vocabulary)
    model = FusionForSequenceClassification(config)
    use_byte_dropout(model)
    if model.lexical is not None and tfidf is not None:
        model.lexical.load_state_dict(tfidf.state_dict())
    for name, weights in tuned_heads.items():
        model.tuned_heads[name].load_state_dict(weights)
    model.tuned_heads.requires_grad_(False)
    deviations = {}
    for name, module in model.standardise.items():
        layer = cast(Standardise, module)
        mean, deviation = columns[name].moments()
        layer.mean.copy_(torch.from_numpy(mean))
        # A constant feature tells nothing, and dividing by its deviation would blow up what is not constant later.
        known = deviation > 1e-3
        layer.scale.copy_(torch.from_numpy(np.where(known, 1 / np.maximum(deviation, 1e-3), 0.0)))
        deviations[name] = torch.from_numpy(np.where(known, deviation, 0.0)).float()
    for head in model.heads:
        linear = cast(FusionHead, head).linear_skip
        if linear is not None:
            linear.weight.data.zero_()
            linear.bias.data.copy_(prior.bias)
            parts = linear.weight.data.split([one.width for one in config.frozen], dim=1)
            for backbone, part in zip(config.frozen, parts, strict=True):
                if backbone.name in prior.names:
                    part.copy_(prior.names[backbone.name] * deviations[backbone.name])
    return model


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
        folder: Where the best epoch's weights are kept meanwhile.

    Returns:
        The model with the weights of the best epoch.

    Raises:
        FloatingPointError: the loss diverges; the message says what to change.
        DiskFullError: there is no room for the best epoch's weights.
    """
    options = arguments.training
    best_by = options.metric_for_best_model or "loss"
    if best_by == "auto":
        best_by = "macro_f1" if train.labels.ndim == 2 else "accuracy"
        if len(validation) < FEW_ROWS:
            best_by = "loss"
    steps_an_epoch = -(-len(train) // (options.per_device_train_batch_size * options.gradient_accumulation_steps))
    run_options = trainer_arguments(
        options,
        output_dir=str(folder),
        seed=seed,
        metric_for_best_model=best_by,
        num_train_epochs=max(options.num_train_epochs, -(-options.min_steps // steps_an_epoch)),
        save_only_model=True,  # a head trains in a minute: what is kept of an interrupted job is finished seeds
    )
    watched = run_options.eval_strategy != "no"
    trainer = ClassifierTrainer(
        model=model,
        args=run_options,
        train_dataset=train,
        eval_dataset=validation,
        data_collator=ready_batch,
        compute_metrics=lambda p: quick_score(p.predictions, p.label_ids, model.num_labels),
        callbacks=[EarlyStoppingCallback(options.early_stopping_patience)] if watched else [],
        loss=options.loss_settings.make(train.labels, model.num_labels),
        advice=f"Lower --learning_rate ({options.learning_rate:g}), or set --standardise true.",
    )
    with room(folder, KEPT):
        trainer.train()
    trainer.unwrap()
    return model


@torch.inference_mode()
def predict_logits(model: FusionForSequenceClassification, data: FeatureDataset, batch_size: int) -> np.ndarray:
    """Logits of pooled features, float32 `(rows, num_labels)`, before any temperature that is set later."""
    logits = [
        model(features, lexical_logits=lexical).logits.float().cpu().numpy()
        for features, lexical in _batches(model, data, batch_size)
    ]
    return np.concatenate(logits)


@torch.inference_mode()
def predict_parts(
    model: FusionForSequenceClassification, data: FeatureDataset, batch_size: int
) -> dict[str, np.ndarray]:
    """What each part of a model says, before weights and temperature.

    Args:
        model: A trained model.
        data: Pooled features.
        batch_size: Rows at once.

    Returns:
        Float32 `(rows, num_labels)` for the heads' mean, each fine-tuned backbone and the TF-IDF branch, as far as the
        model has them, in this order.
    """
    found: dict[str, list[np.ndarray]] = {}
    for features, lexical in _batches(model, data, batch_size):
        heads, tuned = model.component_logits(features)
        parts = {HEADS: None if heads is None else heads.mean(dim=0), **tuned, LEXICAL: lexical}
        for name, logits in parts.items():
            if logits is not None:
                found.setdefault(name, []).append(logits.float().cpu().numpy())
    return {name: np.concatenate(logits) for name, logits in found.items()}


def _batches(
    model: FusionForSequenceClassification, data: FeatureDataset, batch_size: int
) -> Iterator[tuple[dict[str, torch.Tensor], torch.Tensor | None]]:
    """Features and TF-IDF logits in order, on the model's device, in evaluation mode."""
    model.eval()
    for start in range(0, len(data), batch_size):
        batch = data.__getitems__(list(range(start, min(start + batch_size, len(data)))))
        lexical = batch.get("lexical_logits")
        features = {name: x.to(model.device) for name, x in batch["features"].items()}
        yield features, None if lexical is None else lexical.to(model.device)


def seeded_model(seed: int, *args) -> FusionForSequenceClassification:
    """`build_model` with its initialisation drawn from `seed`."""
    set_seed(seed)
    return build_model(*args)
