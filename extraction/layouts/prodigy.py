"""Prodigy's `db-out`: one JSON object per answer, with `answer`, `label`, or `options` and `accept`."""

import logging

from .base import Taken, Wanted
from .cells import cell_names
from .finding import find_text
from .table import Table, is_missing

logger = logging.getLogger(__name__)
PARTS = {"label", "accept", "options", "spans"}


class Prodigy:
    """What was accepted counts; what was rejected or ignored says nothing that training could use."""

    def fits(self, table: Table, wanted: Wanted) -> bool:
        """Whether there are Prodigy's `answer` and one of its columns of labels."""
        answers = set(table.present("answer")) if "answer" in table.columns else set()
        given = wanted.label_column in (None, "label", "accept")
        return given and bool(answers) and answers <= {"accept", "reject", "ignore"} and bool(PARTS & {*table.columns})

    def read(self, table: Table, wanted: Wanted) -> Taken:
        """Labels of the accepted answers; an empty `accept` is none of the options."""
        text = find_text(table, wanted, but={"answer"})
        column = "accept" if "accept" in table.columns else "label"
        where = f"The column '{column}' of '{table.source}'"
        options = table.values("options") if "options" in table.columns else [None] * table.num_rows
        known = {o["id"]: str(o.get("text", o["id"])) for row in options for o in row or () if isinstance(o, dict)}
        answers = table.values("answer")
        labels: list[list[str] | None] = []
        for cell, answer in zip(table.values(column), answers, strict=True):
            names = cell_names(cell, None, where) if answer == "accept" and not is_missing(cell) else None
            labels.append(None if names is None else [known.get(name, name) for name in names])
        asked = {str(cell) for cell in table.present(column)} if column == "label" else set()
        if len(asked) == 1:
            # All were asked about one label: a rejected text is an example of what is not.
            other = f"not {next(iter(asked))}"
            labels = [[other] if said == "reject" else row for row, said in zip(labels, answers, strict=True)]
            logger.warning(f"'{table.source}': rejected rows have the label '{other}'.")
        if None in labels:
            logger.warning(f"'{table.source}': {labels.count(None)} row(s) whose answer is not 'accept' have no label.")
        several = column == "accept" and any(row is not None and len(row) != 1 for row in labels)
        # The order of the buttons is the order of the labels; a recipe without options has none.
        names = list(dict.fromkeys(known.values()))
        return Taken(
            table.values(text), labels, several, f"'{text}'", f"'{column}' of accepted answers",
            {text, column, "answer", "options"}, names,
        )  # fmt: skip
