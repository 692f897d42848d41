"""The actor: loads the model once, then takes part after part, labels it, writes it."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from transformers.utils.logging import disable_progress_bar

from common.memory import give_back
from fusion_model import FusionForSequenceClassification
from fusion_model.modeling_fusion import PREDICT_CHUNK
from fusion_model.predictions import probabilities, rank
from fusion_model.texts import Text, is_blank, whole_signs

from .corpus import read
from .deferral import Cascade, margins
from .model import ModelFacts
from .output import Layout, attempts, write_part

# A part that ended its worker so often (for lack of memory, as a rule) would do so again.
MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class Job:
    """What every part has in common.

    Args:
        model: Which model.
        layout: Columns of the output.
        folder: The output folder, as every worker sees it.
        text_column: Column with the texts.
        id_column: Column with the ids, or None.
        top_k: See `FusionForSequenceClassification.predict`.
        threshold: The same.
        threads: Of torch, in each worker.
        device: Where the model runs.
        cascade: A cheap model that labels the texts that it is sure of, or None.
    """

    model: ModelFacts
    layout: Layout
    folder: Path
    text_column: str
    id_column: str | None
    top_k: int | str | None
    threshold: float | None
    threads: int
    device: str
    cascade: Cascade | None = None


class PartLabeller:
    """Called by Ray Data with one part at a time.

    Args:
        job: What to do with it.
    """

    def __init__(self, job: Job):
        logging.getLogger("transformers").setLevel(logging.ERROR)
        disable_progress_bar()
        torch.set_num_threads(job.threads)
        self.job = job
        self.failure: str | None = None
        try:
            self.model = self.load(job.model)
            self.cheap = self.load(job.cascade.cheap) if job.cascade else None
        except (ValueError, OSError) as error:
            # An exception here would start actor after actor; told as a part's result it ends the run.
            self.failure = str(error)

    def load(self, facts: ModelFacts) -> FusionForSequenceClassification:
        """A model on the job's device, with its backbones, which would otherwise be loaded with the first text."""
        model = FusionForSequenceClassification.from_pretrained(facts.name, revision=facts.revision)
        model = model.to(torch.device(self.job.device)).eval()
        for backbone in model.config.backbones:
            assert model.encoder(backbone.name).layers
        return model

    def __call__(self, batch: Mapping[str, Sequence]) -> dict[str, list]:
        """One part, as `Corpus.task` describes it, to a line about it: rows, without text, deferred, seconds, error."""
        (task,) = batch["task"]
        part, folder = task["part"], self.job.folder
        started = time.perf_counter()
        rows, self.without_text, self.deferred = 0, 0, 0
        error = self.failure
        try:
            if error is None and attempts(folder, part) >= MOST_ATTEMPTS:
                raise OSError(
                    f"The worker was killed {MOST_ATTEMPTS} times while it read part {part} (out of memory?). Use "
                    "fewer --actors or a smaller --part_rows in another --output."
                )
            if error is None:
                before = self.cut_texts()
                rows = write_part(
                    folder,
                    part,
                    self.job.layout.schema,
                    self.batches(task),
                    lambda: {name: cut - before[name] for name, cut in self.cut_texts().items()},
                )
        except (ValueError, OSError, pa.ArrowException) as problem:
            error = str(problem)
        give_back()
        seconds = time.perf_counter() - started
        result = {
            "part": part,
            "rows": rows,
            "without_text": self.without_text,
            "deferred": self.deferred,
            "seconds": seconds,
            "error": error or "",
        }
        return {name: [value] for name, value in result.items()}

    def cut_texts(self) -> dict[str, int]:
        """How many texts each backbone has read a part of so far, as they are longer than it reads."""
        return {one.name: self.model.encoder(one.name).cut_texts for one in self.model.config.backbones}

    def batches(self, task: dict[str, Any]) -> Iterator[pa.RecordBatch]:
        """Rows of the output, as many at a time as the model takes together."""
        job, schema = self.job, self.job.layout.schema
        rows = read(task, job.layout.id_type)
        while chunk := list(islice(rows, PREDICT_CHUNK)):
            ids = [encodable(identity) for identity, _ in chunk]
            texts = [readable(text) for _, text in chunk]
            present = np.array([text is not None for text in texts])
            self.without_text += int((~present).sum())
            columns: list[pa.Array] = [pa.array(ids, job.layout.id_type)]
            if job.layout.keep_text:
                columns += kept(texts, job.layout.pairs)
            known = [text for text in texts if text is not None]
            columns += self.labels(known, present) if job.layout.widths is None else self.features(known, present)
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def labels(self, texts: list[Text], present: np.ndarray) -> list[pa.Array]:
        """Predicted labels and all scores of the rows that have a text, null in the others; which were deferred."""
        cascade, deferred = self.job.cascade, np.ones(len(texts), bool)
        if cascade is None or self.cheap is None:
            found, scores = self.predicted(self.model, self.model.logits(texts).numpy())
        else:
            logits = self.cheap.logits(texts).numpy()
            deferred = margins(texts, logits, self.cheap.config, cascade.label_counts) < cascade.margin
            found, scores = self.predicted(self.cheap, logits)
            rows = np.flatnonzero(deferred)
            read, scores[rows] = self.predicted(self.model, self.model.logits([texts[row] for row in rows]).numpy())
            for row, names in zip(rows, read, strict=True):
                found[row] = names
            self.deferred += len(rows)
        columns = [pa.array(in_place(found, present), pa.list_(pa.string())), spread(scores, present)]
        return columns + [pa.array(in_place(deferred.tolist(), present), pa.bool_())] * (cascade is not None)

    def predicted(self, model: FusionForSequenceClassification, logits: np.ndarray) -> tuple[list, np.ndarray]:
        """Predicted labels of each row of logits, and all scores."""
        config = model.config
        scores = probabilities(logits, config.problem_type == "multi_label_classification")
        ranked = (rank(row, config, self.job.top_k, self.job.threshold) for row in scores)
        return [[entry["label"] for entry in row] for row in ranked], scores

    def features(self, texts: list[Text], present: np.ndarray) -> list[pa.Array]:
        """What each backbone sees in the rows that have a text, null in the others."""
        widths = self.job.layout.widths or {}
        encoded = self.model.encode(texts) if texts else {}
        return [
            spread(encoded[name].numpy() if texts else np.empty((0, width), np.float16), present)
            for name, width in widths.items()
        ]


def encodable(value: Any) -> Any:
    """A string without halves of signs, as the model reads it, which Parquet can hold; anything else as it is."""
    return whole_signs(value) if isinstance(value, str) else value


def readable(cell: Any) -> Text | None:
    """What the model reads of a text column's cell, or of a tuple of two; None without a (first) text."""
    if not isinstance(cell, tuple):
        return whole_signs(cell) if isinstance(cell, str) else None
    first, second = cell
    if is_blank(second) or not isinstance(second, str):
        return readable(first)
    return None if is_blank(first) or not isinstance(first, str) else (whole_signs(first), whole_signs(second))


def kept(texts: list[Text | None], pairs: bool) -> list[pa.Array]:
    """Texts as a column, pairs as two."""
    rows = [text if isinstance(text, tuple) else (text, None) for text in texts]
    return [pa.array([row[place] for row in rows], pa.string()) for place in range(1 + pairs)]


def in_place(values: list, present: np.ndarray) -> list:
    """Values of the rows that have a text, with None for the others."""
    following = iter(values)
    return [next(following) if has_text else None for has_text in present]


def spread(values: np.ndarray, present: np.ndarray) -> pa.Array:
    """`(rows that have a text, width)` to a list of fixed length for each row, null where there is no text."""
    whole = np.zeros((len(present), values.shape[1]), values.dtype)
    whole[present] = values
    return pa.FixedSizeListArray.from_arrays(pa.array(whole.reshape(-1)), values.shape[1], mask=pa.array(~present))


__all__ = ["Job", "PartLabeller"]
