"""Ways of fitting thresholds, by the macro-F1 that they give on rows of validation that they were not fitted on.

python -m benchmarks.thresholds --model FOLDER --dataset go_emotions --rows 400 1000 2500
"""

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.special import expit
from transformers import AutoModelForSequenceClassification

import fusion_model  # noqa: F401  registers the classes, so that a local folder needs no remote code
from extraction.sources import load_source
from extraction.splits import label_matrix, label_names, texts_of
from training.thresholds import Method, cross_validated, fit_averaged, fit_calibrated, fit_own, fit_shrunk

WAYS: dict[str, Method] = {
    "each label's own best": fit_own,
    "calibrated": fit_calibrated,
    "shrunk": fit_shrunk,
    "averaged": fit_averaged,
}


def compare(
    probabilities: np.ndarray, targets: np.ndarray, sizes: list[int], draws: int, seed: int
) -> dict[str, list[float]]:
    """Cross-validated macro-F1 of each way.

    Args:
        probabilities: `(rows, num_labels)`.
        targets: 0/1 `(rows, num_labels)`.
        sizes: Numbers of rows, each drawn `draws` times; all rows are taken where there are fewer.
        draws: Random draws of each size.
        seed: Of draws and halvings.

    Returns:
        A score for each size, by way.
    """
    rng = np.random.default_rng(seed)
    scores: dict[str, list[float]] = {name: [] for name in WAYS}
    for size in sizes:
        drawn = [rng.permutation(len(targets))[:size] for _ in range(draws if size < len(targets) else 1)]
        for name, fit in WAYS.items():
            each = [cross_validated(probabilities[rows], targets[rows], fit, seed=seed) for rows in drawn]
            scores[name].append(float(np.mean(each)))
    return scores


def main() -> None:
    """Read a model's validation logits and print a row for each way."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", required=True, help="folder of a model that was not trained on these rows")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--rows", nargs="*", type=int, default=[400, 1000, 2500], help="beside all rows")
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    data = load_source(options.dataset, label_mode="multi")
    names, split = label_names(data), data["validation"]
    model = AutoModelForSequenceClassification.from_pretrained(options.model)
    own = [model.config.id2label[i] for i in range(model.config.num_labels)]
    if sorted(own) != sorted(names):
        raise SystemExit(f"The model's labels {own} are not those of '{options.dataset}', {names}.")
    targets = label_matrix(split, len(names))
    logits = model.logits(texts_of(split)).numpy().astype(np.float64)
    probabilities = expit(logits)[:, [own.index(name) for name in names]]
    sizes = [size for size in options.rows if size < len(targets)] + [len(targets)]
    table = Table(title="cross-validated macro-F1", title_justify="left")
    table.add_column("way")
    for size in sizes:
        table.add_column(f"{size:,} rows", justify="right")
    for name, scores in compare(probabilities, targets, sizes, options.draws, options.seed).items():
        table.add_row(name, *(f"{score:.4f}" for score in scores))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
