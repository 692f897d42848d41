"""Chooses from which margin on a cheap model's labels stand, so that the large one need not read these texts.

python -m labelling.cascade --model outputs/minilm-go_emotions --cheap outputs/words-go_emotions --dataset go_emotions
python label.py --model outputs/minilm-go_emotions --cascade cascade.json --input corpus.parquet --output labelled
"""

import logging
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import datasets
import numpy as np
from rich.console import Console
from rich.table import Table
from transformers import HfArgumentParser
from transformers.utils.logging import disable_progress_bar

from common.atomic import write_json
from common.command import check_flags, end_with_status, program
from common.memory import keep_few_kernels
from extraction.arguments import DataArguments
from extraction.splits import is_multi_label, label_matrix, label_names, texts_of
from fusion_model import FusionForSequenceClassification
from fusion_model.predictions import probabilities, rank
from training.thresholds import macro_f1

from .deferral import COMMAND, margins, work_of
from .model import ModelFacts, find_model

# Shares of the texts that the cheap model labels, of which one is chosen; those that are shown; halvings.
SHARES, SHOWN, HALVINGS = np.linspace(0, 1, 51), 5, 5
# Texts that are read before the clock runs, as the first call loads the backbone.
WARM_UP = 64


@dataclass
class CascadeArguments:
    """Which models, and what may be lost."""

    model: str = field(metadata={"help": "The large model: folder or Hub id."})
    cheap: str = field(metadata={"help": "The cheap model with the same labels, such as one of the recipe words."})
    max_loss: float = field(default=0.003, metadata={"help": "Macro-F1 on validation that may be lost, 0 to 1."})
    output: str = field(default="cascade.json", metadata={"help": "File for the margin and the curve."})


@dataclass(frozen=True)
class Point:
    """What a margin gives on labelled texts.

    Args:
        margin: See `labelling.deferral.margins`; infinity where every text is deferred.
        share: Of the texts that the cheap model labels, 0 to 1.
        macro_f1: Of the two models together.
        loss: By how much that is less than the large model's alone.
        speed_up: Expected, beside the large model alone; a model's time is taken to grow with the work.
    """

    margin: float
    share: float
    macro_f1: float
    loss: float
    speed_up: float


@dataclass(frozen=True)
class Material:
    """Validation as both models see it.

    Args:
        targets: 0/1 `(rows, num_labels)`.
        predicted: By the large model, then the cheap one, booleans `(2, rows, num_labels)`.
        margin: Of the cheap one, `(rows,)`.
        work: Of each text, see `labelling.deferral.work_of`, `(rows,)`.
        seconds: That the large model, then the cheap one, took for all texts.
    """

    targets: np.ndarray
    predicted: np.ndarray
    margin: np.ndarray
    work: np.ndarray
    seconds: tuple[float, float]

    def at(self, margin: float, rows: np.ndarray | slice = slice(None)) -> Point:
        """What a margin gives on some of the rows."""
        sure = self.margin[rows] >= margin
        large, cheap = self.predicted[:, rows]
        scores = [macro_f1(self.targets[rows], one) for one in (large, np.where(sure[:, None], cheap, large))]
        read = self.work[rows][~sure].sum() / self.work[rows].sum()
        speed_up = self.seconds[0] / (self.seconds[1] + read * self.seconds[0])
        return Point(margin, float(sure.mean()), scores[1], scores[0] - scores[1], float(speed_up))

    def curve(self, rows: np.ndarray | slice = slice(None)) -> list[Point]:
        """Points from a cheap model that labels nothing to one that labels everything."""
        ordered = np.sort(self.margin[rows])[::-1]
        cuts = {np.inf, *(ordered[max(round(share * len(ordered)), 1) - 1] for share in SHARES[1:])}
        return [self.at(float(margin), rows) for margin in sorted(cuts, reverse=True)]


def choose(curve: list[Point], max_loss: float) -> Point:
    """The last point before the first that loses more: one behind that loses little again does so by chance."""
    kept = next((place for place, point in enumerate(curve) if point.loss > max_loss), len(curve))
    return curve[max(kept - 1, 0)]


def held_out(material: Material, max_loss: float, seed: int = 0) -> tuple[float, float]:
    """Mean share and loss on random halves of the rows, with the margin chosen on the other half."""
    random, found = np.random.default_rng(seed), []
    for _ in range(HALVINGS):
        halves = np.array_split(random.permutation(len(material.margin)), 2)
        for choose_on, apply_to in (halves, halves[::-1]):
            point = material.at(choose(material.curve(choose_on), max_loss).margin, apply_to)
            found.append((point.share, point.loss))
    share, loss = np.mean(found, axis=0)
    return float(share), float(loss)


def gather(arguments: CascadeArguments, data_arguments: DataArguments, facts: list[ModelFacts]) -> tuple:
    """Have both models read the validation split: the material, and how often each label occurs.

    Raises:
        ValueError: the labels of the models or of the data differ.
    """
    data = data_arguments.load()
    names, split = facts[0].labels, data["validation"]
    own = label_names(data)
    # The data may have them in another order, the two models' scores may not.
    for what, agree, others in (
        (f"--cheap {arguments.cheap}", facts[1].labels == names, facts[1].labels),
        ("the data", sorted(own) == sorted(names), own),
    ):
        if not agree:
            differing = sorted({*names} ^ {*others})[:3] or "their order"
            raise ValueError(
                f"The labels of {what} are not those of --model {arguments.model}, as to {differing}. A cascade takes "
                "two models of the labels of --dataset: train the cheap one on it, as by `train.py --recipe words`."
            )
    texts, targets = texts_of(split), label_matrix(split, len(names))[:, [own.index(name) for name in names]]
    counts = targets.sum(axis=0).astype(int).tolist()
    predicted, seconds, margin = [], [], np.empty(0)
    for one in facts:  # the cheap one last
        model = FusionForSequenceClassification.from_pretrained(one.name, revision=one.revision).eval()
        several = model.config.problem_type == "multi_label_classification"
        if several != is_multi_label(data):
            raise ValueError(
                f"'{one.name}' gives {'several labels' if several else 'one label'} a text, and the data do not: see "
                "--label_mode."
            )
        model.logits(texts[:WARM_UP])
        started = time.perf_counter()
        logits = model.logits(texts).numpy()
        seconds.append(time.perf_counter() - started)
        ranked = [rank(row, model.config, "predicted") for row in probabilities(logits, several)]
        predicted.append(np.array([[name in {entry["label"] for entry in row} for name in names] for row in ranked]))
        margin = margins(texts, logits, model.config, counts)
    return Material(targets, np.array(predicted), margin, work_of(texts), (seconds[0], seconds[1])), counts


def show(curve: list[Point], chosen: Point) -> None:
    """Print the curve, with a star at what was chosen."""
    table = Table()
    for name in ("texts that the cheap model labels", "macro-F1", "loss", "speed-up", "margin"):
        table.add_column(name, justify="right")
    for place, point in enumerate(curve):
        if place % SHOWN == 0 or point == chosen:
            star = "*" if point == chosen else ""
            values = f"{point.macro_f1:.4f}", f"{point.loss:+.4f}", f"{point.speed_up:.2f}", f"{point.margin:.2f}"
            table.add_row(f"{star}{point.share:.0%}", *values)
    Console().print(table)


def main(argv: list[str]) -> None:
    """Choose a margin, print the curve that it was chosen from, and write both.

    Args:
        argv: Arguments without the program's name.

    Raises:
        ValueError: arguments, data or models are not usable, or no text could be left to the cheap model.
        OSError: something cannot be read or written.
    """
    parser = HfArgumentParser(
        [DataArguments, CascadeArguments],  # type: ignore[list-item]
        description=(__doc__ or "").splitlines()[0],
        prog=program(COMMAND),
        allow_abbrev=False,
    )
    check_flags(parser, argv)
    data_arguments, arguments = parser.parse_args_into_dataclasses(argv)
    if not 0 <= arguments.max_loss <= 1:
        raise ValueError(f"--max_loss is {arguments.max_loss}: expected a difference of macro-F1, such as 0.003.")
    facts = [find_model(arguments.model), find_model(arguments.cheap)]
    material, counts = gather(arguments, data_arguments, facts)
    curve = material.curve()
    chosen = choose(curve, arguments.max_loss)
    show(curve, chosen)
    if not chosen.share:
        raise ValueError(
            f"No text can be left to '{arguments.cheap}' at a loss of at most {arguments.max_loss}: give a larger "
            "--max_loss or a better cheap model."
        )
    share, loss = held_out(material, arguments.max_loss)
    print(f"* margin {chosen.margin:.4g}: '{arguments.cheap}' labels {chosen.share:.0%}, loss {chosen.loss:+.4f}.")
    print(f"Chosen on one half of the {len(material.margin):,} texts, the other loses {loss:+.4f} at {share:.0%}.")
    content = {
        "model": facts[0].describe(),
        "cheap": facts[1].describe(),
        "cheap_source": "@".join(filter(None, (facts[1].name, facts[1].revision))),
        "dataset": data_arguments.dataset,
        "max_loss": arguments.max_loss,
        "margin": chosen.margin,
        "label_counts": counts,
        "held_out": {"share": share, "loss": loss},
        "curve": [asdict(point) for point in curve[1:]],  # JSON has no infinity
    }
    write_json(Path(arguments.output), content)
    print(f"{arguments.output}: python label.py --model {arguments.model} --cascade {arguments.output} …")


def run(argv: list[str] | None = None) -> int:
    """`main` with errors and signals in one sentence instead of a traceback; the process's exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    datasets.disable_progress_bars()
    disable_progress_bar()
    keep_few_kernels()
    return end_with_status(main, sys.argv[1:] if argv is None else argv, advice="nothing was written.")


if __name__ == "__main__":
    sys.exit(run())
