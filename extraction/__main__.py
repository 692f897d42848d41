"""Extraction alone, for instance on the machine that has the GPU: train.py finds the features in the cache.

python -m extraction --dataset go_emotions --recipe llmembed
torchrun --nproc_per_node 4 -m extraction --dataset go_emotions --recipe llmembed

Processes share the work through the cache folder: on several nodes, each runs torchrun on a file system they share.
"""

import logging
import sys
import time
from dataclasses import dataclass, field, fields

import datasets
import torch
from accelerate import PartialState
from transformers import HfArgumentParser
from transformers.utils.logging import disable_progress_bar

from common.command import check_flags, end_with_status, program
from common.recipes import DEFAULT_RECIPE, find_recipe
from fusion_model.backbones import Backbone
from fusion_model.encoder import BackboneEncoder

from .arguments import DataArguments, replace_backbones
from .features import extract, pin, plan


@dataclass
class ExtractionArguments:
    """Which backbones, and where they run; the names are those of train.py."""

    recipe: str = field(default=DEFAULT_RECIPE, metadata={"help": "Name or path of a recipe."})
    backbone: list[str] = field(
        default_factory=list,
        metadata={"help": "NAME=ID_OR_FOLDER, or a .gguf file: read the recipe's backbone NAME from there instead."},
    )
    use_cpu: bool = field(default=False, metadata={"help": "Do not use a GPU, even if there is one."})
    seed: int = field(default=42, metadata={"help": "Taken as train.py takes it; features do not depend on it."})


def parse(argv: list[str]) -> tuple[DataArguments, ExtractionArguments, list[Backbone]]:
    """Read the command line over a recipe.

    Args:
        argv: Arguments without the program's name.

    Returns:
        The arguments, and the recipe's backbones, with ids replaced as asked.

    Raises:
        ValueError: the recipe or a backbone is not understood.
        SystemExit: a flag is wrong; what is right is printed.
    """
    recipe, replacements = find_recipe(argv)
    if not recipe.backbones:
        raise ValueError(
            f"The recipe '{recipe.name}' has no backbone, so that there is nothing to extract: run train.py alone."
        )
    parser = HfArgumentParser(
        [DataArguments, ExtractionArguments],  # type: ignore[list-item]
        description="Computes and caches the features of a data set's texts, for train.py to find.",
        prog=program("python -m extraction"),
        allow_abbrev=False,
    )
    known = {f.name for cls in (DataArguments, ExtractionArguments) for f in fields(cls)}
    parser.set_defaults(**{key: value for key, value in recipe.defaults.items() if key in known}, recipe=recipe.name)
    check_flags(parser, argv)
    data, arguments = parser.parse_args_into_dataclasses(argv)
    return data, arguments, replace_backbones(recipe.backbones, replacements)


def main(argv: list[str]) -> None:
    """Extract, and print a line for each split and backbone.

    Args:
        argv: Arguments without the program's name.

    Raises:
        ValueError: arguments, recipe or data are not usable; the message says what to do.
        OSError: a backbone is neither here nor reachable, or the cache cannot be written.
    """
    data_arguments, arguments, backbones = parse(argv)
    data = data_arguments.load()
    state = PartialState(cpu=arguments.use_cpu or not torch.accelerator.is_available())
    device = state.device
    if not state.is_main_process:
        logging.getLogger().setLevel(logging.ERROR)
    cache_dir = data_arguments.cache_path
    for backbone in map(pin, backbones):
        if backbone.tuned:
            state.print(f"{backbone.name}: nothing to extract, train.py fine-tunes this backbone.")
            continue
        # Loaded only if a split is not in the cache; one backbone in memory at a time.
        encoder = BackboneEncoder(backbone, device=device)
        for name, split in data.items():
            found = plan(split, backbone, cache_dir, device)
            started = time.perf_counter()
            extract(split, backbone, name=name, cache_dir=cache_dir, device=device, encoder=encoder, found=found)
            seconds = time.perf_counter() - started
            size = f"{len(split):,} rows x {backbone.width:,}"
            how = f"cached, read in {seconds:.1f} s"
            if found.missing_rows:
                kept = len(split) - found.missing_rows
                how = (
                    f"{f'{kept:,} rows cached, {found.missing_rows:,} ' if kept else ''}computed in {seconds:.1f} s on "
                    f"{device} ({found.missing_rows / seconds:,.0f} texts a second)"
                )
            state.print(f"{name}, {backbone.name}: {size}, {how}, in {found.folder}")
    state.destroy_process_group()


def run(argv: list[str] | None = None) -> int:
    """`main` with errors and signals in one sentence instead of a traceback; the process's exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    datasets.disable_progress_bars()
    disable_progress_bar()
    arguments = sys.argv[1:] if argv is None else argv
    return end_with_status(
        main, arguments, advice="finished shards are kept; the same command goes on with the others."
    )


if __name__ == "__main__":
    sys.exit(run())
