"""The model card: rendered from the configuration and metrics.json alone."""

from pathlib import Path

import jinja2
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from fusion_model import FusionConfig

from .recipes import Recipe

TEMPLATE = Path(__file__).parent / "card_template.md"
# Licence, language and Hub id of the data sets that are known by a short name.
DATASETS = {
    "sample": {
        "id": None,
        "licence": "apache-2.0",
        "title": "sample (3,740 synthetic sentences that come with the project)",
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
METRIC_NAMES = {"macro_f1": "Macro F1", "micro_f1": "Micro F1", "weighted_f1": "Weighted F1", "accuracy": "Accuracy"}


def model_licence(dataset: str, backbone_ids: list[str]) -> str:
    """The strictest licence of what the model was made from.

    Args:
        dataset: Name the data set was asked for by.
        backbone_ids: Model ids of all backbones.

    Returns:
        A licence id of the Hub; `other` where the data set's licence is not known here.
    """
    known = DATASETS.get(dataset)
    if known is not None and "-nc-" in str(known["licence"]):
        return str(known["licence"])
    if any("llama-2" in model_id.lower() for model_id in backbone_ids):
        return "llama2"
    return "other" if known is None else "apache-2.0"


def write_card(folder: Path, config: FusionConfig, report: dict, recipe: Recipe) -> None:
    """Write README.md into the model folder.

    Args:
        folder: The model folder.
        config: The model's configuration.
        report: What metrics.json holds.
        recipe: The recipe it was trained by.
    """
    split = "test" if report["test"] is not None else "validation"
    dataset = DATASETS.get(report["dataset"], {"id": None, "licence": None, "title": Path(report["dataset"]).name})
    name = folder.resolve().name
    bases = [
        spec["model_id"]
        for spec in config.backbones
        if spec["model_id"].count("/") == 1 and not Path(spec["model_id"]).exists()
    ]
    data = ModelCardData(
        language="en",
        license=model_licence(report["dataset"], [spec["model_id"] for spec in config.backbones]),
        library_name="transformers",
        pipeline_tag="text-classification",
        base_model=bases or None,
        datasets=[dataset["id"]] if dataset["id"] else None,
        tags=["emotion", "text-classification", "llmembed", "custom_code"],
        metrics=["f1", "accuracy"],
        model_name=name,
        eval_results=[
            EvalResult(
                task_type="text-classification",
                dataset_type=dataset["id"] or "custom",
                dataset_name=str(dataset["title"]),
                dataset_split=split,
                metric_type="accuracy" if key == "accuracy" else "f1",
                metric_name=title,
                metric_value=round(report[split][key]["mean"], 4),
            )
            for key, title in METRIC_NAMES.items()
        ],
    )
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False
    )
    # A label name is a user's text; in a Markdown table a bar or an angle bracket in it must not act.
    environment.filters["cell"] = lambda value: str(value).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
    body = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        name=name,
        config=config,
        report=report,
        recipe=recipe,
        split=split,
        dataset=dataset,
        metric_names=METRIC_NAMES,
        multi_label=config.problem_type == "multi_label_classification",
    )
    ModelCard(f"---\n{data.to_yaml()}\n---\n\n{body}").save(folder / "README.md")
