"""Flags that the commands about labels share: those of the data, the recipe, and what a command adds."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TypeVar

import datasets
from transformers import HfArgumentParser
from transformers.utils.logging import disable_progress_bar

from common.command import check_flags, end_with_status, program
from common.memory import keep_few_kernels
from common.recipes import DEFAULT_RECIPE, Recipe, find_recipe
from extraction.arguments import DataArguments, replace_backbones
from fusion_model.backbones import Backbone


@dataclass
class CommonArguments:
    """Which features, where they are computed, and where the result goes; the names are those of train.py."""

    recipe: str = field(default=DEFAULT_RECIPE, metadata={"help": "Name or path of a recipe: whose features are read."})
    backbone: list[str] = field(
        default_factory=list,
        metadata={"help": "NAME=ID_OR_FOLDER: read the recipe's backbone NAME from there instead."},
    )
    use_cpu: bool = field(default=False, metadata={"help": "Do not use a GPU, even if there is one."})
    seed: int = field(default=42, metadata={"help": "Of the folds."})


Own = TypeVar("Own", bound=CommonArguments)


def parse(argv: list[str], kind: type[Own], command: str, description: str) -> tuple[DataArguments, Own, Recipe]:
    """Read a command line over a recipe.

    Args:
        argv: Arguments without the program's name.
        kind: The command's arguments.
        command: How it is called, such as `python -m labels.audit`.
        description: One sentence for `--help`.

    Returns:
        The arguments of the data, those of the command, and the recipe with its backbones replaced as asked.

    Raises:
        ValueError: the recipe or a backbone is not understood.
        SystemExit: a flag is wrong; what is right is printed.
    """
    recipe, replacements = find_recipe(argv)
    parser = HfArgumentParser(
        [DataArguments, kind],  # type: ignore[list-item]
        description=description,
        prog=program(command),
        allow_abbrev=False,
    )
    known = {f.name for cls in (DataArguments, kind) for f in fields(cls)}
    parser.set_defaults(**{key: value for key, value in recipe.defaults.items() if key in known}, recipe=recipe.name)
    check_flags(parser, argv)
    data, own = parser.parse_args_into_dataclasses(argv)
    recipe.backbones = replace_backbones(recipe.backbones, replacements)
    return data, own, recipe


def frozen(recipe: Recipe) -> list[Backbone]:
    """The backbones whose features are cached; a fine-tuned one has none before it is trained."""
    return [backbone for backbone in recipe.backbones if not backbone.tuned]


def run_command(main: Callable[[list[str]], object], argv: list[str] | None) -> int:
    """Run a command's `main` with errors and signals in one sentence instead of a traceback.

    Args:
        main: Takes the command line's arguments.
        argv: Arguments in place of the command line's.

    Returns:
        The process's exit status.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    datasets.disable_progress_bars()
    disable_progress_bar()
    keep_few_kernels()
    arguments = sys.argv[1:] if argv is None else argv
    return end_with_status(main, arguments, advice="features are kept; the same command reads them.")
