"""Plain text files."""

from pathlib import Path

from common.errors import DataError


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
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"'{file}' is not UTF-8: byte 0x{error.object[error.start]:02x} in line "
            f"{error.object[: error.start].count(10) + 1}. Convert the file first, for instance "
            f"`iconv -f WINDOWS-1252 -t UTF-8 '{file.name}' > utf8{file.suffix}`."
        ) from None


def first_bytes(file: Path, count: int = 4096) -> str:
    """How a file begins; signs that are not UTF-8 are replaced."""
    with file.open("rb") as stream:
        return stream.read(count).decode("utf-8", "replace").removeprefix("\ufeff")
