"""Plain text files."""

from pathlib import Path

from tables.lines import Lines
from tables.sources import Source


def read_lines(file: Path) -> list[str]:
    """A file's lines, without the blank ones at its end.

    Raises:
        DataError: it is not UTF-8.
    """
    lines = read_text(file).replace("\r\n", "\n").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def read_text(file: Path) -> str:
    """A file's text without a byte order mark.

    Raises:
        DataError: it is not UTF-8.
    """
    with file.open("rb") as stream:
        return "".join(Lines(stream, Source(str(file), file.suffix, file)))
