"""The plots in a model folder: F1 by label, confusion, calibration."""

import warnings
from pathlib import Path

import matplotlib
import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform
from sklearn.calibration import calibration_curve

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, SOFT, LINE, BAR, ACCENT = "#22303c", "#66727f", "#d5dbe1", "#4c78a8", "#d1495b"
# More labels than these make a plot that nobody can read.
MAX_BARS, MAX_CELLS = 100, 30
MAX_NAME = 32
STYLE = {
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "savefig.dpi": 150,
    "savefig.bbox": "tight",
    "savefig.pad_inches": 0.15,
    # A dollar sign in a label is a dollar sign.
    "text.parse_math": False,
}


def write_plots(
    folder: Path,
    per_label: dict[str, dict],
    probabilities: np.ndarray,
    predicted: np.ndarray,
    labels: np.ndarray,
    split: str,
) -> list[str]:
    """Draw all plots of one split.

    Args:
        folder: Where they are written; made if missing.
        per_label: `{name: {"f1": ..., "support": ...}}` in the order of ids.
        probabilities: `(rows, num_labels)`.
        predicted: 0/1 `(rows, num_labels)`.
        labels: 0/1 `(rows, num_labels)`.
        split: Named in the titles.

    Returns:
        File names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [_short(name) for name in per_label]
    f1 = np.array([item["f1"] for item in per_label.values()])
    support = np.array([item["support"] for item in per_label.values()])
    with plt.rc_context(STYLE), warnings.catch_warnings():  # type: ignore[arg-type]
        # A sign that the font lacks is drawn as a box; that is no news to whoever trains.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        drawn = {
            "f1_by_label.png": _f1_by_label(names, f1, support, split),
            "confusion.png": _confusion(names, predicted, labels, split),
            "calibration.png": _calibration(probabilities, labels, split),
        }
        for file, figure in drawn.items():
            figure.savefig(folder / file)
            plt.close(figure)
    return list(drawn)


def _short(name: str) -> str:
    """A label's name in one line of bounded length."""
    name = " ".join(name.split())
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"


def _no_ticks(axes: Axes) -> None:
    axes.tick_params(length=0)


def _f1_by_label(names: list[str], f1: np.ndarray, support: np.ndarray, split: str) -> Figure:
    """A bar a label, the best on top; of very many labels the most frequent."""
    shown = np.argsort(-support, kind="stable")[:MAX_BARS]
    shown = shown[np.argsort(f1[shown], kind="stable")]
    height = 0.235 * len(shown) + 1.2
    figure, axes = plt.subplots(figsize=(6.8, height))
    places = np.arange(len(shown))
    mean = float(f1.mean())
    axes.barh(places, f1[shown], color=BAR, height=0.7)
    axes.axvline(mean, color=ACCENT, linewidth=1.2)
    for place, label in enumerate(shown.tolist()):
        axes.text(
            f1[label] + 0.007,
            place,
            f"{f1[label]:.2f}",
            va="center_baseline",
            fontsize=7.5,
            # Where the mean's line runs behind a figure, the figure stays legible.
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )
        axes.text(1.18, place, f"{support[label]:,}", ha="right", va="center_baseline", fontsize=7.5, color=SOFT)
    top = len(shown) - 0.4
    # Kept clear of the next heading and of the edge.
    axes.text(np.clip(mean, 0.08, 0.94), top, f"mean {mean:.3f}", color=ACCENT, ha="center", va="bottom", fontsize=8)
    axes.text(1.18, top, "examples", color=SOFT, ha="right", va="bottom", fontsize=8)
    axes.set_yticks(places, [names[label] for label in shown])
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_xlim(0, 1.19)
    axes.set_ylim(-0.6, top)
    axes.grid(axis="x")
    axes.spines[["bottom"]].set_visible(False)
    _no_ticks(axes)
    axes.set_xlabel("F1")
    rest = f", the {len(shown)} most frequent of {len(names)}" if len(shown) < len(names) else ""
    axes.set_title(f"F1 by label on {split}{rest}", pad=20)
    return figure


def _confusion(names: list[str], predicted: np.ndarray, labels: np.ndarray, split: str) -> Figure:
    """Of the rows with a label, the share predicted as each label; labels that are confused stand side by side."""
    support = labels.sum(axis=0)
    top = np.argsort(-support, kind="stable")[:MAX_CELLS]
    share = (labels[:, top].T @ predicted[:, top]) / np.maximum(support[top], 1)[:, None]
    order = _neighbours(share)
    top, share = top[order], share[np.ix_(order, order)]
    size = max(0.3 * len(top) + 1.6, 4.6)
    figure, axes = plt.subplots(figsize=(size, size))
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(share.shape):
        if share[row, column] >= 0.005:
            colour = "white" if share[row, column] > 0.5 else INK
            text = f"{100 * share[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center_baseline", fontsize=7, color=colour)
    for label in np.flatnonzero(support[top] == 0).tolist():
        axes.text(0, label, "no example", va="center_baseline", fontsize=7, color=SOFT)
    shown = [names[label] for label in top]
    axes.set_xticks(range(len(top)), shown, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(top)), shown)
    axes.set_xticks(np.arange(1, len(top)) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, len(top)) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=0.8)
    axes.set_axisbelow(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    rest = f", {len(top)} most frequent of {len(names)} labels" if len(top) < len(names) else ""
    axes.set_title(f"Of the texts with a label, % predicted as each label ({split}{rest})")
    return figure


def _neighbours(share: np.ndarray) -> np.ndarray:
    """An order in which labels stand next to those that they are confused with.

    Args:
        share: `(n, n)`.

    Returns:
        A permutation `(n,)`.
    """
    if len(share) < 3:
        return np.arange(len(share))
    # The root spreads the small shares, which most confusions are.
    distance = 1 - np.sqrt(np.clip((share + share.T) / 2, 0, 1))
    np.fill_diagonal(distance, 0)
    return leaves_list(linkage(squareform(distance, checks=False), "average", optimal_ordering=True))


def _calibration(probabilities: np.ndarray, labels: np.ndarray, split: str) -> Figure:
    """Scores of all labels in ten bins: how often they come true, and how many there are."""
    scores = probabilities.ravel()
    share, mean = calibration_curve(labels.ravel(), scores, n_bins=10)
    count, edges = np.histogram(scores, bins=10, range=(0, 1))
    figure, (axes, below) = plt.subplots(
        2, 1, figsize=(4.6, 5.6), height_ratios=[3.4, 1], sharex=True, layout="constrained"
    )
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
    axes.vlines(mean, np.minimum(mean, share), np.maximum(mean, share), color=ACCENT, linewidth=1.4, alpha=0.6)
    axes.plot(mean, share, marker="o", markersize=5, color=BAR, clip_on=False, zorder=3)
    axes.text(0.04, 0.96, "scores too low", color=SOFT, fontsize=8, va="top")
    axes.text(0.96, 0.04, "scores too high", color=SOFT, fontsize=8, ha="right")
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=np.linspace(0, 1, 6), yticks=np.linspace(0, 1, 6))
    axes.set_ylabel("share of scores that come true")
    axes.set_title(f"Calibration of all labels' scores on {split}")
    below.bar((edges[:-1] + edges[1:]) / 2, count, width=0.092, color=BAR)
    below.set_yscale("log")
    below.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    below.set_ylim(bottom=0.7)
    below.set_ylabel("scores")
    below.set_xlabel("score")
    below.minorticks_off()
    for part in (axes, below):
        part.grid(axis="y")
        _no_ticks(part)
    axes.grid(axis="x")
    return figure
