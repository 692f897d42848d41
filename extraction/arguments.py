"""Which texts and labels, and which backbones: the part of the command line that concerns data."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeVar

from transformers import HfArgumentParser

from common.command import check_flags, program
from common.recipes import DEFAULT_RECIPE, Recipe, find_recipe
from fusion_model.backbones import Backbone

from .reading import LoadedData
from .sources import load_source


@dataclass
class DataArguments:
    """Which texts and labels."""

    dataset: str = field(
        default="sample",
        metadata={"help": "sample, go_emotions, empathetic_dialogues, a Hub id, or a local file or folder."},
    )
    text_column: str | None = field(
        default=None,
        metadata={"help": "Column with the texts (found by name if left out), or two for pairs: premise,hypothesis."},
    )
    label_column: str | None = field(
        default=None,
        metadata={"help": "Column with the labels (found by name), or a column for each label: joy,anger,fear."},
    )
    column_names: list[str] | None = field(
        default=None, metadata={"help": "Names of the columns, where the first line of a file is a row of data."}
    )
    label_separator: str | None = field(
        default=None, metadata={"help": "Separator of several label names in a cell; '' if names contain separators."}
    )
    label_mode: str = field(
        default="auto",
        metadata={
            "help": "auto, multi, or single: examples with exactly one label, which is not neutral.",
            "choices": ["auto", "single", "multi"],
        },
    )
    label_names: list[str] | None = field(
        default=None, metadata={"help": "Names of class ids in their order: joy,anger,fear or joy anger fear."}
    )
    raters: str | None = field(
        default=None,
        metadata={
            "help": "Join several raters' rows of one text: majority keeps labels that two of them chose, any those "
            "that one chose, soft-count counts a label by its share of the votes.",
            "choices": ["majority", "any", "soft-count"],
        },
    )
    split_seed: int = field(
        default=42,
        metadata={"help": "For a validation split that the data set lacks; apart from --seed, so that runs compare."},
    )
    dataset_config: str | None = field(default=None, metadata={"help": "Configuration of a Hub data set."})
    dataset_revision: str | None = field(default=None, metadata={"help": "Revision of a Hub data set."})
    max_rows: int | None = field(default=None, metadata={"help": "Use at most so many rows of each split."})
    cache_dir: str | None = field(default=None, metadata={"help": "Where features are kept between runs."})

    @property
    def cache_path(self) -> Path | None:
        """`cache_dir` as a path, None for the default."""
        return Path(self.cache_dir) if self.cache_dir else None

    @property
    def names(self) -> list[str] | None:
        """`label_names`, also where they were given as one word with commas."""
        if self.label_names is None or len(self.label_names) != 1:
            return self.label_names
        return [name.strip() for name in self.label_names[0].split(",") if name.strip()]

    def load(self) -> LoadedData:
        """The data set that these arguments name, see [`extraction.sources.load_source`]."""
        alike = ("text_column", "label_column", "label_separator", "label_mode", "max_rows", "raters", "column_names")
        return load_source(
            self.dataset,
            config_name=self.dataset_config,
            revision=self.dataset_revision,
            label_names=self.names,
            seed=self.split_seed,
            **{name: getattr(self, name) for name in alike},
        )


@dataclass
class FeatureArguments:
    """Which features, and where they are computed; the names are those of train.py."""

    recipe: str = field(default=DEFAULT_RECIPE, metadata={"help": "Name or path of a recipe."})
    backbone: list[str] = field(
        default_factory=list,
        metadata={"help": "NAME=ID_OR_FOLDER, or a .gguf file: read the recipe's backbone NAME from there instead."},
    )
    use_cpu: bool = field(default=False, metadata={"help": "Do not use a GPU, even if there is one."})


Own = TypeVar("Own", bound=FeatureArguments)


def parse(argv: list[str], kind: type[Own], command: str, description: str) -> tuple[DataArguments, Own, Recipe]:
    """Read a command line over a recipe.

    Args:
        argv: Arguments without the program's name.
        kind: The command's arguments.
        command: How it is called, such as `python -m labels.audit`.
        description: One sentence for `--help`.

    Returns:
        The arguments of the data, those of the command, and the recipe with its backbones replaced as asked.

    Raises:
        ValueError: the recipe or a backbone is not understood.
        SystemExit: a flag is wrong; what is right is printed.
    """
    recipe, replacements = find_recipe(argv)
    parser = HfArgumentParser(
        [DataArguments, kind],  # type: ignore[list-item]
        description=description,
        prog=program(command),
        allow_abbrev=False,
    )
    known = {f.name for cls in (DataArguments, kind) for f in fields(cls)}
    parser.set_defaults(**{key: value for key, value in recipe.defaults.items() if key in known}, recipe=recipe.name)
    check_flags(parser, argv)
    data, own = parser.parse_args_into_dataclasses(argv)
    recipe.backbones = replace_backbones(recipe.backbones, replacements)
    return data, own, recipe


def replace_backbones(backbones: list[Backbone], replacements: list[str]) -> list[Backbone]:
    """Apply `--backbone NAME=ID_OR_FOLDER`.

    Args:
        backbones: A recipe's.
        replacements: `NAME=ID_OR_FOLDER` or `NAME=FILE.gguf`, where NAME is one of theirs.

    Returns:
        The backbones, read from where the replacements say.

    Raises:
        ValueError: a replacement has another form or names no backbone of the recipe.
    """
    result = {backbone.name: backbone for backbone in backbones}
    for replacement in replacements:
        name, _, location = replacement.partition("=")
        if name not in result or not location:
            raise ValueError(
                f"--backbone {replacement}: expected NAME=ID_OR_FOLDER with a NAME of the recipe's {sorted(result)}."
            )
        content = {**result[name].to_dict(), "model_id": location, "revision": None}
        result[name] = Backbone.from_dict({k: v for k, v in content.items() if k not in ("package", "sha256")})
    return list(result.values())
