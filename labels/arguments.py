"""Flags that the commands about labels share: those of the data, the recipe, and what a command adds."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import datasets
from transformers.utils.logging import disable_progress_bar

from common.command import end_with_status
from common.memory import keep_few_kernels
from common.recipes import Recipe
from extraction.arguments import FeatureArguments
from fusion_model.backbones import Backbone


@dataclass
class CommonArguments(FeatureArguments):
    """What each of them needs beside the data."""

    seed: int = field(default=42, metadata={"help": "Of the folds."})


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
