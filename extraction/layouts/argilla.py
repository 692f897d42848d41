"""Argilla's exports: version 1 with `annotation`, version 2 with `responses`, nested or with dots in the names."""

import json
import logging
from collections import Counter
from typing import Any

from common.errors import DataError
from tables.columns import TEXT_NAMES, usual

from .base import Taken, Wanted
from .cells import opened
from .finding import find_text
from .table import Table, is_missing

logger = logging.getLogger(__name__)
FLAT = ".responses"
# Argilla's own columns, of which no one is a text or a question.
STATES = {"submitted", "Validated", "validated", "completed"}


class Argilla:
    """What people submitted counts; suggestions and predictions are a model's and do not."""

    def fits(self, table: Table, wanted: Wanted) -> bool:
        """Whether there are Argilla's columns of answers."""
        columns = set(table.columns)
        flat = [name for name in columns if name.endswith(FLAT)]
        old = {"annotation", "annotation_agent"} <= columns or {"annotation", "prediction", "status"} <= columns
        nested = {"fields", "responses"} <= columns and wanted.label_column not in columns
        given = wanted.label_column is None or f"{wanted.label_column}{FLAT}" in columns
        return nested or ((bool(flat) or old) and given)

    def read(self, table: Table, wanted: Wanted) -> Taken:
        """Answers to names; of several people's the one that most of them gave counts."""
        columns = set(table.columns)
        if {"fields", "responses"} <= columns:
            return self._nested(table, wanted)
        if "annotation" in columns and not any(name.endswith(FLAT) for name in columns):
            return self._first(table, wanted)
        return self._flat(table, wanted)

    def _first(self, table: Table, wanted: Wanted) -> Taken:
        """Version 1: `text` (or `inputs`), `annotation`, `multi_label`, `status`."""
        text = find_text(table, wanted, but={"annotation", "inputs"})
        discarded = [s in ("Discarded", "Default") for s in table.values("status")] if "status" in table.columns else []
        cells = [opened(cell) for cell in table.values("annotation")]
        cells = [None if gone else cell for cell, gone in zip(cells, discarded or [False] * len(cells), strict=True)]
        multi = "multi_label" in table.columns and any(table.present("multi_label"))
        return _taken(
            table, table.values(text), cells, f"'{text}'", "'annotation'", {text, "annotation", "status"}, multi
        )

    def _flat(self, table: Table, wanted: Wanted) -> Taken:
        """Version 2 by `to_datasets`: `label.responses`, `label.responses.status`."""
        questions = [name.removesuffix(FLAT) for name in table.columns if name.endswith(FLAT)]
        question = wanted.label_column or _only(questions, table.source)
        status = f"{question}{FLAT}.status"
        text = find_text(table, wanted)
        states = table.values(status) if status in table.columns else [None] * table.num_rows
        answers = [_submitted(cell, said) for cell, said in zip(table.values(f"{question}{FLAT}"), states, strict=True)]
        return _taken(
            table, table.values(text), answers, f"'{text}'", f"'{question}{FLAT}'", {text, f"{question}{FLAT}", status}
        )

    def _nested(self, table: Table, wanted: Wanted) -> Taken:
        """Version 2 by `to_json`: `fields` and `responses`, a dict each."""
        fields = [opened(cell) or {} for cell in table.values("fields")]
        answers = [opened(cell) or {} for cell in table.values("responses")]
        questions = list(dict.fromkeys(name for row in answers for name, given in row.items() if given))
        question = wanted.label_column or _only(questions, table.source)
        keys = list(dict.fromkeys(key for row in fields for key in row))
        named = wanted.text_column and wanted.text_column.removeprefix("fields.")
        text = named or (usual(keys, TEXT_NAMES) or keys or [""])[0]
        cells = []
        for row in answers:
            given = row.get(question) or []
            cells.append(_submitted([one.get("value") for one in given], [one.get("status") for one in given]))
        texts = [row.get(text) for row in fields]
        return _taken(table, texts, cells, f"'fields.{text}'", f"'responses.{question}'", {"fields", "responses"})


def _taken(
    table: Table, texts: list, cells: list, text_from: str, labels_from: str, used: set[str], multi: bool = False
) -> Taken:
    labels = [
        None if is_missing(cell) else [str(c) for c in cell] if isinstance(cell, list) else [str(cell)]
        for cell in cells
    ]
    without = labels.count(None)
    if without:
        logger.warning(f"'{table.source}': {without} row(s) have no submitted answer, and so no label.")
    several = multi or any(row is not None and len(row) != 1 for row in labels)
    return Taken(texts, labels, several, text_from, labels_from, used)


def _only(questions: list[str], source: str) -> str:
    """The question, if there is one."""
    if len(questions) != 1:
        raise DataError(
            f"The export '{source}' of Argilla has the questions {questions}: expected one. Name it with "
            "--label_column."
        )
    return questions[0]


def _submitted(values: Any, states: Any) -> Any:
    """What most people submitted; the first of them where they differ."""
    values, states = opened(values), opened(states)
    if not values:
        return None
    values = values if isinstance(values, list) else [values]
    states = states if isinstance(states, list) else [states] * len(values)
    given = [v for v, said in zip(values, states, strict=False) if v is not None and (said is None or said in STATES)]
    if not given:
        return None
    votes = Counter(json.dumps(value) for value in given)
    return json.loads(votes.most_common(1)[0][0])
