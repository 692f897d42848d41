"""Lines of a text file from any byte on: decoded and counted."""

from collections.abc import Iterator
from typing import BinaryIO

from .errors import TableError
from .sources import Source, not_utf8

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Lines:
    """Lines from an offset on, which know where the last one that was taken ended.

    Args:
        stream: The file.
        source: What it is, for messages.
        start: Offset of the first line.
        number: Lines before it.
        returns: Whether a lone carriage return ends a line, too, as in files of old Macs.
        digest: Takes what is read, such as `hashlib.sha256()`.
    """

    def __init__(
        self, stream: BinaryIO, source: Source, start: int = 0, number: int = 0, returns: bool = False, digest=None
    ):
        self.stream, self.source, self.end, self.number, self.returns = stream, source, start, number, returns
        self.digest = digest
        stream.seek(start)

    def __iter__(self) -> Iterator[str]:
        for whole in self.stream:
            if self.digest is not None:
                self.digest.update(whole)
            if self.end == 0 and whole.startswith(BYTE_ORDER_MARK):
                whole, self.end = whole[len(BYTE_ORDER_MARK) :], len(BYTE_ORDER_MARK)
            for line in whole.splitlines(keepends=True) if self.returns and b"\r" in whole else (whole,):
                self.number += 1
                self.end += len(line)
                yield self.decode(line)

    def decode(self, line: bytes) -> str:
        """A line as text.

        Raises:
            TableError: it is not UTF-8, or not a text.
        """
        suffix, name = self.source.suffix, self.source.advice
        if b"\0" in line:
            raise TableError(
                f"'{self.source.shown}' holds a zero byte in line {self.number}: expected text in UTF-8. If it is "
                f"UTF-16, convert it first: `iconv -f UTF-16LE -t UTF-8 '{name}' > utf8{suffix}`."
            )
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise TableError(
                not_utf8(self.source.shown, line[error.start], self.number, name, suffix, "WINDOWS-1252")
            ) from None
