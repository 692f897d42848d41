"""Tells what more labels would bring: scores with 5 to 100 % of the rows, a power law through them, and twice the rows.

python -m labels.learning_curve --dataset my.csv
python -m labels.learning_curve --dataset go_emotions --recipe minilm --seeds 10 --output curve/go_emotions
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit, softmax
from sklearn.metrics import f1_score

from common.atomic import write_json
from extraction.arguments import parse
from extraction.reading import LoadedData
from training.thresholds import fit_shrunk

from .arguments import CommonArguments, run_command
from .cross_validation import fit_predict, folds, shares
from .groups import find_groups
from .html import Plot, Table, render
from .material import Material, gather
from .plots import plot_bars, plot_curve
from .power_law import Forecast, forecast

SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
FEWEST_SEEDS, LARGEST_GAINS = 3, 10
FIGURES, PAGE = "learning_curve.json", "index.html"


@dataclass
class CurveArguments(CommonArguments):
    """What a learning curve needs beside the data."""

    output: str = field(default="learning_curve", metadata={"help": "Folder for the figures and the page."})
    seeds: int = field(default=5, metadata={"help": "Folds, each scored once by models of every size; 3 or more."})


@dataclass
class Curve:
    """Scores by number of rows.

    Args:
        rows: Mean number of rows of each size, `(sizes,)`.
        scores: Macro-F1, or accuracy where a text has one label, `(seeds, sizes)`.
        per_label: F1 of each label, `(seeds, sizes, num_labels)`.
        metric: Which score it is.
    """

    rows: np.ndarray
    scores: np.ndarray
    per_label: np.ndarray
    metric: str


def measure(material: Material, seeds: int, seed: int = 0) -> Curve:
    """Score each fold by models of growing parts of the other folds; text groups stay together.

    Args:
        material: Of the training split.
        seeds: Number of folds; each has an order of rows of its own.
        seed: Of the folds and orders.
    """
    near = find_groups(material.texts, material.meaning).near
    fold = folds(near, material.given, seeds, seed)
    targets = material.given if material.several else shares(material.given)
    sizes, scores, per_label = (np.empty((seeds, len(SHARES), *more)) for more in ((), (), (len(material.names),)))
    for number in range(seeds):
        test = np.flatnonzero(fold == number)
        rest = np.random.default_rng([seed, number]).permutation(np.flatnonzero(fold != number))
        for place, share in enumerate(SHARES):
            part = np.sort(rest[: max(2, round(share * len(rest)))])
            logits = fit_predict(material, targets, part, test, material.several)
            score, f1 = _score(logits, material.given[test], material.several)
            sizes[number, place], scores[number, place], per_label[number, place] = len(part), score, f1
    return Curve(sizes.mean(axis=0), scores, per_label, "macro-F1" if material.several else "accuracy")


def _score(logits: np.ndarray, given: np.ndarray, several: bool) -> tuple[float, np.ndarray]:
    """The score of a fold, and each label's F1; thresholds are fitted on one half of the fold and used on the other."""
    if several:
        chances, predicted = expit(logits), np.zeros(given.shape, dtype=bool)
        halves = np.arange(len(given)) % 2 == 0
        for half in (halves, ~halves):
            predicted[~half] = chances[~half] >= fit_shrunk(chances[half], given[half])
    else:
        predicted = np.eye(given.shape[1])[softmax(logits[:, : given.shape[1]], axis=1).argmax(axis=1)] > 0
    f1 = f1_score(given > 0, predicted, average=None, zero_division=0)
    if several:
        return float(f1[given.any(axis=0)].mean()), f1
    return float((predicted & (given > 0)).any(axis=1).mean()), f1


def largest_gains(curve: Curve, names: list[str]) -> list[tuple[str, float, float, float]]:
    """The labels whose F1 rose most when the rows were doubled last, which is what a next doubling may bring too.

    Returns:
        Name, F1 with all rows, the rise, and the standard error of the rise.
    """
    rise = curve.per_label[:, -1] - curve.per_label[:, -2]
    mean, error = rise.mean(axis=0), rise.std(axis=0, ddof=1) / np.sqrt(len(rise))
    best = np.argsort(-mean)[:LARGEST_GAINS]
    now = curve.per_label[:, -1].mean(axis=0)
    return [(names[i], float(now[i]), float(mean[i]), float(error[i])) for i in best.tolist() if mean[i] > 0]


def told(curve: Curve, law: Forecast, gains: list[tuple[str, float, float, float]], rows: int) -> list[str]:
    """What the curve says, in sentences."""
    low, high = law.range
    sentences = [
        f"With {curve.rows[-1]:,.0f} rows, {curve.metric} is {curve.scores[:, -1].mean():.3f} ± "
        f"{curve.scores[:, -1].std():.3f}; with half of them {curve.scores[:, -2].mean():.3f}.",
        f"Twice your {rows:,} rows would bring about {law.gain:+.3f} (80 % of resampled curves: {low:+.3f} to "
        f"{high:+.3f}).",
    ]
    if law.gain < 0.005:
        sentences.append("More rows of the same kind bring little: look at the labels themselves (labels.audit).")
    if gains:
        shown = ", ".join(f"{name} ({rise:+.2f})" for name, _, rise, _ in gains[:5])
        sentences.append(f"The last doubling brought most to {shown} (F1).")
    return sentences


def main(argv: list[str]) -> None:
    """Measure, print what the curve says, and write figures and a page.

    Args:
        argv: Arguments without the program's name.

    Raises:
        ValueError: arguments or data are not usable.
        OSError: something cannot be read or written.
    """
    data_arguments, arguments, recipe = parse(
        argv, CurveArguments, "python -m labels.learning_curve", (__doc__ or "").splitlines()[0]
    )
    if arguments.seeds < FEWEST_SEEDS:
        raise ValueError(f"--seeds is {arguments.seeds}: expected {FEWEST_SEEDS} or more, to tell how sure a score is.")
    data = data_arguments.load()
    print(data.reading)
    data = LoadedData({"train": data["train"]}, data.reading)
    device = "cpu" if arguments.use_cpu or not torch.cuda.is_available() else "cuda"
    material = gather(data, recipe, data_arguments.cache_path, device)
    curve = measure(material, arguments.seeds, arguments.seed)
    law = forecast(curve.rows, curve.scores, len(material))
    gains = largest_gains(curve, material.names)
    sentences = told(curve, law, gains, len(material))
    for sentence in sentences:
        print(f"- {sentence}")
    folder = Path(arguments.output)
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "dataset": Path(data_arguments.dataset).name,
        "recipe": recipe.name,
        "metric": curve.metric,
        "rows": curve.rows.tolist(),
        "scores": curve.scores.tolist(),
        "law": {"error": "a * rows ** -b + c", "a": law.a, "b": law.b, "c": law.c},
        "twice": {"rows": 2 * len(material), "gain": law.gain, "range": list(law.range)},
        "gains": [dict(zip(("label", "f1", "rise", "standard_error"), gain, strict=True)) for gain in gains],
    }
    write_json(folder / FIGURES, figures)
    (folder / PAGE).write_text(_page(curve, law, gains, sentences, figures["dataset"], recipe.name), encoding="utf-8")
    print(f"{folder / FIGURES}, {folder / PAGE}")


def _page(
    curve: Curve,
    law: Forecast,
    gains: list[tuple[str, float, float, float]],
    sentences: list[str],
    dataset: str,
    recipe: str,
) -> str:
    """The curve as a page."""
    said = "Dots are folds; the line is the power law, and the shade 80 % of the laws of resampled folds."
    plots = [Plot(f"{curve.metric} by number of rows", said, plot_curve(curve.rows, curve.scores, curve.metric, law))]
    tables = []
    if gains:
        rises = np.array([rise for _, _, rise, _ in gains])
        notes = [f"{rise:+.3f} ± {error:.3f}" for _, _, rise, error in gains]
        said = "How much F1 rose with the last doubling of the rows, with its standard error."
        plots.append(Plot("Labels that gain most", said, plot_bars([gain[0] for gain in gains], rises, "F1", notes)))
    cells = [
        [f"{rows:,.0f}", f"{scores.mean():.3f} ± {scores.std():.3f}"]
        for rows, scores in zip(curve.rows, curve.scores.T, strict=True)
    ]
    tables.append(Table("Figures", "Mean and deviation over folds.", ["rows", curve.metric], cells, len(cells)))
    subtitle = (
        f"{len(curve.scores)} folds; linear models on the features of the recipe {recipe} and on words, which stand "
        "in for train.py's heads."
    )
    return render(f"Learning curve of {dataset}", subtitle, sentences, plots, tables)


def run(argv: list[str] | None = None) -> int:
    """`main` with errors and signals in one sentence instead of a traceback; the process's exit status."""
    return run_command(main, argv)


if __name__ == "__main__":
    sys.exit(run())
