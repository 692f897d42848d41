"""One command: dataset -> pooled features -> head -> metrics -> model folder.

python train.py --dataset sample
python train.py --dataset go_emotions --recipe minilm --num_runs 5
python train.py --dataset my.csv --text_column comment --label_column feeling
torchrun --nproc_per_node 2 train.py --dataset go_emotions
"""

import io
import logging
import os
import sys
import time
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

import datasets
import numpy as np
from rich.console import Console
from transformers.utils.logging import disable_progress_bar

from common.command import end_with_status
from common.memory import keep_few_kernels
from extraction.reading import LoadedData
from extraction.splits import is_multi_label, label_matrix, label_names, texts_of
from fusion_model import FusionConfig, FusionForSequenceClassification
from hub_config.card import example, write_card
from hub_config.publish import prepare, publish
from training.arguments import Arguments, RecipeArguments, parse
from training.behaviour import pass_rates
from training.calibration import to_probabilities
from training.feed import FeatureDataset
from training.few_rows import adapt
from training.folder import write_model
from training.job import check_output_dir, open_job
from training.parity import check_parity
from training.plots import write_plots
from training.prior import fit_prior
from training.report import commit, show_results, summarise, versions, write_metrics
from training.reviewed import drop_label_errors, use_corrections
from training.run import Material, Run, extract_all, fit_on_all, train_run
from training.tfidf import fit_tfidf
from training.trainer import tensorboard_folder

console = Console()
KEPT = "features, finished seeds and fine-tuning's checkpoints are kept; the same command with --resume goes on."


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
    # Who may not publish, or write there, is told so before an hour of training, not after it.
    folder = Path(arguments.training.output_dir or "")
    if arguments.training.process_index == 0:
        check_output_dir(folder)
    publishes = arguments.training.push_to_hub and arguments.training.process_index == 0
    target = prepare(arguments.training) if publishes else None
    data = arguments.data.load()
    names, multi_label = label_names(data), is_multi_label(data)
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in data.items())
    kind = "several labels per text" if multi_label else "one label per text"
    print(f"{arguments.data.dataset}: {sizes} texts, {len(names)} labels, {kind}")
    print(data.reading)
    data = reviewed(data, arguments.training)
    adapt(arguments, len(data["train"]))

    batch, rows = arguments.training.per_device_train_batch_size, len(data["train"])
    if arguments.training.dataloader_drop_last and rows < batch:
        raise ValueError(
            f"--dataloader_drop_last leaves nothing to train on: {rows:,} rows are less than a batch of {batch:,}. "
            "Leave it out, or lower --per_device_train_batch_size."
        )
    labels = {
        name: label_matrix(split, len(names)) if multi_label else np.asarray(split["labels"][:])
        for name, split in data.items()
    }
    # A loss that is not for such labels is refused before any work.
    of_heads = arguments.training.loss_settings
    for settings in (of_heads, *(block.settings(of_heads) for block in arguments.finetune.values())):
        settings.make(labels["train"], len(names))
    columns, cut = extract_all(arguments, data)
    extracted = time.perf_counter()
    tfidf, tfidf_logits = None, dict.fromkeys(data)
    if arguments.training.lexical:
        with console.status("TF-IDF branch: fitting"):
            tfidf = fit_tfidf(texts_of(data["train"]), labels["train"], len(names), arguments.training.lexical_c)
            # The head is trained without the branch, so training texts need none of its logits.
            tfidf_logits |= {name: tfidf(texts_of(data[name])).numpy() for name in data if name != "train"}
        print(f"TF-IDF branch: {len(tfidf.idf):,} terms")
    feeds = {name: FeatureDataset(columns[name], labels[name], tfidf_logits[name]) for name in data}

    base_ids = {backbone.name: backbone.model_id for backbone in arguments.backbones}
    prior = fit_prior(arguments.backbones, columns, labels["train"], len(names))
    material = Material(data, labels, names, feeds, tfidf, prior)
    runs = []
    with open_job(arguments, data, labels) as job:
        for number in range(arguments.training.num_runs):
            seed = arguments.training.seed + number
            print(f"run {number + 1} of {arguments.training.num_runs}, seed {seed}")
            with tensorboard_folder(folder / "runs" / str(seed)):
                runs.append(train_run(arguments, material, job, seed))
        trained = time.perf_counter()
        key = "macro_f1" if multi_label else "accuracy"
        best = max(runs, key=lambda run: run.validation.get(f"cross_fitted_{key}", run.validation[key]))
        best.model.cpu()
        measured = best.logits["validation"]
        if best.c is not None and data.reading.held_out and not arguments.training.fit_weights:
            measured = fit_on_all(arguments, material, best)
        timings = {
            "extract_seconds": extracted - started,
            "train_seconds": trained - extracted,
            "total_seconds": trained - started,
        }
        report = build_report(arguments, data, names, runs, best, timings) | {"cut_texts": cut}
        if not job.main:
            return folder
        with job.result() as result:
            write_model(best.model, result, arguments.training.bundle_backbones, base_ids)
            served = FusionForSequenceClassification.from_pretrained(result).to(arguments.training.device)
            report["parity"] = check_parity(served, data["validation"], measured)
            report["behaviour"] = pass_rates(served)
            write_results(result, arguments, best, report, feeds, names)
    show_results(report, console)
    say_how_to_try(folder, best.model.config)
    if target is not None:
        publish(folder, target, token=arguments.training.hub_token, console=console)
    return folder


def reviewed(data: LoadedData, options: RecipeArguments) -> LoadedData:
    """The data with the corrections of reviewed tables, and without their label errors."""
    if options.use_corrections is not None:
        data = use_corrections(data, options.use_corrections)
    if options.drop_label_errors is not None:
        data = drop_label_errors(data, options.drop_label_errors)
    return data


def build_report(
    arguments: Arguments, data: LoadedData, names: list[str], runs: list[Run], best: Run, timings: dict[str, float]
) -> dict:
    """What goes into metrics.json."""
    return {
        # A local path is told by its last part: where it lies is nobody's business but this machine's.
        "dataset": Path(arguments.data.dataset).name
        if Path(arguments.data.dataset).exists()
        else arguments.data.dataset,
        "label_mode": arguments.data.label_mode,
        "reading": data.reading.to_dict() | {"sentence": str(data.reading)},
        "recipe": arguments.recipe.name,
        "commit": commit(),
        "versions": versions(),
        "rows": {name: len(split) for name, split in data.items()},
        "labels": names,
        "backbones": [
            {key: getattr(one, key) for key in ("name", "model_id", "revision", "resolved_dtype")}
            for one in arguments.backbones
        ],
        "parameters": sum(p.numel() for p in best.model.parameters()),
        "timings": {key: round(value, 1) for key, value in timings.items()},
        "saved_seed": best.seed,
        "weights": best.weights,
        "threshold_selection": best.calibration.selection,
        "runs": [{"seed": run.seed, "validation": run.validation, "test": run.test} for run in runs],
        "validation": summarise([run.validation for run in runs]),
        "test": summarise([run.test for run in runs]),
    }


def write_results(
    folder: Path, arguments: Arguments, best: Run, report: dict, feeds: dict[str, FeatureDataset], names: list[str]
) -> None:
    """Metrics, plots and card; the plots show test where there is one."""
    write_metrics(folder, report)
    split = "test" if "test" in feeds else "validation"
    truth = feeds[split].labels
    probabilities = to_probabilities(best.logits[split] / best.calibration.temperature, truth.ndim == 2)
    if truth.ndim == 1:
        truth = np.eye(len(names))[truth]
        predicted = np.eye(len(names))[probabilities.argmax(axis=1)]
    else:
        predicted = probabilities >= best.calibration.thresholds
    metrics = best.test if best.test is not None else best.validation
    write_plots(folder / "figures", metrics["per_label"], probabilities, predicted.astype(float), truth, split)
    write_card(folder, best.model.config, report, arguments.recipe)


def say_how_to_try(folder: Path, config: FusionConfig) -> None:
    """The last lines on the terminal."""
    print(
        f"\nThe model is in {folder}. Try it:\n\n"
        "  from transformers import pipeline\n"
        f'  classify = pipeline("text-classification", model="{folder}", trust_remote_code=True)\n'
        f"  classify({example(config)}, top_k=3)\n"
    )


def run(argv: list[str] | None = None) -> int:
    """`main` with errors and signals in one sentence instead of a traceback; the process's exit status."""
    main_process = os.environ.get("RANK", "0") == "0"  # torchrun's other processes are silent
    level = logging.INFO if main_process else logging.ERROR
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stdout)
    for name in ("httpx", "datasets", "transformers", "evaluate", "matplotlib", "accelerate"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    # It warns that checkpoints have the same time, as those of a head follow each other within a second.
    logging.getLogger("transformers.trainer_utils").setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    disable_progress_bar()
    keep_few_kernels()
    with nullcontext() if main_process else redirect_stdout(io.StringIO()):
        return end_with_status(
            main,
            argv,
            advice=KEPT,
        )


if __name__ == "__main__":
    sys.exit(run())
