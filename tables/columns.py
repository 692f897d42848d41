"""Which columns hold texts: by the names that they usually have, or by what is in them."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

import pyarrow as pa
import pyarrow.types as pt

from .errors import TableError, listed

# Rows by which it is judged what a column holds.
FIRST_ROWS = 1000
# The likeliest first; compared in lower case.
TEXT_NAMES = ("text", "sentence", "comment", "comment_text", "content", "utterance", "situation", "review", "message",
              "tweet", "body", "post", "document", "description", "question", "essay", "headline", "transcript",
              "review_text", "reviewtext", "clean_text", "phrase", "abstract")  # fmt: skip
# Those that say what is asked for before those that other columns are called as well.
LABEL_NAMES = ("labels", "label", "emotions", "emotion", "sentiment", "stance", "polarity", "gold_label", "class",
               "category", "target", "coarse_label", "tags", "topic", "intent", "feeling", "mood", "affect",
               "annotation", "cats")  # fmt: skip
# Others that show a line to be a header.
OTHER_NAMES = ("id", "ids", "index", "idx", "key", "split", "date", "time", "timestamp", "user", "author", "name",
               "title", "score", "rating", "language", "lang", "source", "url")  # fmt: skip


def split_pair(name: str, columns: Collection[str], what: str = "--text_column") -> tuple[str, str | None]:
    """The columns that --text_column names.

    Args:
        name: A column, or two separated by a comma for pairs of texts, such as `premise,hypothesis`.
        columns: Those that there are; one whose own name has a comma is one column.
        what: Said in the message.

    Returns:
        The first column, and the second or None.

    Raises:
        TableError: more or fewer than two are named, or one twice.
    """
    parts = [part.strip() for part in name.split(",")]
    if name in columns or len(parts) == 1:
        return name, None
    if len(parts) != 2 or not all(parts) or parts[0] == parts[1]:
        raise TableError(
            f"{what} is '{name}': expected one column, or two different ones for pairs of texts, such as "
            "premise,hypothesis. Join the texts of more columns into one first."
        )
    return parts[0], parts[1]


def is_usual(name: str) -> bool:
    """Whether a column is likely to have this name, and a cell in a row of data is not."""
    return name.strip().lower() in {*TEXT_NAMES, *LABEL_NAMES, *OTHER_NAMES}


def usual(names: Iterable[str], known: Sequence[str]) -> list[str]:
    """Names that are known, the likeliest first; `Affect Dimension` is known as `affect_dimension`."""
    lowered = {re.sub(r"[\s-]+", "_", name.lower().strip()): name for name in names}
    return [lowered[name] for name in known if name in lowered]


def are_sentences(cells: Iterable[str | None]) -> bool:
    """Whether cells read like texts: most have several words, and they hardly repeat."""
    texts = [cell.strip() for cell in cells if cell and cell.strip() and not cell.strip().startswith(("[", "{", "("))]
    several_words = sum(len(text.split()) > 2 for text in texts)
    return 2 * several_words > len(texts) and 2 * len(set(texts)) > len(texts)


def strings_of(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    """Columns of strings, among them those within objects, such as `data.text`."""
    flat = table.flatten()
    kinds = [(name, column, column.type) for name, column in zip(flat.column_names, flat.columns, strict=True)]
    return {name: column for name, column, kind in kinds if pt.is_string(kind) or pt.is_large_string(kind)}


def likely_texts(columns: Mapping[str, Sequence[str | None]]) -> list[str]:
    """Columns of strings that may be meant, the likeliest first; one alone, or with a usual name, leaves no doubt."""
    inner = {name.rpartition(".")[2]: name for name in reversed(list(columns))}
    named = usual(columns, TEXT_NAMES) or [inner[name] for name in usual(inner, TEXT_NAMES)]
    return named[:1] or [name for name, cells in columns.items() if are_sentences(cells)]


def first_strings(table: pa.Table) -> dict[str, list[str | None]]:
    """The first cells of `strings_of` a table."""
    return {name: column.slice(0, FIRST_ROWS).to_pylist() for name, column in strings_of(table).items()}


def find_text(shown: str, columns: Mapping[str, Sequence[str | None]]) -> str:
    """The column that holds the texts, where the user did not name it.

    Args:
        shown: The file, for messages.
        columns: Its columns of strings, or their first cells.

    Raises:
        TableError: none holds texts, or several do.
    """
    found = likely_texts(columns)
    if len(found) == 1:
        return found[0]
    what = f"the columns {listed(found)} hold sentences alike" if found else "none of them holds sentences"
    raise TableError(
        f"No text column was recognised in '{shown}': its columns of strings are {listed(columns)}, none has a usual "
        f"name, and {what}. Name it with --text_column."
    )
