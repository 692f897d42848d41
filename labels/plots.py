"""Plots inside a page: drawn once, in colours that the page gives for dark and for light."""

import io
import re

import matplotlib
import numpy as np
from matplotlib.figure import Figure

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from training.plots import ACCENT, BAR, INK, LINE, SOFT, STYLE

from .power_law import Forecast

# What stands for a colour in the drawing, and its name in the page.
VARIABLES = {INK: "--ink", SOFT: "--soft", LINE: "--line", BAR: "--bar", ACCENT: "--accent"}
MOST_BARS = 40


def inline(figure: Figure) -> str:
    """A figure as SVG that takes its colours and its font from the page around it."""
    written = io.StringIO()
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "labels"}):
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    plt.close(figure)
    drawing = written.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    for colour, name in VARIABLES.items():
        drawing = drawing.replace(colour, f"var({name})")
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    # Wide screens show it as large as it was drawn, narrow ones smaller.
    return re.sub(r'(<svg [^>]*?)width="([\d.]+)pt" height="[\d.]+pt"', r'\1style="width:100%;max-width:\2pt"', drawing)


def plot_scores(scores: np.ndarray, wrong_below: float) -> str:
    """How many rows have which score, those with label errors in another colour."""
    with plt.rc_context(STYLE):  # type: ignore[arg-type]
        figure, axes = plt.subplots(figsize=(6.8, 2.6))
        edges = np.linspace(0, 1, 41)
        counts, _ = np.histogram(scores, edges)
        colours = [ACCENT if edge < wrong_below - 1e-9 else BAR for edge in edges[:-1]]
        axes.bar(edges[:-1], counts, width=0.0215, align="edge", color=colours)
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.7)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.minorticks_off()
        axes.set_xlim(0, 1)
        axes.set_xlabel("chance that the given labels are right")
        axes.set_ylabel("texts")
        axes.grid(axis="y")
        axes.tick_params(length=0)
        return inline(figure)


def plot_bars(names: list[str], values: np.ndarray, unit: str, notes: list[str], share: bool = False) -> str:
    """A bar for each name, the longest on top, with a note at its end.

    Args:
        names: Of at most `MOST_BARS` bars that are shown, the largest.
        values: `(names,)`.
        unit: Below the axis.
        notes: One for each name.
        share: Values are shares, shown as percentages.
    """
    shown = np.argsort(values, kind="stable")[-MOST_BARS:]
    with plt.rc_context(STYLE):  # type: ignore[arg-type]
        figure, axes = plt.subplots(figsize=(6.8, 0.235 * len(shown) + 0.9))
        places = np.arange(len(shown))
        axes.barh(places, values[shown], color=BAR, height=0.7)
        room = float(values.max()) or 1.0
        for place, number in enumerate(shown.tolist()):
            axes.text(
                values[number] + room * 0.01, place, notes[number], va="center_baseline", fontsize=7.5, color=SOFT
            )
        axes.set_yticks(places, [names[number][:60] for number in shown])
        axes.set_xlim(0, room * 1.25)
        axes.set_ylim(-0.6, len(shown) - 0.4)
        if share:
            axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")
        axes.set_xlabel(unit)
        axes.grid(axis="x")
        axes.tick_params(length=0)
        return inline(figure)


def plot_curve(rows: np.ndarray, scores: np.ndarray, metric: str, law: Forecast) -> str:
    """Scores by number of rows, and the law through them, up to twice as many.

    Args:
        rows: `(sizes,)`.
        scores: `(seeds, sizes)`.
        metric: Name of the score.
        law: Fitted to them.
    """
    with plt.rc_context(STYLE):  # type: ignore[arg-type]
        figure, axes = plt.subplots(figsize=(6.8, 3.6))
        line = np.geomspace(rows[0], 2 * rows[-1], 100)
        every = 1 - law.laws[:, :1] * line ** -law.laws[:, 1:2] - law.laws[:, 2:]
        axes.fill_between(line, *np.quantile(every, [0.1, 0.9], axis=0), color=BAR, alpha=0.2, linewidth=0)
        axes.plot(line, law.score(line), color=BAR, linewidth=1.4)
        axes.plot(np.broadcast_to(rows, scores.shape), scores, "o", color=INK, markersize=2.5, alpha=0.6)
        axes.plot(2 * rows[-1], law.score(np.array(2 * rows[-1])), "o", color=ACCENT, markersize=5, clip_on=False)
        axes.set_xscale("log")
        axes.set_xticks([*rows, 2 * rows[-1]], [f"{count:,.0f}" for count in (*rows, 2 * rows[-1])])
        axes.minorticks_off()
        axes.set_xlim(rows[0] * 0.95, 2 * rows[-1] * 1.05)
        axes.set_xlabel("rows")
        axes.set_ylabel(metric)
        axes.grid(axis="y")
        axes.tick_params(length=0)
        return inline(figure)


__all__ = ["inline", "plot_bars", "plot_curve", "plot_scores"]
