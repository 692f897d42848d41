"""The model card: rendered from the configuration and metrics.json alone."""

import re
import shlex
from pathlib import Path

import jinja2
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from common.recipes import Recipe
from fusion_model import FusionConfig
from fusion_model.backbones import is_gguf, repository_of
from fusion_model.gguf import PACKAGE
from fusion_model.trust import is_hub_backbone

TEMPLATE = Path(__file__).parent / "card_template.md"
# Licence, language and Hub id of the data sets that are known by a short name.
DATASETS: dict[str, dict[str, str | None]] = {
    "sample": {
        "id": None,
        "licence": "apache-2.0",
        "title": "sample (synthetic sentences that come with the project)",
    },
    "go_emotions": {
        "id": "google-research-datasets/go_emotions",
        "licence": "cc-by-4.0",
        "title": "GoEmotions (Demszky et al., 2020)",
    },
    "empathetic_dialogues": {
        "id": "facebook/empathetic_dialogues",
        "licence": "cc-by-nc-4.0",
        "title": "EmpatheticDialogues (Rashkin et al., 2019)",
    },
}
LLAMA_NOTICE = (
    "Llama 2 is licensed under the LLAMA 2 Community License, Copyright (c) Meta Platforms, Inc. All Rights Reserved."
)
# What a machine is taken to draw while it trains, for want of a meter.
ASSUMED_WATTS = 100
# Every figure of the report that goes into the front matter: the Hub's name of the metric, and ours.
INDEXED = {
    "macro_f1": ("f1", "Macro F1"),
    "micro_f1": ("f1", "Micro F1"),
    "weighted_f1": ("f1", "Weighted F1"),
    "accuracy": ("accuracy", "Accuracy"),
    "macro_precision": ("precision", "Macro precision"),
    "macro_recall": ("recall", "Macro recall"),
    "mean_average_precision": ("mean_average_precision", "Mean average precision"),
    "calibration_error": ("calibration_error", "Calibration error"),
    "loss": ("loss", "Loss"),
}
# How a part of a model is called that is no backbone, and has another name in metrics.json.
PART_NAMES = {"lexical": "TF-IDF branch"}
METRIC_NAMES = {"macro_f1": "Macro F1", "micro_f1": "Micro F1", "weighted_f1": "Weighted F1", "accuracy": "Accuracy"}


def model_licence(dataset: str, backbone_ids: list[str]) -> str:
    """The strictest licence of what the model was made from; the card says what it asks for.

    Args:
        dataset: Name the data set was asked for by.
        backbone_ids: Model ids of all backbones.

    Returns:
        A licence id of the Hub; `other` where the data set's licence is not known here, whatever the backbones' is.
    """
    known = DATASETS.get(dataset)
    if known is None:
        return "other"
    if "-nc-" in str(known["licence"]):
        return str(known["licence"])
    return "llama2" if uses_llama(backbone_ids) else str(known["licence"])


def cell(value: object) -> str:
    """A user's text, such as a label's name, in one line in which nothing acts as Markdown or HTML, table bars neither.

    An underscore between letters or digits never acts, so that most names stay as they are.
    """
    return re.sub(r"([\\`*\[\]<>|~&$#]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", " ".join(str(value).split()))


def example(config: FusionConfig) -> str:
    """An input as Python source: a text, or a pair where the model was trained on pairs."""
    if config.text_columns:
        return '{"text": "I took the job.", "text_pair": "You did what?! I am so proud of you!"}'
    return '"You did what?! I am so proud of you!"'


def cut_texts(config: FusionConfig, counts: dict[str, dict[str, int]]) -> dict[str, dict]:
    """Of each backbone that read a part of some texts only, how many `tokens` it reads, and the number of `texts`.

    Args:
        config: The model's configuration.
        counts: Split -> backbone's name -> number of texts, as metrics.json has them.
    """
    found = {}
    for one in config.backbones:
        texts = {split: by_name[one.name] for split, by_name in counts.items() if by_name.get(one.name)}
        if texts:
            found[one.name] = {"tokens": one.max_length, "texts": texts}
    return found


def spread(figure: dict[str, float], digits: int, runs: int) -> str:
    """`mean`, or `mean ± std` where there were several runs."""
    deviation = f" ± {figure['std']:.{digits}f}" if runs > 1 else ""
    return f"{figure['mean']:.{digits}f}{deviation}"


def on_hub(name: str) -> bool:
    """Whether a name can be a Hub id, `user/name`, or a GGUF file there, and is no path of this machine."""
    return is_hub_backbone(name) and not Path(name).exists()


def uses_llama(backbone_ids: list[str]) -> bool:
    """Whether the Llama 2 licence, and its notice, apply."""
    return any("llama-2" in model_id.lower() for model_id in backbone_ids)


def eval_results(report: dict, dataset: dict[str, str | None]) -> list[EvalResult]:
    """Every figure of the report for the front matter, with its deviation over the seeds."""
    return [
        EvalResult(
            task_type="text-classification",
            dataset_type=dataset["id"] or "custom",
            dataset_name=str(dataset["title"]),
            dataset_split=split,
            metric_type=kind,
            metric_name=title,
            metric_value=round(report[split][key]["mean"], 4),
            metric_args={"std": round(report[split][key]["std"], 4), "seeds": len(report["runs"])},
        )
        for split in ("test", "validation")
        if report[split] is not None
        for key, (kind, title) in INDEXED.items()
        if key in report[split]
    ]


def write_card(folder: Path, config: FusionConfig, report: dict, recipe: Recipe) -> None:
    """Write README.md into the model folder.

    Args:
        folder: The model folder.
        config: The model's configuration.
        report: What metrics.json holds.
        recipe: The recipe it was trained by.
    """
    split = "test" if report["test"] is not None else "validation"
    asked = report["dataset"]
    hub_id = asked if on_hub(asked) else None
    dataset = DATASETS.get(asked, {"id": hub_id, "licence": None, "title": hub_id or Path(asked).name})
    name = folder.resolve().name
    specs = config.backbones or []
    bases = list(dict.fromkeys(repository_of(one.model_id) for one in specs if on_hub(one.model_id)))
    data = ModelCardData(
        # Known for the data sets that are known.
        language="en" if dataset["licence"] else None,
        license=model_licence(asked, [backbone.model_id for backbone in specs]),
        library_name="transformers",
        pipeline_tag="text-classification",
        base_model=bases or None,
        datasets=[dataset["id"]] if dataset["id"] else None,
        tags=["emotion", "text-classification", "llmembed", "custom_code"],
        metrics=["f1", "accuracy"],
        model_name=name,
        eval_results=eval_results(report, dataset),
        # base_model takes ids alone, and what was read is one commit of each.
        backbones=[
            f"{backbone.model_id}@{backbone.revision or 'as installed'}"
            for backbone in specs
            if on_hub(backbone.model_id)
        ]
        or None,
    )
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False
    )
    environment.filters |= {"cell": cell, "spread": spread, "quoted": lambda name: shlex.quote(" ".join(name.split()))}
    body = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        name=name,
        config=config,
        example=example(config),
        report=report,
        recipe=recipe,
        split=split,
        behaviour=report.get("behaviour"),
        cut=cut_texts(config, report.get("cut_texts") or {}),
        part_names=PART_NAMES,
        runs=len(report["runs"]),
        frozen=[backbone for backbone in specs if not backbone.tuned],
        tuned=[backbone for backbone in specs if backbone.tuned],
        gguf_package=PACKAGE if any(is_gguf(backbone.model_id) for backbone in specs) else None,
        dataset=dataset,
        metric_names=METRIC_NAMES,
        llama_notice=LLAMA_NOTICE if uses_llama([backbone.model_id for backbone in specs]) else None,
        watt_hours=report["timings"]["total_seconds"] * ASSUMED_WATTS / 3600,
        watts=ASSUMED_WATTS,
        multi_label=config.problem_type == "multi_label_classification",
    )
    ModelCard(f"---\n{data.to_yaml()}\n---\n\n{body}").save(folder / "README.md")
