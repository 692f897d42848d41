"""Recipes: one YAML a published model, naming its backbones, head and training arguments."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import yaml

from fusion_model.backbones import Backbone, check_backbones

from .errors import nearest

FOLDER = Path(__file__).parents[1] / "hub_config" / "recipes"
DEFAULT_RECIPE = "minilm"
SECTIONS = {"description", "backbones", "head", "training"}


class RecipeError(ValueError):
    """A recipe does not exist or says something that is not understood; the message names the nearest right word."""


@dataclass
class Recipe:
    """A recipe as read.

    Args:
        name: File name without extension.
        description: One sentence for cards and listings.
        backbones: Checked.
        finetune: The `finetune` block of each backbone that has one; such a backbone is `tuned`.
        defaults: Flags of train.py with the values they have in this recipe.
    """

    name: str
    description: str
    backbones: list[Backbone]
    finetune: dict[str, dict]
    defaults: dict

    def check_keys(self, known: set[str]) -> None:
        """Refuse keys that train.py does not have.

        Raises:
            RecipeError: names the key and its nearest neighbour.
        """
        for key in self.defaults:
            if key not in known:
                raise RecipeError(f"The recipe '{self.name}' has the unknown key '{key}'.{nearest(key, known)}")


def names() -> list[str]:
    """Names of the recipes that come with the project."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def load_recipe(name_or_path: str) -> Recipe:
    """Read a recipe.

    Args:
        name_or_path: A name from `names()`, or the path of a YAML file.

    Returns:
        The recipe with its backbones checked.

    Raises:
        RecipeError: no such recipe, no valid YAML (Python tags are none), a section or backbone key that is unknown, or
            a section of the wrong kind.
    """
    path = Path(name_or_path) if name_or_path.endswith((".yaml", ".yml")) else FOLDER / f"{name_or_path}.yaml"
    if not path.is_file():
        raise RecipeError(
            f"There is no recipe '{name_or_path}'.{nearest(name_or_path, set(names()))} "
            "A recipe of your own is given as a path ending in .yaml."
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: not UTF-8, or a date that does not exist.
        raise RecipeError(f"The recipe '{path}' is not valid YAML: {' '.join(str(error).split())[:300]}.") from None
    if content is None:
        raise RecipeError(f"The recipe '{path}' is empty: expected the sections {sorted(SECTIONS)}.")
    if not isinstance(content, dict):
        raise RecipeError(
            f"The recipe '{path}' is a {type(content).__name__}: expected the sections {sorted(SECTIONS)}."
        )
    for section in content:
        if section not in SECTIONS:
            raise RecipeError(
                f"The recipe '{path.stem}' has the unknown section '{section}'.{nearest(section, SECTIONS)}"
            )
    for section, kind, expected in (
        ("description", str, "a sentence"),
        ("backbones", list, "a list of backbones"),
        ("head", dict, "`key: value` lines"),
        ("training", dict, "`key: value` lines"),
    ):
        # A section with nothing in it is None.
        if content.get(section) is None:
            content[section] = kind()
        if not isinstance(content[section], kind):
            raise RecipeError(f"The section '{section}' of the recipe '{path.stem}' must hold {expected}.")
    try:
        contents, finetune = _take_finetune(content["backbones"])
        backbones = check_backbones(contents)
    except (ValueError, TypeError) as error:
        raise RecipeError(f"The recipe '{path.stem}': {error}") from None
    if not backbones and content["training"].get("lexical") is not True:
        raise RecipeError(
            f"The recipe '{path.stem}' names no backbones: expected at least one, or `lexical: true` under `training`."
        )
    return Recipe(path.stem, content["description"], backbones, finetune, {**content["head"], **content["training"]})


def _take_finetune(backbones: list) -> tuple[list, dict[str, dict]]:
    """Backbones without their `finetune` blocks, but marked `tuned` where they had one; and the blocks, by name."""
    contents: list = []
    blocks: dict[str, dict] = {}
    for content in backbones:
        if isinstance(content, dict) and "tuned" in content:
            raise ValueError(
                f"Backbone '{content.get('name')}': a recipe has no key 'tuned'. A backbone with a block such as "
                "`finetune: {epochs: 3}` is fine-tuned, one without it is not."
            )
        if isinstance(content, dict) and "finetune" in content:
            block = content["finetune"] or {}
            if not isinstance(block, dict):
                raise ValueError(
                    f"Backbone '{content.get('name')}': finetune is {block!r}: expected `key: value` lines, such as "
                    "`finetune: {epochs: 3}`."
                )
            blocks[str(content.get("name"))] = block
            content = {key: value for key, value in content.items() if key != "finetune"} | {"tuned": True}
        contents.append(content)
    return contents, blocks


def find_recipe(argv: list[str]) -> tuple[Recipe, list[str]]:
    """Read the recipe that a command line names, before its other flags: their defaults come from it.

    Args:
        argv: Arguments without the program's name.

    Returns:
        The recipe, and each NAME=ID_OR_FOLDER that `--backbone` was given. (A list flag that is given twice would hold
        its last list alone, and each is meant.)

    Raises:
        RecipeError: see `load_recipe`.
        SystemExit: `--recipe` or `--backbone` has no value.
    """
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--recipe", default=DEFAULT_RECIPE)
    finder.add_argument("--backbone", nargs="+", action="extend", default=[])
    found = finder.parse_known_args(argv)[0]
    return load_recipe(found.recipe), found.backbone
