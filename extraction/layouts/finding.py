"""Which column is the text and which the label, where the user did not say."""

import re
from difflib import get_close_matches

from common.errors import DataError
from tables.columns import FIRST_ROWS, LABEL_NAMES, TEXT_NAMES, are_sentences, usual

from .base import Wanted
from .table import Table

NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
# Names of class ids that stand beside them.
LABEL_TEXTS = ("label_text", "label_name", "label_names", "emotion_name", "emotion_text", "class_name", "labels_text")
SPLIT_COLUMNS = ("split", "set", "partition", "subset", "fold", "data_split")


def find_text(table: Table, wanted: Wanted, but: set[str] = frozenset()) -> str:  # type: ignore[assignment]
    """The text column: the one given, or one with a usual name, or the only one that holds sentences.

    Args:
        table: All splits.
        wanted: What the user said.
        but: Columns that are something else.

    Raises:
        DataError: there is no such column, or more than one.
    """
    if wanted.text_column is not None:
        return check_column(table, wanted.text_column, "text")
    named = _named(table, TEXT_NAMES, but)
    if named:
        return named[0]
    sentences = [name for name in table.columns if name not in but and holds_sentences(table, name)]
    if len(sentences) == 1:
        return sentences[0]
    found = f"the columns {sentences} hold sentences alike" if sentences else "no other column holds sentences"
    raise DataError(
        f"No text column was recognised in '{table.source}': its columns are {table.columns}, none has a usual name, "
        f"and {found}. Name it with --text_column; the first line of a CSV file must hold the names of its columns."
    )


def find_label(table: Table, wanted: Wanted, text: str) -> tuple[str, list[str]]:
    """The label column: the one given, or one with a usual name, or the only other one.

    Returns:
        The column, and others that would fit as well.

    Raises:
        DataError: there is no such column, or more than one.
    """
    if wanted.label_column is not None:
        return check_column(table, wanted.label_column, "label"), []
    named = _named(table, LABEL_NAMES, {text})
    if named:
        return named[0], [name for name in named[1:] if not _is_measurement(table, name)]
    others = [name for name in table.columns if name != text and name.strip().lower() not in SPLIT_COLUMNS]
    measured = [name for name in others if _is_measurement(table, name)]
    if measured and len(measured) >= len(others) - 1:
        value = table.present(measured[0])[0]
        raise DataError(
            f"The columns {measured} of '{table.source}' hold measurements such as {value}: expected classes. Group "
            "the values first, for instance with pandas: "
            f"`table['label'] = pandas.cut(table['{measured[0]}'], 3, labels=['low', 'middle', 'high'])`."
        )
    if len(others) == 1:
        return others[0], []
    texts = [name for name in others if name.strip().lower() in LABEL_TEXTS]
    if len(texts) == 1:
        return texts[0], []
    raise DataError(
        f"No label column was recognised in '{table.source}': its columns are {table.columns}. Name it with "
        "--label_column, or several of 0 and 1 with --label_column joy,anger; the first line of a CSV file must hold "
        "the names of its columns."
    )


def check_column(table: Table, name: str, what: str) -> str:
    """A column that the user named.

    Raises:
        DataError: there is none of that name.
    """
    if name not in table.columns:
        close = get_close_matches(name, table.columns, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else f" Name one of them with --{what}_column."
        raise DataError(f"'{table.source}' has no column '{name}': its columns are {table.columns}.{hint}")
    return name


def holds_sentences(table: Table, column: str) -> bool:
    """Whether a column holds strings that read like texts."""
    return table.is_string(column) and are_sentences(table.present(column)[:FIRST_ROWS])


def _named(table: Table, known: tuple[str, ...], but: set[str]) -> list[str]:
    """Columns with usual names, in the order of the names."""
    return usual([column for column in table.columns if column not in but], known)


def _is_measurement(table: Table, column: str) -> bool:
    """Whether a column holds numbers with fractions, and many different ones."""
    numbers = [str(value).strip() for value in table.present(column)]
    fractions = [number for number in numbers if re.fullmatch(r"[+-]?[0-9]*\.[0-9]*[1-9][0-9]*", number)]
    return bool(fractions) and all(NUMBER.fullmatch(number) for number in numbers) and len(set(numbers)) > 2
