"""Extraction alone, for instance on the machine that has the GPU: train.py finds the features in the cache.

python -m extraction --dataset go_emotions --recipe llmembed
torchrun --nproc_per_node 4 -m extraction --dataset go_emotions --recipe llmembed

Processes share the work through the cache folder: on several nodes, each runs torchrun on a file system they share.
"""

import logging
import sys
import time
from dataclasses import dataclass, field

import datasets
import torch
from accelerate import PartialState
from transformers.utils.logging import disable_progress_bar

from common.command import end_with_status
from fusion_model.encoder import BackboneEncoder

from .arguments import FeatureArguments, parse
from .features import extract, pin, plan


@dataclass
class ExtractionArguments(FeatureArguments):
    """What extraction needs beside the data."""

    seed: int = field(default=42, metadata={"help": "Taken as train.py takes it; features do not depend on it."})


def main(argv: list[str]) -> None:
    """Extract, and print a line for each split and backbone.

    Args:
        argv: Arguments without the program's name.

    Raises:
        ValueError: arguments, recipe or data are not usable; the message says what to do.
        OSError: a backbone is neither here nor reachable, or the cache cannot be written.
    """
    data_arguments, arguments, recipe = parse(
        argv,
        ExtractionArguments,
        "python -m extraction",
        "Computes and caches the features of a data set's texts, for train.py to find.",
    )
    if not recipe.backbones:
        raise ValueError(
            f"The recipe '{recipe.name}' has no backbone, so that there is nothing to extract: run train.py alone."
        )
    data = data_arguments.load()
    state = PartialState(cpu=arguments.use_cpu or not torch.accelerator.is_available())
    device = state.device
    if not state.is_main_process:
        logging.getLogger().setLevel(logging.ERROR)
    cache_dir = data_arguments.cache_path
    for backbone in map(pin, recipe.backbones):
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
