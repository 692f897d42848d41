"""Time, memory and disk of extraction for growing numbers of texts, in one process and in several.

python -m benchmarks.scaling --dataset go_emotions --sizes 1000 4000 16000 64000 --processes 1 2 --json scaling.json
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from datasets import Dataset, concatenate_datasets

from benchmarks.measure import memory, parser, report
from extraction.sources import load_source
from training.feed import FeatureColumn

ROOT = Path(__file__).parents[1]


def write_texts(texts: list[str], size: int, file: Path) -> None:
    """So many different texts as JSON lines: repeated ones get a number."""
    with file.open("w", encoding="utf-8") as stream:
        for row in range(size):
            again = row // len(texts)
            text = texts[row % len(texts)] + (f" {again}" if again else "")
            stream.write(json.dumps({"text": text, "label": "ab"[row % 2]}) + "\n")


def watched(command: list[str]) -> tuple[float, float]:
    """Run a command; seconds, and the peak of what its processes have in memory together, MiB."""
    started, peak = time.perf_counter(), 0
    with tempfile.TemporaryFile("w+") as output:
        process = psutil.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        while process.poll() is None:
            peak = max(peak, memory(process).total())
            time.sleep(0.2)
        if process.returncode:
            output.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{output.read()}")
    return time.perf_counter() - started, peak / 2**20


def features_of(folder: Path) -> dict[str, FeatureColumn]:
    """The features in a cache, by the folder of each split."""
    found = {}
    for cache in sorted(folder.iterdir()):
        if shards := sorted(cache.glob("*.arrow")):
            found[cache.name] = FeatureColumn(concatenate_datasets([Dataset.from_file(str(file)) for file in shards]))
    return found


def equal(first: dict[str, FeatureColumn], second: dict[str, FeatureColumn]) -> bool:
    """Whether two caches hold the same bits."""
    return first.keys() == second.keys() and all(
        len(column) == len(second[name])
        and all(
            np.array_equal(column.take(rows).view(np.uint16), second[name].take(rows).view(np.uint16))
            for rows in np.array_split(np.arange(len(column)), -(-len(column) // 1024))
        )
        for name, column in first.items()
    )


def main(argv: list[str] | None = None) -> dict:
    """Print the table; what goes into the JSON file."""
    command = parser(__doc__)
    command.add_argument("--dataset", default="sample")
    command.add_argument("--recipe", default="minilm")
    command.add_argument("--backbone", nargs="+", default=[], help="as for python -m extraction")
    command.add_argument("--sizes", type=int, nargs="+", default=[1000, 4000, 16000, 64000])
    command.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    options = command.parse_args(argv)
    texts = load_source(options.dataset)["train"]["text"][:]
    rows = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as scratch:
            file, kept = Path(scratch) / "texts.jsonl", {}
            write_texts(texts, size, file)
            for count in options.processes:
                cache = Path(scratch) / f"cache{count}"
                launch = (
                    ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(count)] if count > 1 else []
                )
                extraction = ["-m", "extraction", "--dataset", str(file), "--recipe", options.recipe]
                more = ["--backbone", *options.backbone] if options.backbone else []
                seconds, peak = watched(
                    [sys.executable, *launch, *extraction, *more, "--use_cpu", "--cache_dir", str(cache)]
                )
                kept[count] = features_of(cache)
                numbers = sum(len(column) * column.width for column in kept[count].values())
                disk = sum(f.stat().st_size for f in cache.rglob("*") if f.is_file())
                rows.append(
                    {
                        "texts": size,
                        "processes": count,
                        "seconds": seconds,
                        "texts_a_second": size / seconds,
                        "peak_mib": peak,
                        "disk_mib": disk / 2**20,
                        "bytes_a_feature": disk / numbers,
                        "equal_to_first": str(equal(kept[options.processes[0]], kept[count])),
                    }
                )
    return report("scaling", rows, options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
