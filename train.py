"""One command: data set -> features -> head -> metrics -> model folder.

python train.py --dataset sample
python train.py --dataset go_emotions --recipe minilm --num_runs 5
python train.py --dataset my.csv --text_column comment --label_column feeling
"""

import logging
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import datasets
import numpy as np
import torch
from datasets import DatasetDict
from rich.console import Console
from transformers.utils.logging import disable_progress_bar

from extraction.features import default_cache_dir, extract, pin
from extraction.splits import is_multi_label, label_matrix, label_names
from fusion_model import BackboneEncoder, FusionForSequenceClassification
from hub_config.card import write_card
from hub_config.publish import prepare, publish
from hub_config.recipes import RecipeError
from training.arguments import Arguments, parse
from training.calibration import to_probabilities
from training.evaluation import Calibration, calibrate, score
from training.feed import FeatureColumn, FeatureDataset
from training.figures import write_figures
from training.finetune import finetune
from training.folder import write_model
from training.head import build_config, log_prior, predict_logits, seeded_model, train_head
from training.lexical import fit_lexical
from training.report import commit, show_results, summarise, versions, write_metrics

console = Console()


@dataclass
class Run:
    """One seed's outcome: the model, what validation decided, and the figures of each split (None: no such split)."""

    seed: int
    model: FusionForSequenceClassification
    calibration: Calibration
    validation: dict
    test: dict | None
    logits: dict[str, np.ndarray]


def main(argv: list[str] | None = None) -> Path:
    """Train and write a model folder.

    Args:
        argv: Arguments in place of the command line's.

    Returns:
        The model folder.

    Raises:
        ValueError: arguments, recipe or data are not usable; the message says what to do.
    """
    started = time.perf_counter()
    arguments = parse(sys.argv[1:] if argv is None else argv)
    # Who may not publish is told so before an hour of training, not after it.
    target = prepare(arguments.training) if arguments.training.push_to_hub else None
    data = arguments.data.load(arguments.training.seed)
    names, multi_label = label_names(data), is_multi_label(data)
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in data.items())
    kind = "several labels a text" if multi_label else "one label a text"
    print(f"{arguments.data.dataset}: {sizes} texts, {len(names)} labels, {kind}")

    columns = extract_all(arguments, data)
    extracted = time.perf_counter()
    labels = {
        name: label_matrix(split, len(names)) if multi_label else np.asarray(split["labels"][:])
        for name, split in data.items()
    }
    lexical, lexical_logits = None, dict.fromkeys(data)
    if arguments.training.lexical:
        with console.status("lexical channel: fitting"):
            lexical = fit_lexical(data["train"]["text"][:], labels["train"], len(names), arguments.training.lexical_c)
            # The head is trained without the channel, so training texts need none of its logits.
            lexical_logits |= {name: lexical(data[name]["text"][:]).numpy() for name in data if name != "train"}
        print(f"lexical channel: {len(lexical.idf):,} terms")
    feeds = {name: FeatureDataset(columns[name], labels[name], lexical_logits[name]) for name in data}

    prior = log_prior(labels["train"], len(names))
    base_ids = {spec["name"]: spec["model_id"] for spec in arguments.backbones}
    runs = []
    folder = Path(arguments.training.output_dir or "")
    for number in range(arguments.training.num_runs):
        seed = arguments.training.seed + number
        print(f"run {number + 1} of {arguments.training.num_runs}, seed {seed}")
        backbones, tuned_heads = tune_backbones(arguments, data, labels, len(names), seed, feeds)
        config = build_config(arguments, backbones, names, multi_label)
        model = seeded_model(seed, config, columns["train"], lexical, tuned_heads, prior)
        if config.frozen:
            checkpoints = folder / "checkpoints" / str(seed)
            train_head(model, feeds["train"], feeds["validation"], arguments, seed, checkpoints)
        runs.append(evaluate_run(model, feeds, names, seed, arguments.training.per_device_eval_batch_size))
    trained = time.perf_counter()

    key = "macro_f1" if multi_label else "accuracy"
    best = max(runs, key=lambda run: run.validation.get(f"cross_fitted_{key}", run.validation[key]))
    best.model.cpu()
    timings = {
        "extract_seconds": extracted - started,
        "train_seconds": trained - extracted,
        "total_seconds": trained - started,
    }
    report = build_report(arguments, data, names, runs, best, timings)
    write_folder(folder, arguments, best, report, feeds, names, base_ids)
    # Checkpoints hold pickled optimizer states, which have no place in a folder that is published.
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    show_results(report, console)
    say_how_to_try(folder)
    if target is not None:
        publish(folder, target, token=arguments.training.hub_token, console=console)
    return folder


def extract_all(arguments: Arguments, data: DatasetDict) -> dict[str, dict[str, FeatureColumn]]:
    """Features of every split for every frozen backbone; the arguments' backbones are pinned on the way."""
    device = arguments.training.device
    arguments.backbones = [pin(spec) for spec in arguments.backbones]
    cache_dir = arguments.data.cache_path
    columns: dict[str, dict[str, FeatureColumn]] = {name: {} for name in data}
    for spec in arguments.backbones:
        if spec["tuned"]:
            continue
        # One encoder for all splits, loaded only if a split is not in the cache; one backbone in memory at a time.
        encoder = BackboneEncoder(spec, device=device)
        for name, split in data.items():
            features = extract(split, spec, name=name, cache_dir=cache_dir, device=device, encoder=encoder)
            columns[name][spec["name"]] = FeatureColumn(features)
    return columns


def tune_backbones(
    arguments: Arguments,
    data: DatasetDict,
    labels: dict[str, np.ndarray],
    num_labels: int,
    seed: int,
    feeds: dict[str, FeatureDataset],
) -> tuple[list[dict], dict[str, dict[str, torch.Tensor]]]:
    """Fine-tune the backbones that the recipe marks so, and add what they see in the evaluation splits to the feeds.

    Returns:
        This run's backbone specs, and the weights of each tuned backbone's classification layer.
    """
    options = arguments.training
    cache_dir = arguments.data.cache_path or default_cache_dir()
    backbones, heads = [], {}
    for spec in arguments.backbones:
        name = spec["name"]
        if spec["tuned"]:
            chosen = seed if options.finetune_seed is None else options.finetune_seed
            spec, heads[name] = finetune(spec, data, labels, num_labels, options, chosen, cache_dir)
            encoder = BackboneEncoder(spec, device=options.device)
            for split in feeds:
                if split != "train":
                    features = extract(
                        data[split], spec, name=split, cache_dir=cache_dir, device=options.device, encoder=encoder
                    )
                    feeds[split].columns[name] = FeatureColumn(features)
        backbones.append(spec)
    return backbones, heads


def evaluate_run(
    model: FusionForSequenceClassification,
    feeds: dict[str, FeatureDataset],
    names: list[str],
    seed: int,
    batch_size: int,
) -> Run:
    """Fit temperature and thresholds on validation, score validation, then test once."""
    logits = {name: predict_logits(model, feeds[name], batch_size) for name in feeds if name != "train"}
    calibration = calibrate(logits["validation"], feeds["validation"].labels)
    model.config.temperature = calibration.temperature
    if calibration.thresholds is not None:
        model.config.thresholds = [float(t) for t in calibration.thresholds]
    scores = {name: score(logits[name], feeds[name].labels, calibration, names) for name in logits}
    if calibration.selection is not None:
        scores["validation"]["cross_fitted_macro_f1"] = max(calibration.selection["cross_fitted"].values())
    return Run(seed, model, calibration, scores["validation"], scores.get("test"), logits)


def build_report(
    arguments: Arguments, data: DatasetDict, names: list[str], runs: list[Run], best: Run, timings: dict[str, float]
) -> dict:
    """What goes into metrics.json."""
    return {
        # A local path is told by its last part: where it lies is nobody's business but this machine's.
        "dataset": Path(arguments.data.dataset).name
        if Path(arguments.data.dataset).exists()
        else arguments.data.dataset,
        "label_mode": arguments.data.label_mode,
        "recipe": arguments.recipe.name,
        "commit": commit(),
        "versions": versions(),
        "rows": {name: len(split) for name, split in data.items()},
        "labels": names,
        "backbones": [{key: spec[key] for key in ("name", "model_id", "revision")} for spec in arguments.backbones],
        "parameters": sum(p.numel() for p in best.model.parameters()),
        "timings": {key: round(value, 1) for key, value in timings.items()},
        "saved_seed": best.seed,
        "threshold_selection": best.calibration.selection,
        "runs": [{"seed": run.seed, "validation": run.validation, "test": run.test} for run in runs],
        "validation": summarise([run.validation for run in runs]),
        "test": summarise([run.test for run in runs]),
    }


def write_folder(
    folder: Path,
    arguments: Arguments,
    best: Run,
    report: dict,
    feeds: dict[str, FeatureDataset],
    names: list[str],
    base_ids: dict[str, str],
) -> None:
    """Model, metrics, figures and card; the figures show test where there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    write_metrics(folder, report)
    write_model(best.model, folder, arguments.training.bundle_backbones, base_ids)
    split = "test" if "test" in feeds else "validation"
    truth = feeds[split].labels
    probabilities = to_probabilities(best.logits[split] / best.calibration.temperature, truth.ndim == 2)
    if truth.ndim == 1:
        truth = np.eye(len(names))[truth]
        decisions = np.eye(len(names))[probabilities.argmax(axis=1)]
    else:
        decisions = probabilities >= best.calibration.thresholds
    figures = best.test if best.test is not None else best.validation
    write_figures(folder / "figures", figures["per_label"], probabilities, decisions.astype(float), truth, split)
    write_card(folder, best.model.config, report, arguments.recipe)


def say_how_to_try(folder: Path) -> None:
    """The last lines on the terminal."""
    print(
        f"\nThe model is in {folder}. Try it:\n\n"
        "  from transformers import pipeline\n"
        f'  classify = pipeline("text-classification", model="{folder}", trust_remote_code=True)\n'
        '  classify("You did what?! I am so proud of you!", top_k=3)\n'
    )


def run(argv: list[str] | None = None) -> int:
    """`main` with errors in one sentence instead of a traceback; the process's exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    for name in ("httpx", "datasets", "transformers", "evaluate", "matplotlib", "accelerate"):
        logging.getLogger(name).setLevel(logging.WARNING)
    datasets.disable_progress_bars()
    disable_progress_bar()
    try:
        main(argv)
    except (ValueError, OSError, RecipeError, FloatingPointError) as error:
        logging.debug("Traceback:", exc_info=True)
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run())
