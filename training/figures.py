"""The pictures in a model folder: F1 by label, confusion, calibration."""

from pathlib import Path

import matplotlib
import numpy as np

from .calibration import reliability

matplotlib.use("Agg")
from matplotlib import pyplot as plt

INK, BAR, ACCENT = "#22303c", "#4c78a8", "#e45756"
MOST_CONFUSED = 12
STYLE = {
    "font.size": 9,
    "axes.edgecolor": "#9aa5b1",
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 130,
    "savefig.bbox": "tight",
}


def write_figures(
    folder: Path,
    per_label: dict[str, dict],
    probabilities: np.ndarray,
    decisions: np.ndarray,
    labels: np.ndarray,
    split: str,
) -> list[str]:
    """Draw all figures of one split.

    Args:
        folder: Where they are written; made if missing.
        per_label: `{name: {"f1": ..., "support": ...}}` in the order of ids.
        probabilities: `(rows, num_labels)`.
        decisions: 0/1 `(rows, num_labels)`.
        labels: 0/1 `(rows, num_labels)`.
        split: Named in the titles.

    Returns:
        File names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = list(per_label)
    with plt.rc_context(STYLE):
        _f1_by_label(folder / "f1_by_label.png", per_label, split)
        _confusion(folder / "confusion.png", names, decisions, labels, split)
        _calibration(folder / "calibration.png", probabilities, labels, split)
    return ["f1_by_label.png", "confusion.png", "calibration.png"]


def _f1_by_label(file: Path, per_label: dict[str, dict], split: str) -> None:
    ranked = sorted(per_label.items(), key=lambda item: item[1]["f1"])
    figure, axes = plt.subplots(figsize=(6.4, 0.24 * len(ranked) + 1.1))
    places = np.arange(len(ranked))
    axes.barh(places, [item["f1"] for _, item in ranked], color=BAR, height=0.72)
    mean = float(np.mean([item["f1"] for _, item in ranked]))
    axes.axvline(mean, color=ACCENT, linewidth=1, linestyle="--")
    axes.text(mean, len(ranked) - 0.35, f"mean {mean:.3f}", color=ACCENT, ha="center", va="bottom", fontsize=8)
    for place, (_, item) in zip(places, ranked, strict=True):
        axes.text(
            item["f1"] + 0.008, place, f"{item['f1']:.2f}  n={item['support']:,}", va="center", fontsize=7, color=INK
        )
    axes.set_yticks(places, [name for name, _ in ranked])
    axes.set_xlim(0, 1.08)
    axes.set_ylim(-0.6, len(ranked) + 0.3)
    axes.set_xlabel(f"F1 on {split} (n: examples that have the label)")
    figure.savefig(file)
    plt.close(figure)


def _confusion(file: Path, names: list[str], decisions: np.ndarray, labels: np.ndarray, split: str) -> None:
    """Of the rows with a label, the share that was given each label: the most frequent labels."""
    support = labels.sum(axis=0)
    top = np.argsort(-support, kind="stable")[: min(MOST_CONFUSED, len(names))]
    share = (labels[:, top].T @ decisions[:, top]) / np.maximum(support[top], 1)[:, None]
    size = 0.42 * len(top) + 1.6
    figure, axes = plt.subplots(figsize=(size + 0.6, size))
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(share.shape):
        if share[row, column] >= 0.005:
            colour = "white" if share[row, column] > 0.55 else INK
            axes.text(
                column, row, f"{100 * share[row, column]:.0f}", ha="center", va="center", fontsize=7, color=colour
            )
    axes.set_xticks(range(len(top)), [names[i] for i in top], rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(top)), [names[i] for i in top])
    axes.set_xlabel("asserted")
    axes.set_ylabel("true")
    axes.set_title(f"% of a true label's rows, {split}, {len(top)} most frequent labels", fontsize=9, color=INK)
    figure.savefig(file)
    plt.close(figure)


def _calibration(file: Path, probabilities: np.ndarray, labels: np.ndarray, split: str) -> None:
    mean, share, count = reliability(probabilities, labels)
    figure, (axes, below) = plt.subplots(2, 1, figsize=(4.4, 5), height_ratios=[3, 1], sharex=True)
    axes.plot([0, 1], [0, 1], color="#9aa5b1", linewidth=1, linestyle="--")
    axes.plot(mean, share, marker="o", color=BAR)
    axes.set_ylabel("share that has the label")
    axes.set_title(f"Reliability of all label scores, {split}", fontsize=9, color=INK)
    below.bar(mean, count, width=0.06, color=BAR)
    below.set_yscale("log")
    below.set_ylabel("scores")
    below.set_xlabel("score")
    figure.savefig(file)
    plt.close(figure)
