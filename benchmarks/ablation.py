"""What each part of a recipe is worth: each is taken out in turn, five seeds, one table.

python -m benchmarks.ablation --dataset go_emotions --recipe minilm --num_runs 5
python -m benchmarks.ablation --dataset go_emotions --recipe llmembed --backbone llama2=FOLDER bert=FOLDER roberta=ID
"""

import argparse
import copy
import json
import tempfile
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

import train
from common.recipes import FOLDER, load_recipe

FULL = "the recipe"


def variants(recipe: dict) -> dict[str, dict]:
    """The recipe as it is, and with each part removed that it has.

    Args:
        recipe: A recipe's YAML content.

    Returns:
        YAML contents by what is missing.
    """
    head, training = recipe.get("head", {}), recipe.get("training", {})
    result = {FULL: recipe}

    def without(title: str, section: str, **changes) -> None:
        result[title] = copy.deepcopy(recipe)
        result[title].setdefault(section, {}).update(changes)
        if not (changes.get("standardise", True) and changes.get("linear_skip", True)) and "training" in recipe:
            result[title]["training"]["read_label_names"] = False  # it starts the linear skip on standardised features

    if head.get("cooccurrence", True):
        without("without co-occurrence", "head", cooccurrence=False)
        if head.get("sigma", 1.0):
            without("without power normalisation", "head", sigma=0.0)
    if head.get("standardise"):
        without("without standardisation", "head", standardise=False)
    if head.get("slot_skip"):
        without("without the slots themselves", "head", slot_skip=False)
    if head.get("linear_skip"):
        without("without the linear skip", "head", linear_skip=False)
        without("the linear skip alone", "head", cooccurrence=False, slot_skip=False)
    if head.get("input_dropout"):
        without("without dropout on the features", "head", input_dropout=0.0)
    if head.get("num_members", 1) > 1:
        without("one member", "head", num_members=1)
    if training.get("lexical"):
        without("without the TF-IDF branch", "training", lexical=False)
    if training.get("read_label_names"):
        without("without the labels' names", "training", read_label_names=False)
    frozen = [backbone for backbone in recipe["backbones"] if not backbone.get("tuned")]
    if any(len(backbone["layers"]) > 1 for backbone in frozen):
        last = copy.deepcopy(recipe)
        for backbone in last["backbones"]:
            backbone["layers"] = [-1]
        result["last layer only"] = last
    if len(recipe["backbones"]) > 1:
        for backbone in recipe["backbones"]:
            less = copy.deepcopy(recipe)
            less["backbones"] = [other for other in less["backbones"] if other["name"] != backbone["name"]]
            if less.get("head", {}).get("average_backbone") == backbone["name"]:
                less["head"]["average_backbone"] = None
            result[f"without {backbone['name']}"] = less
    if len(recipe["backbones"]) > 2:
        for backbone in recipe["backbones"]:
            alone = copy.deepcopy(recipe)
            alone["backbones"] = [other for other in alone["backbones"] if other["name"] == backbone["name"]]
            if alone.get("head", {}).get("average_backbone") not in (None, backbone["name"]):
                alone["head"]["average_backbone"] = None
            result[f"{backbone['name']} alone"] = alone
    return result


def main() -> None:
    """Train every variant and print the table; write it as JSON if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipe", default="minilm")
    parser.add_argument("--num_runs", default="5")
    parser.add_argument("--only", nargs="*", help="variants to run, by title")
    parser.add_argument("--json", type=Path, help="file for the figures; what it already holds is not trained again")
    parser.add_argument("--backbone", nargs="*", default=[], help="as train.py's: NAME=ID_OR_FOLDER")
    arguments, passed_on = parser.parse_known_args()
    load_recipe(arguments.recipe)
    path = Path(arguments.recipe)
    path = path if path.suffix in (".yaml", ".yml") else FOLDER / f"{arguments.recipe}.yaml"
    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    ids = dict(one.split("=", 1) for one in arguments.backbone)
    for backbone in recipe.get("backbones", []):
        if backbone["name"] in ids:
            backbone["model_id"] = ids.pop(backbone["name"])
    if ids:
        parser.error(f"--backbone: the recipe has no backbone {sorted(ids)}.")
    # Written after every variant, so that an hour's work outlives an interruption.
    rows = json.loads(arguments.json.read_text(encoding="utf-8")) if arguments.json and arguments.json.exists() else {}
    with tempfile.TemporaryDirectory() as scratch:
        for number, (title, content) in enumerate(variants(recipe).items()):
            if title in rows or (arguments.only and title not in arguments.only):
                continue
            file = Path(scratch) / f"variant{number}.yaml"
            file.write_text(yaml.safe_dump(content), encoding="utf-8")
            output = Path(scratch) / f"out{number}"
            Console().rule(title)
            command = ["--recipe", str(file), "--num_runs", arguments.num_runs, "--output_dir", str(output), *passed_on]
            if train.run(command):
                raise SystemExit(f"The variant '{title}' failed.")
            report = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
            rows[title] = {
                "validation": {k: v for k, v in report["validation"].items() if k != "per_label"},
                "train_seconds": report["timings"]["train_seconds"],
                "commit": report["commit"],
            }
            if arguments.json:
                arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    show(rows)


def show(rows: dict[str, dict]) -> None:
    """Print a row a variant: mean and deviation over seeds on validation, and the difference to the whole."""
    first = next(iter(rows.values()))["validation"]
    keys = [k for k in ("cross_fitted_macro_f1", "macro_f1", "accuracy", "weighted_f1") if k in first]
    table = Table(title="validation, mean ± deviation over seeds", title_justify="left")
    for title in ("variant", *keys, f"difference in {keys[0]}", "seconds"):
        table.add_column(title, justify="left" if title == "variant" else "right")
    for title, row in rows.items():
        figures = row["validation"]
        cells = [f"{figures[k]['mean']:.4f} ± {figures[k]['std']:.4f}" for k in keys]
        change = figures[keys[0]]["mean"] - first[keys[0]]["mean"]
        table.add_row(title, *cells, "" if title == FULL else f"{change:+.4f}", f"{row['train_seconds']:.0f}")
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
