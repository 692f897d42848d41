"""Fine-tunes a backbone end to end with a classification layer; the result is one more backbone of a fusion model."""

import hashlib
import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from datasets import DatasetDict
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, PreTrainedModel, PreTrainedTokenizerBase, set_seed

from common.atomic import broken_seal, make_cache_folder, put, room, seal, try_lock
from extraction.cache import cache_key
from extraction.features import WAIT_SECONDS
from extraction.splits import texts_of
from fusion_model.backbones import Backbone
from fusion_model.encoder import BackboneEncoder
from fusion_model.head import FineTunedHead
from fusion_model.modeling_fusion import FusionOutput
from fusion_model.pooling import pool_slots

from .arguments import RecipeArguments
from .checkpoints import SealCheckpoints, train_or_resume
from .dropout import use_byte_dropout
from .finetune_feed import state_rows, token_rows
from .finetune_options import Finetune
from .folder import HEAD_FILE
from .lora import add_lora, check_peft, merge_lora
from .top_layers import UpperLayers, layer_stack, upper_layers
from .trainer import FinetuneTrainer, quick_score, trainer_arguments

logger = logging.getLogger(__name__)

# Of train.py's flags fine-tuning takes those that say where it runs; what it becomes is in its block.
HARDWARE = (
    "use_cpu", "bf16", "fp16", "resume", "ddp_backend", "ddp_timeout",
    "dataloader_num_workers", "dataloader_pin_memory", "dataloader_persistent_workers",
    "report_to", "run_name", "callbacks", "logging_strategy", "logging_steps",
)  # fmt: skip


class EndToEnd(nn.Module):
    """A backbone whose weights are trained, pooled as an encoder pools, and a classification layer.

    Args:
        model: A transformers model.
        backbone: What a recipe says of it, pinned.
        num_labels: Number of labels.
        upper: The layers that run, if those below are read from the cache.
    """

    model: PreTrainedModel

    def __init__(self, model: PreTrainedModel, backbone: Backbone, num_labels: int, upper: UpperLayers | None = None):
        super().__init__()
        self.model = model
        self.backbone = backbone
        self.head = FineTunedHead(backbone.width, num_labels)
        self.upper = upper
        self.loss_function = None

    def forward(
        self,
        attention_mask: torch.Tensor,
        input_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        states: torch.Tensor | None = None,
    ) -> FusionOutput:
        """Token ids, mask and segments `(batch, tokens)` to logits `(batch, num_labels)`, and with labels the loss.

        In place of token ids and segments `upper` takes states, `(batch, tokens, hidden_size)`.
        """
        hidden_states: Sequence[torch.Tensor]
        segments = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        if states is not None and self.upper is not None:
            hidden_states = self.upper(states, attention_mask)
        else:
            hidden_states = self.model(
                input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True, **segments
            ).hidden_states
        mask = attention_mask.bool()
        whole = torch.promote_types(hidden_states[0].dtype, torch.float32)
        features = pool_slots(
            [state.to(whole) for state in hidden_states],
            self.backbone.layers,
            self.backbone.pooling,
            mask,
            mask.sum(dim=1),
        )
        logits = self.head(features)
        loss = self.loss_function(logits.float(), labels) if self.loss_function and labels is not None else None
        return FusionOutput(loss=loss, logits=logits)


@dataclass(frozen=True)
class Task:
    """What backbones are fine-tuned on.

    Args:
        data: Splits with the column `text`, and `text_pair` for pairs.
        labels: For each split class ids `(rows,)` or 0/1 `(rows, num_labels)`.
        num_labels: Number of labels.
        options: The run's arguments, of which those of `HARDWARE` and the heads' loss are used.
        cache_dir: Fine-tuned backbones are kept there and found again by everything that made them.
    """

    data: DatasetDict
    labels: dict[str, np.ndarray]
    num_labels: int
    options: RecipeArguments
    cache_dir: Path

    def key(self, backbone: Backbone, block: Finetune, seed: int) -> str:
        """Everything that decides what the fine-tuned backbone becomes, as a hash."""
        trainer, cpu = _trainer_arguments(self, block, seed, Path()), torch.device("cpu")
        # Layers that are not trained are read once, without dropout.
        below = {"below": "bfloat16 states"} if block.top_layers else {}
        return block.fingerprint(
            **below,
            seed=seed,
            loss=asdict(block.settings(self.options.loss_settings)),
            precision=[trainer.bf16, trainer.fp16],
            processes=self.options.world_size,
            num_labels=self.num_labels,
            texts={name: cache_key(texts_of(self.data[name]), backbone, cpu) for name in ("train", "validation")},
            labels={name: hashlib.sha256(self.labels[name].tobytes()).hexdigest() for name in ("train", "validation")},
        )


def finetune(backbone: Backbone, block: Finetune, task: Task, seed: int) -> tuple[Backbone, dict[str, torch.Tensor]]:
    """Fine-tune a backbone on the training split; the epoch that is best on validation is kept.

    Args:
        backbone: A pinned backbone with `tuned` set.
        block: How it is fine-tuned.
        task: On what.
        seed: Of the new layer, order and dropout, if the block has none of its own.

    Returns:
        The fine-tuned backbone (a local folder), and the weights of its classification layer.
    """
    seed = seed if block.seed is None else block.seed
    options, cache_dir = task.options, task.cache_dir
    folder = cache_dir / f"{backbone.name}-tuned-{task.key(backbone, block, seed)[:24]}"
    tuned = backbone.replace(model_id=str(folder), revision=None)
    make_cache_folder(cache_dir)
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
            model, tokenizer = _train(backbone, block, task, seed, scratch / "checkpoints")
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


def check_block(backbone: Backbone, block: Finetune) -> None:
    """Refuse what cannot be done before anything is computed.

    Raises:
        ValueError: more layers are to be trained than there are (both numbers are named), or peft is not installed.
    """
    if block.lora_rank is not None:
        check_peft()
    depth = BackboneEncoder(backbone).load(AutoConfig).num_hidden_layers
    if block.top_layers is not None and block.top_layers > depth:
        raise ValueError(
            f"Backbone '{backbone.name}', finetune: top_layers is {block.top_layers}, but it has {depth} layers."
        )


def freeze(model: PreTrainedModel, block: Finetune) -> None:
    """Say which weights of a backbone are trained.

    Args:
        model: A backbone.
        block: Its `top_layers` and `freeze_embeddings` are obeyed.

    Raises:
        ValueError: the backbone's layers cannot be told apart (some architectures share one).
    """
    model.requires_grad_(block.top_layers is None)
    if block.top_layers is not None:
        stack = layer_stack(model)
        if stack is None:
            raise ValueError(
                f"finetune: top_layers is {block.top_layers}, but the layers of a {model.config.model_type} cannot be "
                "trained apart. Leave top_layers out."
            )
        for layer in list(stack)[len(stack) - block.top_layers :]:
            layer.requires_grad_(True)
    if block.freeze_embeddings:
        model.get_input_embeddings().requires_grad_(False)


def _train(
    backbone: Backbone, block: Finetune, task: Task, seed: int, folder: Path
) -> tuple[EndToEnd, PreTrainedTokenizerBase]:
    """The Trainer's part."""
    set_seed(seed)
    encoder = BackboneEncoder(backbone.replace(dtype="float32", resolved_dtype=None))
    tokenizer = encoder.tokenizer
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    upper = upper_layers(backbone, encoder, block.top_layers)
    model = EndToEnd(encoder.model, backbone, task.num_labels, upper)
    freeze(model.model, block)
    if block.lora_rank is not None:
        add_lora(model.model, block.lora_rank)
    use_byte_dropout(model)
    splits = {name: (task.data[name], task.labels[name]) for name in ("train", "validation")}
    if upper is None:
        rows, collate = token_rows(splits, encoder)
    else:
        rows, collate = state_rows(splits, backbone, upper.first, task.cache_dir, task.options.device)
    loss = block.settings(task.options.loss_settings).make(task.labels["train"], task.num_labels)
    with nullcontext() if upper is None else upper.alone():
        trainer = FinetuneTrainer(
            model=model,
            args=_trainer_arguments(task, block, seed, folder),
            train_dataset=rows["train"],
            eval_dataset=rows["validation"],
            data_collator=collate,
            compute_metrics=lambda p: quick_score(p.predictions, p.label_ids, task.num_labels),
            loss=loss,
            head_learning_rate=block.head_learning_rate,
            advice=f"Lower the learning_rate of the finetune block of '{backbone.name}' ({block.learning_rate:g}).",
        )
        trainer.add_callback(SealCheckpoints(trainer))
        train_or_resume(trainer, task.options.resume)
        trainer.unwrap()
    if block.lora_rank is not None:
        merge_lora(model.model)
    return model.eval(), tokenizer


def _trainer_arguments(task: Task, block: Finetune, seed: int, folder: Path) -> RecipeArguments:
    """The Trainer's arguments for fine-tuning."""
    return trainer_arguments(
        RecipeArguments(output_dir=str(folder), **{name: getattr(task.options, name) for name in HARDWARE}),
        metric_for_best_model="macro_f1" if task.labels["train"].ndim == 2 else "accuracy",
        seed=seed,
        learning_rate=block.learning_rate,
        per_device_train_batch_size=block.batch_size,
        per_device_eval_batch_size=64,
        gradient_accumulation_steps=block.gradient_accumulation_steps,
        num_train_epochs=block.epochs,
        weight_decay=block.weight_decay,
        warmup_steps=block.warmup,
        lr_scheduler_type=block.lr_scheduler_type,
        train_sampling_strategy="group_by_length",
        length_column_name="length",
        save_total_limit=3,  # the last; the one before it, in case the last is damaged; and the best
        optim="adamw_torch_fused",
    )
