"""Publishes the features of a data set as a data set of their own, for whoever trains heads without the backbones.

python -m hub_config.feature_set --dataset go_emotions --recipe minilm --repo_id user/go_emotions-minilm
"""

import argparse
import sys
from pathlib import Path

from datasets import DatasetDict, concatenate_datasets
from huggingface_hub import HfApi, constants
from rich.console import Console
from rich.markup import escape

from common.recipes import load_recipe
from extraction.features import extract, pin
from extraction.sources import load_source
from fusion_model.backbones import Backbone

from .errors import PublishError
from .remote import Target, look, sentences

# Backbones whose licence restricts what may be passed on of their outputs, by a part of their id.
RESTRICTED = {"llama": "the Llama licence", "gemma": "the Gemma terms"}


def check_licences(backbones: list[Backbone], accept: bool) -> None:
    """Refuse backbones whose licence restricts their outputs.

    Raises:
        PublishError: names the backbone and its licence, unless `accept` says that it has been read.
    """
    for backbone in backbones:
        licence = next((name for part, name in RESTRICTED.items() if part in backbone.model_id.lower()), None)
        if licence and not accept:
            raise PublishError(
                f"The features of '{backbone.model_id}' are outputs of a model under {licence}, which restricts what "
                "may be done with them. Read it, and give --accept_licence if you may publish them."
            )


def publish_features(
    dataset: str,
    recipe: str,
    target: Target,
    *,
    max_rows: int | None = None,
    cache_dir: Path | None = None,
    accept_licence: bool = False,
) -> str:
    """Extract features (or find them in the cache) and push labels and features, without the texts.

    Args:
        dataset: As train.py takes it.
        recipe: Whose backbones are read.
        target: Of kind `dataset`.
        max_rows: Use at most so many rows of each split.
        cache_dir: Where features are kept.
        accept_licence: Publish also what a licence restricts.

    Returns:
        The commit.

    Raises:
        PublishError: a backbone's licence restricts its outputs, or the Hub refused.
        ValueError: there is no such recipe or data set.
    """
    backbones = load_recipe(recipe).backbones
    if not backbones:
        raise ValueError(f"The recipe '{recipe}' has no backbone, and so no features: choose another --recipe.")
    check_licences(backbones, accept_licence)
    api = HfApi()
    state = look(api, target)
    data = load_source(dataset, max_rows=max_rows)
    specs = [pin(backbone) for backbone in backbones]
    splits = {
        name: concatenate_datasets(
            [
                split.select_columns(["labels"]),
                *(extract(split, backbone, name=name, cache_dir=cache_dir) for backbone in specs),
            ],
            axis=1,
        )
        for name, split in data.items()
    }
    with sentences(f"The upload to '{state.repo_id}'", state.repo_id):
        done = DatasetDict(splits).push_to_hub(
            state.repo_id, private=target.private or None, commit_message=f"Features of {dataset} by {recipe}"
        )
    return str(done.oid)


def main(argv: list[str] | None = None) -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m hub_config.feature_set", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--dataset", required=True, help="As train.py takes it.")
    parser.add_argument("--recipe", default="minilm", help="Whose backbones are read.")
    parser.add_argument("--repo_id", required=True, help="user/name of the data set.")
    parser.add_argument("--max_rows", type=int, help="Use at most so many rows of each split.")
    parser.add_argument("--cache_dir", type=Path, help="Where features are kept.")
    parser.add_argument("--private", action="store_true", help="Make a new repository private.")
    parser.add_argument(
        "--accept_licence", action="store_true", help="Publish also what a backbone's licence restricts."
    )
    options = parser.parse_args(argv)
    try:
        publish_features(
            options.dataset,
            options.recipe,
            Target(options.repo_id, private=options.private, kind="dataset"),
            max_rows=options.max_rows,
            cache_dir=options.cache_dir,
            accept_licence=options.accept_licence,
        )
    except (ValueError, OSError) as error:
        Console(stderr=True).print(f"[red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    Console().print(f"{constants.ENDPOINT}/datasets/{options.repo_id}", style="bold")
    return 0


if __name__ == "__main__":
    sys.exit(main())
