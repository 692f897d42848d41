"""Recipes: one YAML a published model, naming its backbones, head and training arguments."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import yaml

from fusion_model.backbones import Backbone, check_backbones

FOLDER = Path(__file__).parents[1] / "hub_config" / "recipes"
DEFAULT_RECIPE = "minilm"
# An error that lists more than so many words is not read.
MOST_LISTED = 20
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
        defaults: Flags of train.py with the values they have in this recipe.
    """

    name: str
    description: str
    backbones: list[Backbone]
    defaults: dict

    def check_keys(self, known: set[str]) -> None:
        """Refuse keys that train.py does not have.

        Raises:
            RecipeError: names the key and its nearest neighbour.
        """
        for key in self.defaults:
            if key not in known:
                raise RecipeError(f"The recipe '{self.name}' has the unknown key '{key}'.{nearest(key, known)}")


def nearest(word: object, known: set[str]) -> str:
    """A hint for a misspelt word, or what there is. (YAML reads some words, such as `yes`, as no strings.)"""
    close = get_close_matches(str(word), sorted(known), n=1)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known are {sorted(known)}." if len(known) <= MOST_LISTED else " `python train.py --help` lists the known."


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
        backbones = check_backbones(content["backbones"])
    except (ValueError, TypeError) as error:
        raise RecipeError(f"The recipe '{path.stem}': {error}") from None
    if not backbones:
        raise RecipeError(f"The recipe '{path.stem}' names no backbones: expected at least one.")
    return Recipe(path.stem, content["description"], backbones, {**content["head"], **content["training"]})
