"""Every flag of train.py: dataclasses for HfArgumentParser, defaults overridden by the recipe."""

import argparse
import json
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import torch
from transformers import HfArgumentParser, TrainingArguments

from common.command import check_flags
from common.recipes import DEFAULT_RECIPE, Recipe, RecipeError, find_recipe
from extraction.arguments import DataArguments, replace_backbones
from fusion_model.backbones import Backbone
from fusion_model.gguf import refuse_saving

from .finetune_options import Finetune, read_blocks
from .flag_checks import check_values
from .losses import LOSSES, LossSettings, parse_options
from .watch import check_loggers

# What a run can be watched by, and its best epoch picked.
WATCHED = ("loss", "accuracy", "macro_f1", "micro_f1", "weighted_f1")


@dataclass
class HeadArguments:
    """What the head is made of; the fields are those of FusionConfig."""

    fusion_dim: int = field(default=1024, metadata={"help": "Width that slots are compressed to."})
    sigma: float = field(default=1.0, metadata={"help": "Power normalisation is tanh(2 * sigma * X); 0 is off."})
    cooccurrence: bool = field(default=True, metadata={"help": "Products of all pairs of slots."})
    scale_products: bool = field(default=False, metadata={"help": "Divide products by fusion_dim."})
    average_backbone: str | None = field(default=None, metadata={"help": "Backbone whose mean is concatenated."})
    slot_skip: bool = field(default=False, metadata={"help": "Concatenate the compressed slots."})
    linear_skip: bool = field(default=False, metadata={"help": "Add a linear layer on all features."})
    standardise: bool = field(default=False, metadata={"help": "Standardise features with the training set's moments."})
    hidden_sizes: list[int] = field(default_factory=lambda: [1024, 256], metadata={"help": "Feed-forward widths."})
    dropout: float = field(default=0.5, metadata={"help": "Dropout in the head."})
    input_dropout: float = field(default=0.0, metadata={"help": "Dropout on the features."})
    num_members: int = field(default=1, metadata={"help": "Ensemble size: heads averaged in one model."})


@dataclass
class RecipeArguments(TrainingArguments):
    """The Trainer's arguments, and what else a run is made of."""

    output_dir: str | None = field(default=None, metadata={"help": "Model folder (outputs/RECIPE-DATASET by default)."})
    recipe: str = field(default=DEFAULT_RECIPE, metadata={"help": "Name or path of a recipe."})
    backbone: list[str] = field(
        default_factory=list,
        metadata={"help": "NAME=ID_OR_FOLDER, or a .gguf file: read the recipe's backbone NAME from there instead."},
    )
    loss: str | None = field(
        default=None,
        metadata={
            "help": "bce, asymmetric or focal (multi-label), cross_entropy or focal (single-label).",
            "choices": list(LOSSES),
        },
    )
    loss_options: list[str] = field(
        default_factory=list,
        metadata={"help": "NAME=NUMBER: options of the loss, such as gamma=1.5 (focal) or clip=0.1 (asymmetric)."},
    )
    class_balanced_beta: float = field(default=0.0, metadata={"help": "Beta of class-balanced weights; 0 is off."})
    read_label_names: bool = field(default=False, metadata={"help": "Start linear_skip from the labels' names."})
    callbacks: list[str] = field(default_factory=list, metadata={"help": "The Trainer's: package.module:Class."})
    lexical: bool = field(default=False, metadata={"help": "Add the TF-IDF branch."})
    lexical_weight: float = field(default=1.0, metadata={"help": "Factor of the TF-IDF branch's logits."})
    lexical_c: float = field(default=2.0, metadata={"help": "Inverse regularisation of the TF-IDF branch."})
    resume: bool = field(
        default=False,
        metadata={"help": "Go on with the interrupted training in output_dir; its finished seeds are kept."},
    )
    num_runs: int = field(default=1, metadata={"help": "Seeds: seed, seed + 1, ... The best on validation is saved."})
    early_stopping_patience: int = field(default=10, metadata={"help": "Epochs without improvement before it stops."})
    tuned_weight: float = field(default=1.0, metadata={"help": "Factor of fine-tuned backbones' logits."})
    fit_weights: bool = field(
        default=False, metadata={"help": "Fit the parts' weights on validation: lexical_weight and tuned_weight."}
    )
    finetune: list[str] = field(
        default_factory=list,
        metadata={
            "help": "NAME.KEY=VALUE (or KEY=VALUE for all): overrides the finetune block of the backbone NAME, "
            f"with a KEY of {', '.join(f.name for f in fields(Finetune))}."
        },
    )
    use_corrections: str | None = field(default=None, metadata={"help": "Reviewed table of labels.audit: its labels."})
    drop_label_errors: str | None = field(default=None, metadata={"help": "The same: its label errors are left out."})
    bundle_backbones: bool = field(default=False, metadata={"help": "Copy the backbones into the model folder."})
    few_rows: int = field(
        default=0, metadata={"help": "Up to so many rows a linear layer is fitted, unless a flag is given for heads."}
    )
    min_steps: int = field(default=0, metadata={"help": "A small dataset is trained on for at least so many steps."})

    # The Trainer has a field of this name for columns of a batch; here the flag is that of the data.
    label_names: list[str] | None = field(
        default=None, metadata={"help": "Names of class ids in their order: joy,anger,fear or joy anger fear."}
    )

    # The Trainer's own defaults are for fine-tuning; a small head on ready features wants others.
    per_device_train_batch_size: int = field(default=64, metadata={"help": "Batch size in training."})
    per_device_eval_batch_size: int = field(default=1024, metadata={"help": "Batch size in evaluation."})
    eval_strategy: str = field(default="epoch", metadata={"help": "When validation is scored."})
    save_strategy: str = field(default="epoch", metadata={"help": "When a checkpoint is written."})
    save_total_limit: int | None = field(default=1, metadata={"help": "Checkpoints kept beside the best."})
    metric_for_best_model: str | None = field(
        default="auto",
        metadata={
            "help": "What picks the best epoch on validation; auto is macro_f1 where several labels may apply, else "
            "accuracy; with under 500 rows of validation it is the loss.",
            "choices": ["auto", *WATCHED],
        },
    )
    # None where it is left out; said to be bool, as the parser then takes the flag with and without a value.
    bf16: bool = field(
        default=None,  # type: ignore[assignment]
        metadata={"help": "Train in bfloat16 (where the hardware is made for it if left out)."},
    )
    load_best_model_at_end: bool = field(default=True, metadata={"help": "Keep the epoch that is best on validation."})
    logging_strategy: str = field(default="epoch", metadata={"help": "When the loss is logged."})
    remove_unused_columns: bool = field(default=False, metadata={"help": "Must stay off: batches are ready-made."})
    dataloader_pin_memory: bool = field(default_factory=torch.cuda.is_available, metadata={"help": "For the GPU."})

    @property
    def loss_settings(self) -> LossSettings:
        """Which loss the heads are trained with, and backbones whose block names none."""
        smoothing = {"label_smoothing": self.label_smoothing_factor} if self.label_smoothing_factor else {}
        return LossSettings(self.loss, parse_options(self.loss_options) | smoothing, self.class_balanced_beta)


@dataclass
class Arguments:
    """All arguments of one command.

    Args:
        data: Which texts and labels.
        head: What the head is made of.
        training: How it is trained.
        recipe: What the defaults came from.
        backbones: The recipe's checked backbones, with ids replaced as asked.
        finetune: How each backbone is fine-tuned that is.
    """

    data: DataArguments
    head: HeadArguments
    training: RecipeArguments
    recipe: Recipe
    backbones: list[Backbone]
    finetune: dict[str, Finetune]


Group = TypeVar("Group", DataArguments, HeadArguments, RecipeArguments)
GROUPS = (DataArguments, HeadArguments, RecipeArguments)
# Keys that a recipe cannot set: what it is itself, and what replaces parts of it.
NOT_IN_RECIPES = {"recipe", "backbone", "finetune", "use_corrections", "drop_label_errors"}
# What a head obeys, and its like in a finetune block.
HEAD_FLAGS = {
    "learning_rate": "learning_rate",
    "num_train_epochs": "epochs",
    "max_steps": "epochs",
    "per_device_train_batch_size": "batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
    "lr_scheduler_type": "lr_scheduler_type",
    "warmup_steps": "warmup",
    "weight_decay": "weight_decay",
}
# What heads that are trained by epochs obey alone: who gives one of these means them.
EPOCH_FLAGS = {*HEAD_FLAGS, *(one.name for one in fields(HeadArguments)), "min_steps", "early_stopping_patience"}
EPOCH_FLAGS |= {"metric_for_best_model", "eval_strategy", "callbacks", "report_to"}
EPOCH_FLAGS |= {"loss", "loss_options", "class_balanced_beta", "label_smoothing_factor"}


def parse(argv: list[str]) -> Arguments:
    """Read the command line over a recipe.

    Args:
        argv: Arguments without the program's name.

    Returns:
        The arguments; flags win over the recipe, the recipe over the defaults.

    Raises:
        RecipeError: the recipe does not exist, or has an unknown key or a value of the wrong kind.
        ValueError: a number is out of its range, `--backbone` or `--finetune` names none of the recipe's, or a flag is
            given that nothing obeys.
        SystemExit: a flag is wrong; what is right is printed.
    """
    recipe, replacements = find_recipe(argv)
    # A list flag given twice holds its last list alone; each one is meant.
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--finetune", nargs="+", action="extend", default=[])
    overrides = finder.parse_known_args(argv)[0].finetune
    recipe.check_keys({f.name for cls in GROUPS for f in fields(cls) if f.init} - NOT_IN_RECIPES)
    parser = _parser()
    parser.set_defaults(**recipe_values(recipe), recipe=recipe.name)
    check_flags(parser, argv)
    namespace = vars(parser.parse_args(argv)) | {"backbone": replacements, "finetune": overrides}
    check_values(namespace)
    given = {word[2:].split("=")[0].replace("-", "_") for word in argv if word.startswith("--")}
    if given & EPOCH_FLAGS and "few_rows" not in given:
        namespace["few_rows"] = 0
    check_loggers(namespace["report_to"])
    if namespace["logging_steps"] != RecipeArguments.logging_steps and namespace["logging_strategy"] == "epoch":
        namespace["logging_strategy"] = "steps"
    # Said before the Trainer's arguments are made, which refuse --bf16 where they expect a GPU and find none.
    namespace["use_cpu"] = namespace["use_cpu"] or not torch.cuda.is_available()
    if namespace["output_dir"] is None:
        name = Path(namespace["dataset"]).stem or "data"
        mode = "" if namespace["label_mode"] == "auto" else f"-{namespace['label_mode']}"
        rows = f"-{namespace['max_rows']}rows" if namespace["max_rows"] else ""
        namespace["output_dir"] = f"outputs/{recipe.name}-{name}{mode}{rows}"
    training = _take(RecipeArguments, {**namespace, "label_names": None})
    backbones = replace_backbones(recipe.backbones, training.backbone)
    finetune = read_blocks(recipe.finetune, training.finetune)
    for backbone in backbones:
        if training.bundle_backbones or backbone.tuned:
            refuse_saving(backbone.model_id)
    if not backbones and not training.lexical:
        raise ValueError(f"--lexical is false, and the recipe '{recipe.name}' has no backbone: leave the flag out.")
    if all(backbone.tuned for backbone in backbones):
        _refuse_head_flags(training, recipe)
    return Arguments(
        _take(DataArguments, namespace), _take(HeadArguments, namespace), training, recipe, backbones, finetune
    )


def _refuse_head_flags(training: RecipeArguments, recipe: Recipe) -> None:
    """Without a frozen backbone no head is trained, and what only a head obeys would be passed over in silence."""
    for one in fields(RecipeArguments):
        if one.name in HEAD_FLAGS and getattr(training, one.name) != one.default:
            key = HEAD_FLAGS[one.name]
            cure = f"all its backbones are fine-tuned. Set their {key} instead, by --finetune {key}=…"
            if not recipe.backbones:
                cure = "it has no backbone. Leave the flag out; --lexical_c is what the TF-IDF branch obeys."
            raise ValueError(
                f"--{one.name} is {getattr(training, one.name)}, but the recipe '{recipe.name}' trains no head: {cure}"
            )


def _take(kind: type[Group], namespace: dict[str, Any]) -> Group:
    """One group of arguments out of all."""
    return kind(**{f.name: namespace[f.name] for f in fields(kind) if f.init})


def _parser(**options: Any) -> HfArgumentParser:
    """A parser of all flags."""
    return HfArgumentParser(
        GROUPS,  # type: ignore[arg-type]
        description="Trains an emotion classifier: dataset in, model folder out.",
        prog=Path(sys.argv[0]).name,
        allow_abbrev=False,
        conflict_handler="resolve",
        **options,
    )


def recipe_values(recipe: Recipe) -> dict[str, Any]:
    """A recipe's values as the flags of the same names would give them.

    Args:
        recipe: With keys that are known.

    Returns:
        Values of the arguments' types.

    Raises:
        RecipeError: a value is of another type than its flag, or none of its choices.
    """
    parser = _parser(exit_on_error=False)
    hints = {name: hint for cls in GROUPS for name, hint in get_type_hints(cls).items()}
    values: dict[str, Any] = {}
    for key, value in recipe.defaults.items():
        if value == [] or (value is None and type(None) in get_args(hints[key])):
            values[key] = value
            continue
        if isinstance(value, dict) and hints[key] == list[str]:
            value = [f"{name}={number}" for name, number in value.items()]
        words = [json.dumps(word) if isinstance(word, dict) else str(word) for word in _as_list(value)]
        flags = [f"--{key}", *words] if isinstance(value, list) else [f"--{key}={words[0]}"]
        try:
            parsed, rest = parser.parse_known_args(flags)
        except argparse.ArgumentError as error:
            raise RecipeError(f"The recipe '{recipe.name}', {key}: {error.message.rstrip('.')}.") from None
        if rest:
            raise RecipeError(f"The recipe '{recipe.name}', {key}: one value is expected, but it has {value!r}.")
        values[key] = getattr(parsed, key)
    return values


def _as_list(value: object) -> list:
    """A list as it is, anything else as a list of one."""
    return value if isinstance(value, list) else [value]
