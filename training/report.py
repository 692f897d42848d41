"""metrics.json and the table on the terminal."""

import json
import math
import platform
import subprocess
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

HEADLINE = {
    "macro_f1": "macro F1",
    "cross_fitted_macro_f1": "macro F1, cross-validated",
    "micro_f1": "micro F1",
    "weighted_f1": "weighted F1",
    "accuracy": "accuracy",
    "cross_fitted_accuracy": "accuracy, cross-validated",
    "mean_average_precision": "mean average precision",
    "calibration_error": "calibration error",
    "loss": "loss",
}
LIBRARIES = (
    "torch",
    "transformers",
    "datasets",
    "huggingface_hub",
    "accelerate",
    "evaluate",
    "scikit-learn",
    "safetensors",
)


def commit(folder: Path = Path(__file__).parent) -> str | None:
    """The commit of the repository that a folder is in, by default this code's.

    Args:
        folder: A folder.

    Returns:
        Twelve digits, marked `-dirty` where files differ from the commit; None outside a repository or without git.
    """
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return described.stdout.strip() or None


def versions() -> dict[str, str]:
    """Python, platform and libraries."""
    return {"python": platform.python_version(), "machine": platform.machine()} | {
        name: version(name) for name in LIBRARIES
    }


def summarise(runs: Sequence[dict | None]) -> dict | None:
    """Mean and deviation over runs.

    Args:
        runs: One dict of metrics a run, with floats and `per_label`, or None where the split does not exist.

    Returns:
        `{metric: {"mean": ..., "std": ...}}` (population deviation), `per_label` alike; None without a split.
    """
    present = [run for run in runs if run is not None]
    if len(present) < len(runs):
        return None

    def spread(values: list[float]) -> dict[str, float]:
        return {"mean": float(np.mean(values)), "std": float(np.std(values))}

    result: dict = {
        key: spread([run[key] for run in present]) for key, value in present[0].items() if isinstance(value, float)
    }
    result["per_label"] = {
        label: {
            key: value if key == "support" else spread([run["per_label"][label][key] for run in present])
            for key, value in figures.items()
            if value is not None
        }
        for label, figures in present[0]["per_label"].items()
    }
    return result


def write_metrics(folder: Path, report: dict) -> None:
    """Write metrics.json; NaN has no place in it.

    Raises:
        ValueError: a metric is not a number; the message names it.
    """
    wrong = [path for path, value in _leaves(report, "") if isinstance(value, float) and not math.isfinite(value)]
    if wrong:
        raise ValueError(f"metrics.json would hold metrics that are not numbers: {', '.join(wrong[:5])}.")
    text = json.dumps(report, indent=2, allow_nan=False, ensure_ascii=False)
    (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Every value in nested dicts and lists, with its path."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def show_results(report: dict, console: Console) -> None:
    """Print the results table: a row a metric, a column a split.

    Args:
        report: What metrics.json holds.
        console: Where to.
    """
    runs = len(report["runs"])
    columns = [split for split in ("validation", "test") if report[split] is not None]
    # A path may hold square brackets, which rich would read as markup.
    title = escape(f"{report['recipe']} on {report['dataset']}: {runs} run{'s' if runs > 1 else ''}")
    table = Table(title=title, title_justify="left")
    table.add_column("metric")
    for split in columns:
        table.add_column(f"{split} ({report['rows'][split]:,} rows)", justify="right")
    for key, title in HEADLINE.items():
        if not any(key in report[split] for split in columns):
            continue
        cells = []
        for split in columns:
            value = report[split].get(key)
            shown = "" if value is None else f"{value['mean']:.4f}"
            cells.append(shown + (f" ± {value['std']:.4f}" if value is not None and runs > 1 else ""))
        table.add_row(title, *cells)
    console.print(table)
    if report["test"] is None:
        console.print("There is no test split: the metrics above are validation's, on which thresholds were fitted.")
