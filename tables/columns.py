"""Names that columns of texts and of labels usually have, the likeliest first; compared in lower case."""

from collections.abc import Collection

from .errors import TableError

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
