"""What an Arrow file becomes in memory, by its own words, before anything of it is unpacked."""

import struct
from collections.abc import Iterator

# Arrow's flatbuffers (Message.fbs), as far as they tell sizes: numbers of fields, and of kinds of header.
HEADER_TYPE, HEADER, BODY_LENGTH = 1, 2, 3
DICTIONARY_BATCH, RECORD_BATCH = 2, 3
DICTIONARY_DATA = 1
BUFFERS, COMPRESSION = 2, 3
CONTINUES = 0xFFFFFFFF


def declared_bytes(content: bytes, start: int) -> int:
    """Bytes that all buffers of all messages become.

    Args:
        content: The file.
        start: Where the first message is.

    Raises:
        struct.error: it is cut off.
        ValueError: it is no Arrow file.
    """
    total, position = 0, start
    while position + 8 <= len(content):
        mark, length = struct.unpack_from("<Ii", content, position)
        if mark != CONTINUES:
            raise ValueError("a message does not begin as Arrow's do")
        if length == 0:
            break
        message = Flat(content[position + 8 : position + 8 + length])
        body = position + 8 + length
        kind = message.number(HEADER_TYPE, "<B")
        if kind in (DICTIONARY_BATCH, RECORD_BATCH):
            batch = message.child(HEADER)
            batch = batch.child(DICTIONARY_DATA) if kind == DICTIONARY_BATCH else batch
            for offset, size in batch.pairs(BUFFERS):
                # A compressed buffer begins with its size when unpacked, or -1 if it is left as it is.
                packed = batch.has(COMPRESSION) and size >= 8
                total += max(struct.unpack_from("<q", content, body + offset)[0] if packed else 0, size)
        step = message.number(BODY_LENGTH, "<q")
        if step < 0:
            raise ValueError("a message has a negative length")
        position = body + step
    return total


class Flat:
    """A table of a flatbuffer.

    Args:
        content: The flatbuffer.
        at: Where the table is; the root if left out.
    """

    def __init__(self, content: bytes, at: int | None = None):
        self.content = content
        self.at = struct.unpack_from("<I", content, 0)[0] if at is None else at

    def _place(self, field: int) -> int:
        """Where a field is; 0 if it is left out."""
        fields = self.at - struct.unpack_from("<i", self.content, self.at)[0]
        (size,) = struct.unpack_from("<H", self.content, fields)
        if 4 + 2 * field >= size:
            return 0
        offset = struct.unpack_from("<H", self.content, fields + 4 + 2 * field)[0]
        return self.at + offset if offset else 0

    def has(self, field: int) -> bool:
        """Whether a field is there."""
        return bool(self._place(field))

    def number(self, field: int, form: str) -> int:
        """A number, 0 if it is left out; `form` is as in `struct`."""
        place = self._place(field)
        return struct.unpack_from(form, self.content, place)[0] if place else 0

    def child(self, field: int) -> "Flat":
        """A table within this one."""
        place = self._place(field)
        return Flat(self.content, place + struct.unpack_from("<I", self.content, place)[0])

    def pairs(self, field: int) -> Iterator[tuple[int, int]]:
        """A list of pairs of 64-bit numbers."""
        place = self._place(field)
        if place:
            start = place + struct.unpack_from("<I", self.content, place)[0]
            (count,) = struct.unpack_from("<I", self.content, start)
            for number in range(count):
                yield struct.unpack_from("<qq", self.content, start + 4 + 16 * number)
