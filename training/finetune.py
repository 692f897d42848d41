"""Fine-tunes a backbone end to end with a classification layer; the result is one more backbone of a fusion model."""

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import fields, replace
from pathlib import Path

import datasets
import numpy as np
import torch
from accelerate import PartialState
from datasets import DatasetDict
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    DataCollatorWithPadding,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    TrainingArguments,
    set_seed,
)

from common.atomic import broken_seal, put, room, seal, try_lock
from extraction.cache import cache_key
from extraction.features import WAIT_SECONDS
from fusion_model.backbones import Backbone
from fusion_model.encoder import BackboneEncoder
from fusion_model.head import FineTunedHead
from fusion_model.modeling_fusion import FusionOutput
from fusion_model.pooling import pool_slots

from .arguments import RecipeArguments
from .folder import HEAD_FILE
from .head import HeadTrainer, quick_score, trainer_arguments
from .job import FREE, FREE_BEGINNINGS
from .watch import EpochLines

logger = logging.getLogger(__name__)


class EndToEnd(nn.Module):
    """A backbone whose weights are trained, pooled as an encoder pools, and a classification layer.

    Args:
        model: A transformers model.
        backbone: What a recipe says of it, pinned.
        num_labels: Number of labels.
    """

    model: PreTrainedModel

    def __init__(self, model: PreTrainedModel, backbone: Backbone, num_labels: int):
        super().__init__()
        self.model = model
        self.backbone = backbone
        self.head = FineTunedHead(backbone.width, num_labels)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> FusionOutput:
        """Token ids and mask `(batch, tokens)` to logits `(batch, num_labels)`."""
        hidden_states = self.model(
            input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True
        ).hidden_states
        mask = attention_mask.bool()
        states = {layer: hidden_states[layer].float() for layer in self.backbone.layers}
        features = pool_slots(states, self.backbone.layers, self.backbone.pooling, mask, mask.sum(dim=1))
        return FusionOutput(logits=self.head(features))


def finetune(
    backbone: Backbone,
    data: DatasetDict,
    labels: dict[str, np.ndarray],
    num_labels: int,
    options: RecipeArguments,
    seed: int,
    cache_dir: Path,
) -> tuple[Backbone, dict[str, torch.Tensor]]:
    """Fine-tune a backbone on the training split; the epoch that is best on validation is kept.

    Args:
        backbone: A pinned backbone with `tuned` set.
        data: Splits with the column `text`.
        labels: For each split class ids `(rows,)` or 0/1 `(rows, num_labels)`.
        num_labels: Number of labels.
        options: Those that begin with `finetune_` are used, the loss, and what of the Trainer's they leave open.
        seed: Of the new layer, order and dropout.
        cache_dir: The tuned backbone is kept there and found again by everything that made it.

    Returns:
        The fine-tuned backbone (a local folder), and the weights of its classification layer.
    """
    folder = cache_dir / f"{backbone.name}-tuned-{_key(backbone, data, labels, num_labels, options, seed)[:24]}"
    tuned = backbone.replace(model_id=str(folder), revision=None)
    cache_dir.mkdir(parents=True, exist_ok=True)
    with _locked(folder, options.process_index == 0) as scratch:
        wrong = broken_seal(folder) if folder.exists() else None
        if wrong is not None:
            logger.warning(f"{folder} is not used: {wrong}. '{backbone.name}' is fine-tuned again.")
            shutil.rmtree(folder)
        if folder.exists():
            logger.info(f"'{backbone.name}' was fine-tuned before: read from {folder}")
            return tuned, load_file(folder / HEAD_FILE)
        if not options.resume:
            shutil.rmtree(scratch, ignore_errors=True)
        with room(cache_dir, "Checkpoints are kept: free some space and run the same command again with --resume."):
            model, tokenizer = _train(backbone, data, labels, num_labels, options, seed, scratch / "checkpoints")
            head = {name: value.detach().cpu().contiguous() for name, value in model.head.state_dict().items()}
            if options.process_index == 0:
                result = scratch / "model"
                shutil.rmtree(result, ignore_errors=True)
                model.model.save_pretrained(result)
                tokenizer.save_pretrained(result)
                save_file(head, result / HEAD_FILE)
                seal(result)
                put(result, folder)
                shutil.rmtree(scratch)
    return tuned, head


def _key(
    backbone: Backbone,
    data: DatasetDict,
    labels: dict[str, np.ndarray],
    num_labels: int,
    options: RecipeArguments,
    seed: int,
) -> str:
    """Everything that decides what the tuned backbone becomes, as a hash: a trial must not pass for the real run."""
    trainer = _trainer_arguments(options, labels["train"].ndim == 2, seed, Path())
    recipe = {
        f.name: getattr(trainer, f.name)
        for f in fields(TrainingArguments)
        if f.init and f.name not in FREE and not f.name.startswith(FREE_BEGINNINGS)
    } | {
        "loss": options.loss,
        "label_smoothing": options.label_smoothing_factor,
        "freeze_embeddings": options.finetune_freeze_embeddings,
        "labels": num_labels,
        "processes": options.world_size,
    }
    key = hashlib.sha256(json.dumps(recipe, sort_keys=True, default=str).encode())
    for name in ("train", "validation"):
        key.update(cache_key(data[name]["text"][:], backbone, torch.device("cpu")).encode() + labels[name].tobytes())
    return key.hexdigest()


@contextmanager
def _locked(folder: Path, main: bool) -> Iterator[Path]:
    """Wait until nobody else makes `folder`; gives the place where it is made, with the checkpoints of a dead run.

    Ranks of one job make it together: the first (`main`) locks it for all, and they leave together.
    """
    state = PartialState()
    said = False
    while True:
        with try_lock(folder.with_name(f"{folder.name}.lock")) if main else nullcontext(True) as held:
            if held:
                state.wait_for_everyone()
                yield folder.with_name(f"unfinished-{folder.name}")
                state.wait_for_everyone()
                return
        if not said:
            logger.warning(f"waiting for another process that fine-tunes into {folder}")
            said = True
        time.sleep(WAIT_SECONDS)


def _train(
    backbone: Backbone,
    data: DatasetDict,
    labels: dict[str, np.ndarray],
    num_labels: int,
    options: RecipeArguments,
    seed: int,
    folder: Path,
) -> tuple[EndToEnd, PreTrainedTokenizerBase]:
    """The Trainer's part."""
    set_seed(seed)
    encoder = BackboneEncoder(backbone.replace(dtype="float32"))
    tokenizer = encoder.tokenizer
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = EndToEnd(encoder.model.requires_grad_(True), backbone, num_labels)
    if options.finetune_freeze_embeddings:
        model.model.get_input_embeddings().requires_grad_(False)
    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    splits = {name: _tokenize(data[name], labels[name], encoder) for name in ("train", "validation")}
    if shown:
        datasets.enable_progress_bars()
    multi_label = labels["train"].ndim == 2
    pad = DataCollatorWithPadding(tokenizer, return_tensors="pt")
    arguments = _trainer_arguments(options, multi_label, seed, folder)

    def collate(rows: list[dict]) -> dict[str, torch.Tensor]:
        batch = pad([{"input_ids": row["input_ids"]} for row in rows])
        target = np.asarray([row["labels"] for row in rows])
        return {
            "input_ids": batch["input_ids"],
            "attention_mask": batch["attention_mask"],
            "labels": torch.from_numpy(target.astype(np.float32 if multi_label else np.int64)),
        }

    trainer = HeadTrainer(
        model=model,
        args=arguments,
        train_dataset=splits["train"],
        eval_dataset=splits["validation"],
        data_collator=collate,
        compute_metrics=lambda p: quick_score(p.predictions, p.label_ids, num_labels),
        loss=options.loss or ("bce" if multi_label else "cross_entropy"),
        loss_weight=None,
        label_smoothing=options.label_smoothing_factor,
        advice=f"Lower --finetune_learning_rate ({options.finetune_learning_rate:g}).",
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(EpochLines(str(arguments.metric_for_best_model)))
    trainer.train_or_resume(options.resume)
    return model.eval(), tokenizer


def _trainer_arguments(options: RecipeArguments, multi_label: bool, seed: int, folder: Path) -> RecipeArguments:
    """The Trainer's arguments for fine-tuning."""
    return trainer_arguments(
        replace(options, deepspeed=None),
        output_dir=str(folder),
        seed=seed,
        learning_rate=options.finetune_learning_rate,
        per_device_train_batch_size=options.finetune_batch_size,
        per_device_eval_batch_size=64,
        num_train_epochs=options.finetune_epochs,
        weight_decay=0.01,
        warmup_steps=0.06,
        lr_scheduler_type="linear",
        max_grad_norm=1.0,
        train_sampling_strategy="group_by_length",
        length_column_name="length",
        metric_for_best_model="macro_f1" if multi_label else "accuracy",
        save_total_limit=1,
        optim="adamw_torch_fused",
    )


def _tokenize(split: datasets.Dataset, labels: np.ndarray, encoder: BackboneEncoder) -> datasets.Dataset:
    """Columns `input_ids`, `length`, `labels`; tokens as the encoder reads them."""

    def encode(batch: dict) -> dict:
        ids = encoder.tokenize(batch["text"])
        return {"input_ids": ids, "length": [len(i) for i in ids]}

    tokens = split.select_columns(["text"]).map(
        encode, batched=True, remove_columns=["text"], load_from_cache_file=False
    )
    return tokens.add_column("labels", labels.astype(np.int8 if labels.ndim == 2 else np.int64).tolist())
