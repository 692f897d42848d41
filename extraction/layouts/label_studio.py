"""Label Studio's exports: JSON with its annotations, JSON-MIN and CSV with a column for each control."""

import logging

from common.errors import DataError
from tables.columns import TEXT_NAMES, usual

from .base import Taken, Wanted
from .cells import opened
from .finding import check_column, find_text
from .one_column import read_column
from .table import Table

logger = logging.getLogger(__name__)

# What JSON-MIN and CSV say about a task beside its data and its controls.
ABOUT = {"id", "annotation_id", "annotator", "created_at", "updated_at", "lead_time", "agreement", "history"}


class LabelStudio:
    """The choices of a task: the last annotation's in JSON; in the others a row per annotation, for --raters."""

    def fits(self, table: Table, wanted: Wanted) -> bool:
        """Whether there are tasks with annotations, or the columns that JSON-MIN and CSV have."""
        columns = set(table.columns)
        nested = {"annotations", "data"} <= columns and wanted.label_column is None
        return nested or {"annotation_id", "annotator", "lead_time"} <= columns

    def read(self, table: Table, wanted: Wanted) -> Taken:
        """Choices to names."""
        return self._nested(table, wanted) if "annotations" in table.columns else self._flat(table, wanted)

    def _flat(self, table: Table, wanted: Wanted) -> Taken:
        text = find_text(table, wanted)
        controls = [name for name in table.columns if name not in ABOUT | {text}]
        if wanted.label_column is not None:
            label = check_column(table, wanted.label_column, "label")
        elif len(controls) == 1:
            label = controls[0]
        else:
            raise DataError(
                f"The export '{table.source}' of Label Studio has the controls {controls}: expected one. Name it with "
                "--label_column."
            )
        labels, several = read_column(table, label, wanted)
        return Taken(table.values(text), labels, several, f"'{text}'", f"'{label}' of Label Studio", {text, label})

    def _nested(self, table: Table, wanted: Wanted) -> Taken:
        tasks = [opened(task) or {} for task in table.values("data")]
        keys = list(dict.fromkeys(key for task in tasks for key, value in task.items() if isinstance(value, str)))
        given = wanted.text_column and wanted.text_column.removeprefix("data.")
        if given is not None and given not in keys:
            raise DataError(
                f"The tasks of '{table.source}' have no '{given}': theirs are {keys}. Name one of them "
                "with --text_column."
            )
        text = given or (usual(keys, TEXT_NAMES) or keys or [""])[0]
        annotations = [opened(cell) or [] for cell in table.values("annotations")]
        labels = [_task_choices(cell) for cell in annotations]
        many = sum(len(cell) > 1 for cell in annotations)
        if many:
            logger.warning(
                f"'{table.source}': {many} task(s) have several annotations, of which the last counts. Export JSON-MIN "
                "or CSV, which have a row for each, and join them with --raters majority."
            )
        several = any(row is not None and len(row) != 1 for row in labels)
        texts = [task.get(text) for task in tasks]
        return Taken(texts, labels, several, f"'data.{text}'", "the choices of 'annotations'", {"data", "annotations"})


def _task_choices(annotations: list[dict] | dict) -> list[str] | None:
    """The choices of the last annotation that was not cancelled; [] if it chose none, None if there is none."""
    given = [one for one in annotations or () if isinstance(one, dict) and not one.get("was_cancelled")]
    if not given:
        return None
    chosen: list[str] = []
    for region in given[-1].get("result") or ():
        value = region.get("value") or {}
        chosen += value.get("choices") or []
    return list(dict.fromkeys(chosen))
