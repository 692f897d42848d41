"""Kills, damages and fills the disk of extraction and training at random moments, and compares with an undisturbed run.

python -m tests.campaigns.faults --kills 50 --corruptions 50

A small random backbone and corpus are used, in child processes of one that has imported everything. Full disks are a
4 MB tmpfs where the account may mount one, else a limit on the size of a file.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import datasets
import torch
from rich.console import Console
from rich.table import Table
from transformers.utils.logging import disable_progress_bar

from training.report import commit, versions

from .fault_campaign import Campaign, Result
from .fault_material import make_material
from .fault_trials import KINDS


def show(results: dict[str, Result]) -> None:
    """Print a row a kind of fault."""
    table = Table(title="faults", title_justify="left")
    for title in ("fault", "tried", "survived", "rows lost", "wrong rows used", "slowest end after a signal"):
        table.add_column(title, justify="left" if title == "fault" else "right")
    for title, result in results.items():
        slowest = f"{result.slowest_end:.1f} s" if result.slowest_end else ""
        table.add_row(
            title, str(result.tried), str(result.survived), str(result.lost_rows), str(result.wrong_rows), slowest
        )
    Console(width=140).print(table)
    for title, result in results.items():
        for line in result.troubles:
            print(f"{title}: {line}")


def main() -> int:
    """The command; its exit status is 1 if anything was lost or wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaigns.faults", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--kills", type=int, default=50, help="SIGKILL, SIGTERM, SIGINT: extraction and training")
    parser.add_argument(
        "--corruptions", type=int, default=50, help="cut, flipped and foreign files: cache, checkpoints"
    )
    parser.add_argument("--full_disks", type=int, default=10)
    parser.add_argument(
        "--pairs", type=int, default=10, help="two runs at once on one cache, one killed in half of them"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)  # a process that has threads cannot be forked safely
    disable_progress_bar()
    datasets.disable_progress_bars()
    started = time.perf_counter()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        campaign = Campaign(make_material(Path(scratch) / "material", rng), Path(scratch), rng)
        shares = {
            "extraction killed": round(options.kills * 0.6),
            "training killed": options.kills - round(options.kills * 0.6),
            "cache damaged": round(options.corruptions * 0.7),
            "checkpoint damaged": options.corruptions - round(options.corruptions * 0.7),
            "disk full in extraction": options.full_disks - options.full_disks // 2,
            "disk full in training": options.full_disks // 2,
            "two extractions at once": options.pairs - options.pairs // 2,
            "two trainings at once": options.pairs // 2,
        }
        results = {}
        for title, number in shares.items():
            results[title] = result = Result()
            for _ in range(number):
                KINDS[title](campaign, result)
            seconds = time.perf_counter() - started
            print(f"{title}: {result.survived} of {result.tried} survived, {seconds:.0f} s", flush=True)
    show(results)
    if options.json:
        content = {
            "results": {title: vars(result) for title, result in results.items()},
            "seconds": round(time.perf_counter() - started),
            "seed": options.seed,
            "full_disk": campaign.full_disk,
            "commit": commit(),
            "versions": versions(),
        }
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return int(any(result.survived != result.tried for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
