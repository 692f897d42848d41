"""Exports of a model against the model itself: size, speed, macro-F1, and in how many decisions they differ.

python -m hub_config.export outputs/minilm-go_emotions --format onnx --output onnx-int8
python -m benchmarks.export outputs/minilm-go_emotions onnx-int8 --dataset go_emotions
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from extraction.sources import load_source
from extraction.splits import is_multi_label, label_matrix, label_names
from fusion_model import FusionConfig, FusionForSequenceClassification
from fusion_model.backbones import locate
from fusion_model.predictions import probabilities
from hub_config.export import exported
from training.evaluation import metric
from training.report import commit, versions

# Texts that are read one by one, in turn by every model, so that whatever else the machine does meets all alike.
ALONE = 100
TURNS = 3

Scorer = Callable[[list[str]], np.ndarray]


def in_torch(folder: str, dtype: str) -> Scorer:
    """Probabilities `(texts, num_labels)` by the model itself, its backbones in a dtype."""
    model = FusionForSequenceClassification.from_pretrained(folder).eval()
    for spec in model.config.backbones:
        spec["dtype"] = dtype
    return lambda texts: probabilities(model.logits(texts), model.config).numpy()


def megabytes(folder: Path) -> float:
    """Size of a folder's files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def decide(scores: np.ndarray, thresholds: list[float] | None) -> np.ndarray:
    """0/1 `(texts, num_labels)`: labels that reach their threshold, or the best one."""
    if thresholds is None:
        return np.eye(scores.shape[1], dtype=np.int32)[scores.argmax(axis=1)]
    return (scores >= np.asarray(thresholds)).astype(np.int32)


def measure(scorers: dict[str, Scorer], texts: list[str]) -> dict[str, dict[str, float]]:
    """Seconds of one text and texts a second of many, each the best of some turns."""
    found: dict[str, dict[str, Any]] = {name: {"alone": [], "batch": 0.0} for name in scorers}
    for scorer in scorers.values():
        scorer(texts[:ALONE])
    for _ in range(TURNS):
        for name, scorer in scorers.items():
            started = time.perf_counter()
            scorer(texts)
            found[name]["batch"] = max(found[name]["batch"], len(texts) / (time.perf_counter() - started))
            # One engine after the other: threads of one that wait for work would slow down the next.
            for text in texts[:ALONE]:
                started = time.perf_counter()
                scorer([text])
                found[name]["alone"].append(1e3 * (time.perf_counter() - started))
    return {
        name: {
            "p50_ms": float(np.median(one["alone"])),
            "p99_ms": float(np.quantile(one["alone"], 0.99)),
            "texts_per_second": one["batch"],
        }
        for name, one in found.items()
    }


def main() -> None:
    """Print a table and write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="model folder")
    parser.add_argument("exports", nargs="+", type=Path, help="what hub_config.export made of it")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--split", default="validation")
    parser.add_argument("--max_rows", type=int, help="read at most so many texts")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data = load_source(options.dataset, max_rows=options.max_rows)
    names, multi_label, split = label_names(data), is_multi_label(data), data[options.split]
    texts = split["text"][:]
    config: Any = FusionConfig.from_pretrained(options.model)
    if names != [config.id2label[number] for number in range(config.num_labels)]:
        raise SystemExit(f"'{options.dataset}' has other labels than the model: {names}.")
    truth = label_matrix(split, len(names)) if multi_label else np.asarray(split["labels"][:])
    with ExitStack() as stack:
        scorers: dict[str, Scorer] = {
            "torch, float32": in_torch(options.model, "float32"),
            "torch, auto": in_torch(options.model, "auto"),
        }
        for folder in options.exports:
            scorers[folder.name] = stack.enter_context(exported(folder, options.threads)).probabilities
        scores = {name: scorer(texts).astype(np.float64) for name, scorer in scorers.items()}
        speed = measure(scorers, texts)
    reference = scores["torch, float32"]
    decided = decide(reference, config.thresholds)
    weights = [Path(options.model), *(Path(locate(spec, options.model)[0]) for spec in config.backbones)]
    in_torch_mb = sum(file.stat().st_size for folder in weights for file in folder.glob("*.safetensors")) / 1e6
    sizes = {folder.name: megabytes(folder) for folder in options.exports}
    figures = {}
    for name, one in scores.items():
        decisions = decide(one, config.thresholds)
        computed = metric(multi_label).compute(
            predictions=decisions if multi_label else one.argmax(axis=1), references=truth, probabilities=one,
            label_names=names,
        )  # fmt: skip
        assert computed is not None
        figures[name] = speed[name] | {
            "macro_f1": float(computed["macro_f1"]),
            "decisions_that_differ": float((decisions != decided).mean()),
            "texts_decided_alike": float((decisions == decided).all(axis=1).mean()),
            "max_score_difference": float(abs(one - reference).max()),
            "mean_score_difference": float(abs(one - reference).mean()),
            "megabytes": sizes.get(name, in_torch_mb),
        }
    show(figures)
    result = {
        "command": " ".join(["python -m benchmarks.export", *sys.argv[1:]]),
        "commit": commit(),
        "versions": versions(),
        "threads": options.threads,
        "load_average": os.getloadavg(),
        "texts": len(texts),
        "figures": figures,
    }
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def show(figures: dict[str, dict[str, Any]]) -> None:
    """A line a model."""
    columns = ("", "MB", "one text p50 ms", "p99", "texts a second", "macro-F1", "decided alike", "max |difference|")
    table = Table(*columns)
    for name, one in figures.items():
        table.add_row(
            name,
            f"{one['megabytes']:.1f}",
            f"{one['p50_ms']:.1f}",
            f"{one['p99_ms']:.1f}",
            f"{one['texts_per_second']:.0f}",
            f"{one['macro_f1']:.4f}",
            f"{100 * one['texts_decided_alike']:.1f} %",
            f"{one['max_score_difference']:.3f}",
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
