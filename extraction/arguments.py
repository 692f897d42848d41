"""Which texts and labels, and which backbones: the part of the command line that concerns data."""

from dataclasses import dataclass, field
from pathlib import Path

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
