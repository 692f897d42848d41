"""One column for each label, with 0 and 1, true and false, or how strong it is."""

from common.errors import DataError
from tables.columns import LABEL_NAMES, TEXT_NAMES

from .base import Taken, Wanted
from .finding import LABEL_TEXTS, check_column, find_text
from .table import Table, is_missing

TRUE = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
# Columns of numbers that belong to a row and not to its text.
NOT_LABELS = {"id", "index", "idx", "row", "rater_id", "rater", "annotator", "worker_id", "example_very_unclear",
              "created_utc", "year", "turn", "utterance_idx", "speaker_idx", "score", "rating", "stars", "likes",
              "retweets", "retweet", "is_retweet", "quality", "confidence", "age", "gender", "group"}  # fmt: skip
STRONGEST = 3


class LabelColumns:
    """SemEval-2018 E-c, BRIGHTER, Jigsaw, GoEmotions' raw files: above 0 means that the label is there."""

    def fits(self, table: Table, wanted: Wanted) -> bool:
        """Whether several columns were named, or two or more hold nothing but 0 and 1 and no other holds names."""
        if wanted.label_column is not None:
            return wanted.label_column not in table.columns and "," in wanted.label_column
        found = self._found(table, wanted)
        named = [name for name in table.columns if name.strip().lower() in (*LABEL_NAMES, *LABEL_TEXTS)]
        return len(found) > 1 and not set(named) - {wanted.text_column} - set(self._texts(table))

    def read(self, table: Table, wanted: Wanted) -> Taken:
        """A row's labels are the columns above 0; one of zeros has none, one with a gap or -1 is unlabelled."""
        if wanted.label_column is not None:
            names = [name.strip() for name in wanted.label_column.split(",") if name.strip()]
            names = [check_column(table, name, "label") for name in dict.fromkeys(names)]
            if not names:
                raise DataError(
                    f"--label_column '{wanted.label_column}' names no column: expected some of {table.columns}, such "
                    "as joy,anger."
                )
        else:
            names = self._found(table, wanted)
        text = find_text(table, wanted, but=set(names))
        if text in names:
            raise DataError(
                f"The column '{text}' of '{table.source}' is given as text and as label: expected two of its columns "
                f"{table.columns}."
            )
        strengths = [self._strengths(table, name) for name in names]
        labels: list[list[str] | None] = []
        for row in zip(*strengths, strict=True):
            known = all(value is not None and value >= 0 for value in row)
            labels.append([n for n, value in zip(names, row, strict=True) if value and value > 0] if known else None)
        # Declared columns of a one-hot table hold one label per text.
        several = any(row is not None and len(row) != 1 for row in labels)
        said = f"{len(names)} columns ({names[0]} … {names[-1]})"
        return Taken(table.values(text), labels, several, f"'{text}'", said, {text, *names}, names)

    def _texts(self, table: Table) -> list[str]:
        return [name for name in table.columns if name.strip().lower() in TEXT_NAMES]

    def _found(self, table: Table, wanted: Wanted) -> list[str]:
        """Columns of 0 and 1; of whole numbers up to 3 too, where they begin at 0 as intensities do."""
        texts = {wanted.text_column, *self._texts(table)[:1]}
        return [
            name
            for name in table.columns
            if name not in texts and name.strip().lower() not in NOT_LABELS and not table.declared(name)
            if self._is_label(table.present(name))
        ]

    def _is_label(self, cells: list) -> bool:
        values = {_number(cell) for cell in cells if not _is_withheld(cell)} - {-1.0}
        if not values or None in values:
            return False
        return values <= {0.0, 1.0} or (0.0 in values and values <= set(map(float, range(STRONGEST + 1))))

    def _strengths(self, table: Table, column: str) -> list[float | None]:
        """A column as numbers, null where it is empty."""
        cells = table.values(column)
        gone = [is_missing(cell) or _is_withheld(cell) for cell in cells]
        numbers = [None if left_out else _number(cell) for cell, left_out in zip(cells, gone, strict=True)]
        told = zip(cells, numbers, gone, strict=True)
        wrong = next((cell for cell, number, left_out in told if number is None and not left_out), None)
        if wrong is not None:
            raise DataError(
                f"The column '{column}' of '{table.source}' holds {str(wrong)[:60]!r}: expected 0 and 1, true and "
                "false, or how strong the label is. Name the label columns with --label_column, such as joy,anger."
            )
        present = [number for number in numbers if number is not None and number >= 0]
        if present and min(present) > 0 and max(present) != 1:
            raise DataError(
                f"The column '{column}' of '{table.source}' holds numbers from {min(present):g} to {max(present):g} "
                "and never 0: a measurement, which is above 0 in every row, says nothing about who has the label. "
                "Turn it into 0 and 1 first, for instance with pandas: "
                f"`table['{column}'] = (table['{column}'] >= {(min(present) + max(present)) / 2:g}).astype(int)`."
            )
        return numbers


def _is_withheld(cell: object) -> bool:
    """SemEval's test files have `NONE` in every label column."""
    return isinstance(cell, str) and cell.strip().lower() == "none"


def _number(cell: object) -> float | None:
    """A number, a truth value or the string of one; None for anything else."""
    if isinstance(cell, (bool, int, float)):
        return float(cell)
    if not isinstance(cell, str):
        return None
    word = cell.strip().lower()
    try:
        return TRUE[word] if word in TRUE else float(word)
    except ValueError:
        return None
