"""What a model reads: a text, or a pair of texts such as premise and hypothesis.

An export carries this file as it is, so it imports the standard library alone.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

Text = str | tuple[str, str]
# Keys of a pair in transformers' text classification.
KEYS = ("text", "text_pair")


def check_texts(texts: object, first: int = 0, columns: Sequence[str] | None = None) -> list[Text]:
    """Make sure that every input is a text or a pair.

    Args:
        texts: What a user passed: strings, pairs as tuples of two (a list may be a mistake), dicts with `text` and
            perhaps `text_pair`; rows of a table are read as dicts.
        first: Number of the first text, for the message.
        columns: The two columns that the model was trained on; a dict may have them as its keys.

    Returns:
        Strings, and a tuple for each pair; a pair whose second text is missing or blank is a string. All can be encoded
        as UTF-8: half an emoji becomes U+FFFD, as in training files.

    Raises:
        ValueError: an input is neither, or the first text of a pair is blank.
    """
    if isinstance(texts, (str, bytes, bytearray)) or not isinstance(texts, Sequence):
        kind = type(texts).__name__
        raise ValueError(
            f"Expected a list of texts, got {kind}. For one text, pass [text]; for a column, list(column)."
        )
    return [_check(text, row, columns) for row, text in enumerate(texts, start=first)]


def _check(text: object, row: int, columns: Sequence[str] | None) -> Text:
    """One input."""
    text = as_row(text, columns)
    if isinstance(text, dict):
        found = find_keys(text, columns)
        if found is None:
            expected = f"'text' and 'text_pair', or {list(columns)}" if columns else "the key 'text'"
            raise ValueError(f"Input {row} is a dict with the keys {sorted(map(str, text))}: expected {expected}.")
        text = (text[found[0]], text.get(found[1]))
        if isinstance(text[0], Sequence) and not isinstance(text[0], (str, bytes)):
            raise ValueError(
                f"Input {row} is a dict of columns, not of one text: expected a text under {found[0]!r}. Give the list "
                "that stands there, or the table itself."
            )
    if isinstance(text, tuple) and len(text) == 2:
        text, second = text
        if not is_blank(second):
            if not isinstance(second, str):
                raise ValueError(
                    f"The second text of input {row} is {type(second).__name__} ({str(second)[:40]!r}): expected a "
                    "text (str), or None."
                )
            if is_blank(text):
                raise ValueError(
                    f"Input {row} is a pair whose first text is empty, and its second is {second[:40]!r}: expected a "
                    "first text. Give the second one alone, as a text."
                )
            if isinstance(text, str):
                return whole_signs(text), whole_signs(second)
    if not isinstance(text, str):
        raise ValueError(f"Input {row} is {type(text).__name__} ({str(text)[:40]!r}): expected a text (str).")
    return whole_signs(text)


def find_keys(names: Collection[str], columns: Sequence[str] | None = None) -> Sequence[str] | None:
    """The keys of a row, or the columns of a table, under which its text and the second one stand.

    Args:
        names: All its keys or columns.
        columns: The two columns that the model was trained on.

    Returns:
        `columns` or `KEYS`, of which the second need not be there; None if the first is not.
    """
    named = [keys for keys in (columns, KEYS) if keys and keys[0] in names]
    return max(named, key=lambda keys: keys[1] in names, default=None)


def as_row(value: Any, columns: Sequence[str] | None = None) -> Any:
    """A table's row (a mapping, a tuple or series with names) as a dict; any other value as it is.

    Iterating over a row gives its names, or all its cells, which would pass for texts.

    Args:
        value: What a user passed.
        columns: The two columns that the model was trained on. A series is a row if it has these names, or `text`.
    """
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "_asdict"):
        return value._asdict()
    is_series = hasattr(value, "keys") and hasattr(value, "to_dict")
    return value.to_dict() if is_series and find_keys(value.keys(), columns) else value


def is_blank(text: object) -> bool:
    """Whether there is no text: None, NaN, pandas' NA, or white space alone."""
    if isinstance(text, str):
        return not text.strip()
    return text is None or (isinstance(text, float) and text != text) or type(text).__name__ in ("NAType", "NaTType")


def pair_up(texts: Iterable[str], seconds: Iterable[str | None]) -> list[Text]:
    """Two columns to pairs; a text without a second one stays alone."""
    return [
        text if is_blank(second) else (text, second)  # type: ignore[misc]
        for text, second in zip(texts, seconds, strict=True)
    ]


def joined(text: Text) -> str:
    """A text as it is, a pair on two lines: what the TF-IDF branch sees."""
    return text if isinstance(text, str) else "\n".join(text)


def whole_signs(text: str) -> str:
    """A text that can be encoded: halves of a sign that belong together are joined, one alone becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


__all__ = ["KEYS", "Text", "as_row", "check_texts", "find_keys", "is_blank", "joined", "pair_up", "whole_signs"]
