"""Names of class ids in a file beside the data: `labels.txt`, `emotions.txt`, `label2idx.txt`, `mapping.txt`."""

import re
from pathlib import Path

from common.errors import DataError

from .columns import Names
from .corpora.lines import read_lines

FILES = ("labels.txt", "emotions.txt", "label2idx.txt", "mapping.txt", "classes.txt")
PAIR = re.compile(r"(.*?)\s*[\t,;: ]\s*(.*)")


def find_names(folder: Path) -> Names | None:
    """The names that a folder gives.

    Raises:
        DataError: a file's ids do not run from 0.
    """
    file = next((folder / name for name in FILES if (folder / name).is_file()), None)
    return None if file is None else Names(file.name, read_names(file))


def read_names(file: Path) -> tuple[str, ...]:
    """Read one name per line, or pairs of a name and its id in either order.

    Raises:
        DataError: ids do not run from 0.
    """
    lines = [line.strip() for line in read_lines(file) if line.strip()]
    pairs = [_pair(line) for line in lines]
    if not lines or any(pair is None for pair in pairs):
        return tuple(lines)
    ids = {number: name for number, name in pairs if name}  # type: ignore[misc]
    if sorted(ids) != list(range(len(lines))):
        raise DataError(
            f"'{file}' has the ids {sorted(ids)[:8]}: expected each from 0 to {len(lines) - 1} once. Correct it, or "
            "give the names in the order of their ids with --label_names."
        )
    return tuple(ids[number] for number in range(len(lines)))


def _pair(line: str) -> tuple[int, str] | None:
    """`0<tab>joy` or `joy 0`."""
    match = PAIR.fullmatch(line)
    if match and match[1].isdigit():
        return int(match[1]), match[2]
    name, _, number = re.sub(r"[\t,;: ]+", " ", line).rpartition(" ")
    return (int(number), name) if number.isdigit() and name else None
