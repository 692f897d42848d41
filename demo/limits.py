"""What the demo takes, and the sentences it refuses the rest with."""

MAX_CHARACTERS = 5_000
MAX_ROWS = 10_000
MAX_MEGABYTES = 10


class RefusalError(ValueError):
    """An input that the demo does not take; the message is shown to the person who sent it."""


def whole_signs(text: str) -> str:
    """A text that can be encoded: halves of a sign that belong together are joined, one alone becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def check_text(text: object) -> str:
    """Make sure that there is a text of a length that can be read.

    Args:
        text: What came in.

    Returns:
        The text; lone surrogates, which no answer could carry, are replaced.

    Raises:
        RefusalError: it is not a text, is empty, or is too long.
    """
    if not isinstance(text, str):
        raise RefusalError(f"Expected a text, got {type(text).__name__}.")
    if not text.strip():
        raise RefusalError("There is nothing to read yet: write a sentence first.")
    if len(text) > MAX_CHARACTERS:
        raise RefusalError(
            f"This text has {len(text):,} characters; up to {MAX_CHARACTERS:,} are read here. Split it, please."
        )
    return whole_signs(text)


def check_texts(texts: object) -> list[str]:
    """As `check_text`, for a list of up to MAX_ROWS texts, of which some may be empty.

    Raises:
        RefusalError: names the first text that cannot be read.
    """
    if not isinstance(texts, list):
        raise RefusalError(f"Expected a list of texts, got {type(texts).__name__}.")
    if len(texts) > MAX_ROWS:
        raise RefusalError(f"There are more than {MAX_ROWS:,} texts; up to {MAX_ROWS:,} are read at a time.")
    checked = []
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise RefusalError(f"Text {number:,} is not a text but {type(text).__name__}.")
        if len(text) > MAX_CHARACTERS:
            raise RefusalError(
                f"Text {number:,} has {len(text):,} characters; up to {MAX_CHARACTERS:,} are read here. "
                "Split or shorten it, please."
            )
        checked.append(whole_signs(text))
    if not any(text.strip() for text in checked):
        raise RefusalError("There is nothing to read: not one of the texts has any characters.")
    return checked


def check_threshold(threshold: float | None) -> float | None:
    """A probability from 0 to 1, or None for each label's own threshold.

    Raises:
        RefusalError: it is something else.
    """
    if threshold is None:
        return None
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 <= threshold <= 1:
        raise RefusalError(f"The threshold is {threshold!r}: expected a probability from 0 to 1, or none.")
    return float(threshold)


def check_top_k(top_k: int | None) -> int | None:
    """A number of labels from 1 on, or None for all.

    Raises:
        RefusalError: it is something else.
    """
    if top_k is None:
        return None
    if isinstance(top_k, bool) or not isinstance(top_k, (int, float)) or not 1 <= top_k < 2**31 or int(top_k) != top_k:
        raise RefusalError(f"top_k is {top_k!r}: expected a number of labels from 1 on, or none for all.")
    return int(top_k)
