"""What a model says of itself: metrics.json, the card and the pictures in its folder."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import ModelCard, snapshot_download

from .reader import Reader

HEADLINE = {
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "accuracy": "accuracy",
    "mean_average_precision": "mean average precision",
    "calibration_error": "calibration error",
}
PICTURES = {
    "f1_by_label.png": "F1 by label",
    "calibration.png": "Calibration",
    "confusion.png": "Confusion",
}


@dataclass(frozen=True)
class About:
    """What the About tab shows; what a model does not come with is empty.

    Args:
        title: The model's name.
        licence: Licence id of its card.
        facts: Short facts by name.
        split: The split that the figures are from.
        headline: Figures by name.
        by_label: Rows of label, F1, precision, recall, examples, threshold.
        pictures: Paths of PNG files, by title.
        card: The card's text, without its front matter, pictures and outside links.
        limits: The card's section on limits.
    """

    title: str
    licence: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    split: str = ""
    headline: dict[str, str] = field(default_factory=dict)
    by_label: list[list] = field(default_factory=list)
    pictures: dict[str, str] = field(default_factory=dict)
    card: str = ""
    limits: str = ""


def about(reader: Reader) -> About:
    """Read a model's own description.

    Args:
        reader: The model.

    Returns:
        What there is of it.
    """
    folder = Path(reader.source)
    if not folder.is_dir():
        files = ["README.md", "metrics.json", "figures/*"]
        folder = Path(snapshot_download(reader.source, revision=reader.revision, allow_patterns=files))
    report = {}
    if (folder / "metrics.json").is_file():
        report = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    licence, card = "", ""
    if (folder / "README.md").is_file():
        parsed = ModelCard((folder / "README.md").read_text(encoding="utf-8"), ignore_metadata_errors=True)
        licence, card = parsed.data.get("license") or "", _plain(parsed.text)
    split = next((name for name in ("test", "validation") if report.get(name)), "")
    figures = report.get(split, {})
    return About(
        title=reader.name,
        licence=licence,
        facts=_facts(reader, report),
        split=split,
        headline={title: _figure(figures[key]) for key, title in _headline(reader).items() if key in figures},
        by_label=_by_label(reader, figures.get("per_label", {})),
        pictures={
            title: str(folder / "figures" / name)
            for name, title in PICTURES.items()
            if (folder / "figures" / name).is_file()
        },
        card=card,
        limits=_section(card, "Limits"),
    )


def _headline(reader: Reader) -> dict[str, str]:
    """Titles of the figures; accuracy over several labels asks that all of them are right."""
    return HEADLINE | ({"accuracy": "exact match"} if reader.multi_label else {})


def _figure(value: dict) -> str:
    """Mean and, over several runs, deviation."""
    return f"{value['mean']:.3f}" + (f" ± {value['std']:.3f}" if value["std"] else "")


def _facts(reader: Reader, report: dict) -> dict[str, str]:
    facts = {
        "labels": f"{len(reader.labels)}, {'several' if reader.multi_label else 'one'} per text",
        "backbones": ", ".join(dict.fromkeys(reader.backbones.values())) or "none: TF-IDF alone",
    }
    if report:
        rows = ", ".join(f"{count:,} {name}" for name, count in report["rows"].items())
        facts["trained on"] = f"{Path(report['dataset']).name} ({rows})"
        facts["recipe"] = f"{report['recipe']}, {len(report['runs'])} run{'s' if len(report['runs']) > 1 else ''}"
        facts["parameters of its own"] = f"{report['parameters']:,}"
        facts["made in"] = f"{report['timings']['total_seconds']:.0f} s"
    return facts


def _by_label(reader: Reader, per_label: dict) -> list[list]:
    """Rows for the table, best F1 first."""
    thresholds = dict(zip(reader.labels, reader.thresholds or [], strict=False))
    rows = [
        [
            label,
            *(round(figures[key]["mean"], 3) for key in ("f1", "precision", "recall")),
            figures["support"],
            round(thresholds[label], 3) if label in thresholds else None,
        ]
        for label, figures in per_label.items()
    ]
    return sorted(rows, key=lambda row: -row[1])


def _plain(card: str) -> str:
    """A card without pictures (shown apart) and without anything that would be fetched from elsewhere."""
    return re.sub(r"!\[[^\]]*\]\([^)]*\)\n?", "", card).strip()


def _section(card: str, heading: str) -> str:
    """The text under a second-level heading, or nothing."""
    found = re.search(rf"^## {heading}[^\n]*\n(.*?)(?=^## |\Z)", card, re.M | re.S)
    return found[1].strip() if found else ""
