"""fastText's lines: `__label__joy __label__pride what was said`."""

from pathlib import Path

from datasets import Dataset

from .lines import first_bytes, read_lines

MARK = "__label__"


def fits(file: Path) -> bool:
    """Whether the first line that is not blank begins with a label."""
    return first_bytes(file).lstrip().startswith(MARK)


def read(file: Path) -> Dataset:
    """A row for each line; the labels at its beginning, one or several, and the text behind them."""
    texts, labels = [], []
    for line in read_lines(file):
        words = line.split(" ")
        count = 0
        while count < len(words) and (words[count].startswith(MARK) or not words[count]):
            count += 1
        texts.append(" ".join(words[count:]).strip())
        labels.append([word.removeprefix(MARK) for word in words[:count] if word])
    return Dataset.from_dict({"text": texts, "label": labels})
