"""Exports of a model against the model itself: size, speed, macro-F1, and in how many decisions they differ.

python -m hub_config.export outputs/minilm-go_emotions --format onnx --output onnx-int8
python -m benchmarks.export outputs/minilm-go_emotions onnx-int8 --dataset go_emotions
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.measure import parser, report
from extraction.sources import load_source
from extraction.splits import is_multi_label, label_matrix, label_names
from fusion_model import FusionConfig, FusionForSequenceClassification
from fusion_model.hub import locate
from fusion_model.predictions import probabilities
from hub_config.export import exported
from training.evaluation import metric

# Texts that are read one by one, in turn by every model, so that whatever else the machine does meets all alike.
ALONE = 100
TURNS = 3

Scorer = Callable[[list[str]], np.ndarray]


def in_torch(folder: str, dtype: str) -> Scorer:
    """Probabilities `(texts, num_labels)` by the model itself, its backbones in a dtype."""
    model = FusionForSequenceClassification.from_pretrained(folder).eval()
    model.config.backbones = [backbone.replace(dtype=dtype) for backbone in model.config.backbones]
    return lambda texts: probabilities(
        model.logits(texts).numpy(), model.config.problem_type == "multi_label_classification"
    )


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
    """Print the table, a row a model; write the JSON file."""
    command_line = parser(__doc__)
    command_line.add_argument("model", help="model folder")
    command_line.add_argument("exports", nargs="+", type=Path, help="what hub_config.export made of it")
    command_line.add_argument("--dataset", required=True)
    command_line.add_argument("--split", default="validation")
    command_line.add_argument("--max_rows", type=int, help="read at most so many texts")
    command_line.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = command_line.parse_args()
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
    weights = [Path(options.model), *(Path(locate(backbone, options.model)[0]) for backbone in config.backbones)]
    in_torch_mb = sum(file.stat().st_size for folder in weights for file in folder.glob("*.safetensors")) / 1e6
    sizes = {folder.name: megabytes(folder) for folder in options.exports}
    rows = []
    for name, one in scores.items():
        decisions = decide(one, config.thresholds)
        computed = metric(multi_label).compute(
            predictions=decisions if multi_label else one.argmax(axis=1), references=truth, probabilities=one,
            label_names=names,
        )  # fmt: skip
        assert computed is not None
        rows.append(
            {"model": name, **speed[name]}
            | {
                "macro_f1": float(computed["macro_f1"]),
                "decisions_that_differ": float((decisions != decided).mean()),
                "texts_decided_alike": float((decisions == decided).all(axis=1).mean()),
                "max_score_difference": float(abs(one - reference).max()),
                "mean_score_difference": float(abs(one - reference).mean()),
                "megabytes": sizes.get(name, in_torch_mb),
            }
        )
    report("exports", rows, options.json, threads=options.threads, texts=len(texts))


if __name__ == "__main__":
    main()
