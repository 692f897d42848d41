"""A published model as the demo uses it: loaded by `pipeline(…)`, read in shared batches."""

import importlib.util
import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .gpu import GPU_IS_LENT, on_gpu  # isort: skip (before torch)
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import pipeline

from .batching import SharedBatches, in_one_thread
from .limits import RefusalError
from .tables import Text

logger = logging.getLogger(__name__)
# What transformers raises for files that are missing or damaged has many types.
LOAD_ERRORS = (
    OSError, ValueError, KeyError, ImportError, AttributeError, TypeError, RuntimeError, StrictDataclassError
)  # fmt: skip
# Models beside the main one that are held in memory at a time.
MAX_OTHERS = 2


class Reader:
    """A model that is ready to read.

    Args:
        source: Folder or Hub id, with `@revision` for a branch, tag or commit of a Hub repo.

    Raises:
        ValueError: the model cannot be loaded, or is not one of this project's kind.
    """

    def __init__(self, source: str):
        self.name = short_name(source)
        self.source, self.revision = split_source(source)
        try:
            classify: Any = pipeline(
                "text-classification",
                model=self.source,
                revision=self.revision,
                device="cuda" if torch.cuda.is_available() else "cpu",
                **_code(),
            )
        except LOAD_ERRORS as error:
            raise _not_loaded(source, error) from error
        config = classify.model.config
        if config.model_type != "fusion":
            raise ValueError(f"The model '{source}' is of the kind '{config.model_type}': expected 'fusion'.")
        self.labels: list[str] = [config.id2label[place] for place in range(config.num_labels)]
        self.multi_label = config.problem_type == "multi_label_classification"
        own = config.thresholds or [0.5] * len(self.labels)
        self.thresholds: list[float] | None = [float(value) for value in own] if self.multi_label else None
        self.parts: list[str] = classify.model.parts
        # The two columns that a model of pairs was trained on; older models have no such field.
        self.text_columns: list[str] | None = getattr(config, "text_columns", None)
        # As in config.json, since a model that was published with version 0.1.0 brings code to which they are dicts.
        specs = config.to_dict()["backbones"]
        self.backbones: dict[str, str] = {one["name"]: one["model_id"] for one in specs}
        # Tokens that each reads of a text, unless one of them reads the rest of a longer text in windows.
        windows = any(one.get("long_texts") == "windows" for one in specs)
        self._limits: dict[str, int] = {} if windows else {one["name"]: one["max_length"] for one in specs}
        self._encoder = classify.model.encoder
        places = config.label2id

        @on_gpu
        def read(texts: list[Text], without: str | None = None) -> np.ndarray:
            if without is None:
                answers = classify(texts, top_k=None)
            else:
                answers = classify.model.predict(texts, top_k=None, without=without)
            scores = np.zeros((len(texts), len(places)), dtype=np.float32)
            for row, found in enumerate(answers):
                for item in found:
                    scores[row, places[item["label"]]] = item["score"]
            return scores

        self._read = read
        self.scores = SharedBatches(read)
        # Backbones load when first used: before the first visitor waits, and in this process, of which those that are
        # lent a GPU are copies.
        try:
            for name in self.backbones:
                encoder = classify.model.encoder(name)
                _ = encoder.tokenizer, encoder.model
            if not GPU_IS_LENT:
                self.scores(["Good morning!"])
        except LOAD_ERRORS as error:
            raise _not_loaded(source, error) from error

    def tokens_read(self, text: str) -> int | None:
        """How many tokens the backbones read of a text that is longer; None where one of them reads all of it."""
        # A token is a byte at least, but for a few that every text gets.
        if not self._limits or len(text.encode()) + 4 < min(self._limits.values()):
            return None
        return in_one_thread(self._measure, text)

    def _measure(self, text: str) -> int | None:
        counts = {name: len(self._encoder(name).tokenizer(text, verbose=False)["input_ids"]) for name in self._limits}
        cut = all(counts[name] > limit for name, limit in self._limits.items())
        return max(self._limits.values()) if cut else None

    def scores_without(self, part: str, text: str) -> np.ndarray:
        """Scores `(labels,)` of a text when one of `parts` is left out."""
        return in_one_thread(self._read, [text], part)[0]


def _not_loaded(source: str, error: Exception) -> ValueError:
    return ValueError(f"The model '{source}' cannot be loaded: {' '.join(str(error).split())[:400]}")


def _code() -> dict[str, Any]:
    """Whose code a model runs: this project's where there is one. A Space has none, and its owner named the model."""
    if importlib.util.find_spec("fusion_model") is None:
        return {"trust_remote_code": True}
    from fusion_model import FusionTextClassificationPipeline

    return {"trust_remote_code": False, "pipeline_class": FusionTextClassificationPipeline}


def split_source(source: str) -> tuple[str, str | None]:
    """`user/model@v1` to `("user/model", "v1")`; a folder, or an id without a revision, has None in its place."""
    if Path(source).is_dir():
        return source, None
    repo, _, revision = source.partition("@")
    return repo, revision or None


def short_name(source: str) -> str:
    """What a visitor calls a model: a folder's own name without the path to it, or the Hub id."""
    return Path(source).resolve().name if Path(source).is_dir() else source


def names_of(sources: Sequence[str], taken: set[str]) -> dict[str, str]:
    """A name for each model: its short one, with as many folders above it as it takes to tell it from the others."""
    names: dict[str, str] = {}
    for source in dict.fromkeys(sources):
        parts = Path(source).resolve().parts if Path(source).is_dir() else (source,)
        longer = ("/".join(parts[-length:]) for length in range(1, len(parts) + 1))
        name = next((name for name in longer if name not in taken and name not in names), None)
        if name is not None:
            names[name] = source
    return names


class Shelf:
    """The models that visitors can choose from; the main one stays, of the others the last used are kept.

    Args:
        main: Folder or Hub id of the main model.
        others: Folders or Hub ids that can be chosen besides. Nothing else is ever loaded, as a model brings its own
            code.
    """

    def __init__(self, main: str, others: Sequence[str] = ()):
        self.main = Reader(main)
        self._sources = names_of([source for source in others if source != main], {self.main.name})
        self._others: OrderedDict[str, Reader] = OrderedDict()
        self._guard = threading.Lock()
        if torch.cuda.is_available():
            for name in self.names[1 : 1 + MAX_OTHERS]:
                self.take(name)

    @property
    def names(self) -> list[str]:
        """What can be chosen, the main model first."""
        return [self.main.name, *self._sources]

    def take(self, name: str) -> Reader:
        """The model called `name`.

        Raises:
            RefusalError: it is not among `names`, or cannot be loaded.
        """
        if name == self.main.name:
            return self.main
        if not isinstance(name, str) or name not in self._sources:
            raise RefusalError(f"There is no model '{str(name)[:100]}' here: choose one of {', '.join(self.names)}.")
        with self._guard:
            if name not in self._others:
                try:
                    self._others[name] = Reader(self._sources[name])
                except ValueError:
                    logger.exception("A model to compare with cannot be loaded.")
                    raise RefusalError(f"The model '{name}' cannot be loaded at the moment.") from None
                if len(self._others) > MAX_OTHERS:
                    self._others.popitem(last=False)
            self._others.move_to_end(name)
            return self._others[name]
