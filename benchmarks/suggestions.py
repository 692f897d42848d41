"""Rows that have to be labelled for the same score: picked as `labels.suggest` picks them, beside picked at random.

python -m benchmarks.suggestions --dataset empathetic_dialogues --seeds 5 --plot suggestions.png

All of train is taken for unlabelled; each way begins with the same rows, and labels `--step` more in each round.
Models are the linear ones of `labels.learning_curve`, scored on all of validation.
"""

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from scipy.special import expit, softmax

from benchmarks.measure import parser, report
from common.recipes import load_recipe
from extraction.sources import load_source
from labels.cross_validation import fit_predict, shares
from labels.material import Material, gather
from labels.suggest import CANDIDATES, Pool, doubt
from training.plots import ACCENT, BAR, STYLE
from training.thresholds import fit_shrunk, macro_f1

WAYS = {"labels.suggest": BAR, "at random": ACCENT}


def simulate(material: Material, start: int, step: int, rounds: int, seed: int, picks: bool) -> list[float]:
    """Score on validation after each round.

    Args:
        material: Of train and validation.
        start: Rows that are labelled at first, drawn at random.
        step: Rows that are labelled in each round.
        rounds: How many.
        seed: Of the draw.
        picks: Whether rows are picked; else they are drawn.
    """
    train, test = (np.flatnonzero(material.splits == name) for name in ("train", "validation"))
    order = np.random.default_rng(seed).permutation(train)
    labelled, rest = order[:start], order[start:]
    targets = material.given if material.several else shares(material.given)
    scores = []
    for number in range(rounds + 1):
        labelled = np.sort(labelled)
        logits = fit_predict(material, targets, labelled, np.concatenate([test, rest]), material.several)
        found = expit(logits) if material.several else softmax(logits, axis=1)
        known = found[: len(test)]
        thresholds = fit_shrunk(known, material.given[test]) if material.several else None
        if thresholds is not None:
            scores.append(macro_f1(material.given[test], known >= thresholds))
        else:
            scores.append(float(material.given[test][np.arange(len(test)), known.argmax(axis=1)].mean()))
        if number == rounds:
            break
        chosen = np.arange(step)  # of rows in random order
        if picks:
            unsure, _ = doubt(found[len(test) :], None if thresholds is None else thresholds.tolist())
            pool = Pool(step * CANDIDATES)
            pool.add([(place, "") for place in range(len(rest))], unsure, found[len(test) :], material.meaning[rest])
            chosen = np.array([pool.rows[place][0] for place in pool.pick(step, seed)])
        labelled, rest = np.concatenate([labelled, rest[chosen]]), np.delete(rest, chosen)
    return scores


def rows_for(score: float, rows: np.ndarray, scores: np.ndarray) -> float:
    """Rows at which a curve of mean scores reaches a score, between its points; infinite if it does not."""
    reached = np.maximum.accumulate(scores)
    return float(np.interp(score, reached, rows)) if score <= reached[-1] else float("inf")


def main(argv: list[str] | None = None) -> None:
    """Print both curves, and how many rows picked ones save."""
    arguments = parser(__doc__)
    arguments.add_argument("--dataset", required=True)
    arguments.add_argument("--start", type=int, default=500)
    arguments.add_argument("--step", type=int, default=250)
    arguments.add_argument("--rounds", type=int, default=10)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--recipe", default="minilm")
    arguments.add_argument("--cache_dir", type=Path)
    arguments.add_argument("--plot", type=Path, help="picture of both curves")
    given = arguments.parse_args(argv)
    data = load_source(given.dataset)
    data.pop("test", None)
    material = gather(data, load_recipe(given.recipe), given.cache_dir)
    curves = {
        way: np.array(
            [
                simulate(material, given.start, given.step, given.rounds, seed, way != "at random")
                for seed in range(given.seeds)
            ]
        )
        for way in WAYS
    }
    rows = given.start + given.step * np.arange(given.rounds + 1)
    picked, drawn = (curves[way].mean(axis=0) for way in WAYS)
    table = [
        {
            "rows": int(count),
            **{way: f"{curve[:, place].mean():.3f} ± {curve[:, place].std():.3f}" for way, curve in curves.items()},
            "picked rows for the random ones' score": f"{rows_for(drawn[place], rows, picked):,.0f}",
        }
        for place, count in enumerate(rows)
    ]
    report(f"Rows picked or drawn: {Path(given.dataset).name}, {given.seeds} seeds", table, given.json)
    if given.plot is not None:
        with plt.rc_context(STYLE):  # type: ignore[arg-type]
            figure, axes = plt.subplots(figsize=(6, 3.6))
            for way, colour in WAYS.items():
                mean, deviation = curves[way].mean(axis=0), curves[way].std(axis=0)
                axes.plot(rows, mean, color=colour, label=way)
                axes.fill_between(rows, mean - deviation, mean + deviation, color=colour, alpha=0.2, linewidth=0)
            axes.set_xlabel("labelled rows")
            axes.set_ylabel("macro-F1" if material.several else "accuracy")
            axes.grid(axis="y")
            axes.legend(frameon=False)
            figure.savefig(given.plot)


if __name__ == "__main__":
    main()
