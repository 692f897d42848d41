"""Training: the Trainer on memory-mapped features against a bare loop, and whole jobs against what a user would take.

python -m benchmarks.training --dataset go_emotions --part loop --json loop.json
python -m benchmarks.training --dataset go_emotions --part job --json job.json

`loop`: one epoch of the recipe's head over cached features. `job`: `train.py` from an empty cache to the saved model,
with import and start; the peers run in this process, so theirs are not counted.
"""

import contextlib
import copy
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from transformers import ProgressCallback, get_linear_schedule_with_warmup

from benchmarks.measure import parser, report
from benchmarks.peers import embedded, regression_logits, tune_contrastively
from extraction.features import pin
from extraction.splits import is_multi_label, label_matrix, label_names
from fusion_model import FusionForSequenceClassification
from fusion_model.hub import locate
from training.arguments import Arguments, parse
from training.feed import FeatureDataset, ready_batch
from training.head import build_config, seeded_model
from training.prior import Prior, log_prior
from training.run import extract_all
from training.trainer import ClassifierTrainer, trainer_arguments

ROOT = Path(__file__).parents[1]


def loop(arguments: Arguments, batch_size: int, repeats: int) -> list[dict]:
    """Seconds of an epoch by both ways, in turn."""
    data = arguments.data.load()
    columns, names = extract_all(arguments, data)[0]["train"], label_names(data)
    multi_label = is_multi_label(data)
    labels = label_matrix(data["train"], len(names)) if multi_label else np.asarray(data["train"]["labels"][:])
    feed = FeatureDataset(columns, labels)
    config = build_config(arguments, arguments.backbones, names, multi_label)
    everything = np.arange(len(feed))
    tensors = {name: torch.from_numpy(column.take(everything)) for name, column in columns.items()}
    target = torch.from_numpy(labels)
    options = trainer_arguments(
        arguments.training,
        per_device_train_batch_size=batch_size,
        num_train_epochs=1,
        eval_strategy="no",
        save_strategy="no",
        logging_strategy="no",
        load_best_model_at_end=False,
    )
    fresh = seeded_model(0, config, columns, None, {}, Prior(log_prior(labels, len(names)), {}))
    loss = arguments.training.loss_settings.make(labels, len(names))

    def trainer() -> Callable[[], object]:
        made = ClassifierTrainer(
            model=copy.deepcopy(fresh),
            args=options,
            train_dataset=feed,
            data_collator=ready_batch,
            loss=loss,
            advice="",
        )
        made.remove_callback(ProgressCallback)
        return made.train

    def bare() -> Callable[[], object]:
        return partial(bare_epoch, copy.deepcopy(fresh).train())

    def bare_epoch(model: FusionForSequenceClassification) -> None:
        function = trainer_loss(multi_label)
        steps = -(-len(feed) // batch_size)
        optimizer = torch.optim.AdamW(
            model.parameters(), options.learning_rate, weight_decay=options.weight_decay, fused=True
        )
        schedule = get_linear_schedule_with_warmup(optimizer, steps // 10, steps)
        for rows in torch.randperm(len(feed)).split(batch_size):
            with torch.autocast("cpu", torch.bfloat16, enabled=options.bf16):
                output = model({name: x[rows] for name, x in tensors.items()})
            total = torch.stack([function(m.float(), target[rows]) for m in output.member_logits]).sum()
            total.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), options.max_grad_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()

    seconds: dict[str, list[float]] = {}
    for _ in range(repeats):  # in turn, so that another's load falls on both
        for name, prepare in (("bare loop, tensors in memory", bare), ("Trainer, memory-mapped", trainer)):
            train = prepare()
            started = time.perf_counter()
            train()
            seconds.setdefault(name, []).append(time.perf_counter() - started)
    first = min(seconds["bare loop, tensors in memory"])
    return [
        {
            "way": name,
            "rows": len(feed),
            "batch": batch_size,
            "epoch_s": min(values),
            "median_s": float(np.median(values)),
            "times_bare": min(values) / first,
        }
        for name, values in seconds.items()
    ]


def trainer_loss(multi_label: bool) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """What the recipe's loss is without options."""
    function = torch.nn.functional
    return function.binary_cross_entropy_with_logits if multi_label else function.cross_entropy


def job(arguments: Arguments, passed_on: list[str], setfit_examples: int, setfit_steps: int) -> list[dict]:
    """Seconds and macro-F1 of whole jobs, from nothing to a model."""
    data = arguments.data.load()
    names, multi_label = label_names(data), is_multi_label(data)
    labels = {
        name: label_matrix(split, len(names)) if multi_label else np.asarray(split["labels"][:])
        for name, split in data.items()
    }
    texts = {name: split["text"][:] for name, split in data.items()}
    rows = []

    def row(way: str, seconds: float, figures: dict) -> None:
        keys = ("macro_f1", "cross_fitted_macro_f1", "accuracy")
        rows.append({"way": way, "seconds": seconds} | {key: figures.get(key) for key in keys})

    with tempfile.TemporaryDirectory() as scratch:
        command = [
            sys.executable,
            "train.py",
            *passed_on,
            "--cache_dir",
            f"{scratch}/c",
            "--output_dir",
            f"{scratch}/o",
        ]
        started = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - started
        figures = json.loads(Path(f"{scratch}/o/metrics.json").read_text(encoding="utf-8"))["runs"][0]["validation"]
        row("train.py, cold cache to saved model", seconds, figures)

    backbone = pin(arguments.backbones[0])
    for way, tuned in (
        ("sentence-transformers + LogisticRegression", False),
        ("SetFit-style: tuned on pairs first", True),
    ):
        if tuned and not setfit_steps:
            continue
        started = time.perf_counter()
        model = SentenceTransformer(locate(backbone)[0], device="cpu")
        model.max_seq_length = backbone.max_length
        if tuned:
            tune_contrastively(model, texts["train"], labels["train"], setfit_examples, setfit_steps)
        vectors = {name: embedded(model, texts[name]) for name in ("train", "validation")}
        seconds = time.perf_counter() - started
        figures, c, fitting = regression_logits(
            vectors["train"], labels["train"], vectors["validation"], labels["validation"], names
        )
        row(f"{way} (C {c:g})", seconds + fitting, figures)
    return rows


def main(argv: list[str] | None = None) -> dict:
    """Print the table; what goes into the JSON file. What is not known here goes to train.py."""
    command = parser(__doc__)
    command.add_argument("--part", choices=["loop", "job"], default="loop")
    command.add_argument("--batch_size", type=int, default=256)
    command.add_argument("--repeats", type=int, default=3)
    command.add_argument("--setfit_examples", type=int, default=16)
    command.add_argument("--setfit_steps", type=int, default=100, help="0: leave SetFit out")
    options, passed_on = command.parse_known_args(argv)
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(ROOT):
        output = [] if "--output_dir" in passed_on else ["--output_dir", scratch]
        arguments = parse([*passed_on, *output])
        if options.part == "loop":
            rows = loop(arguments, options.batch_size, options.repeats)
        else:
            rows = job(arguments, passed_on, options.setfit_examples, options.setfit_steps)
    return report(f"training: {options.part}", rows, options.json, dataset=Path(arguments.data.dataset).name)


if __name__ == "__main__":
    main(sys.argv[1:])
