"""Where a table's bytes are: a path or bytes, packed or not, with the name that messages give it."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, BinaryIO

from .errors import TableError, listed, refusing
from .limits import Limits

# The last two as fastText calls its files.
DELIMITED = (".csv", ".tsv", ".txt", ".train", ".valid")
JSON = (".json", ".jsonl", ".ndjson")
ARROW = (".arrow", ".feather")
SQLITE = (".db", ".sqlite", ".sqlite3")
PACKED = (".gz", ".bz2", ".zip")
# All that is read; the last ones around any of the others.
SUFFIXES = (*DELIMITED, *JSON, ".parquet", *ARROW, ".xlsx", *SQLITE, *PACKED)
# How files begin that are sometimes called .csv; what they are is said.
BEGINNINGS = {
    b"PK\x03\x04": ("a packed file (zip or xlsx)", ".zip or .xlsx"),
    b"\x1f\x8b": ("a packed file (gzip)", ".gz"),
    b"BZh": ("a packed file (bzip2)", ".bz2"),
    b"PAR1": ("a Parquet file", ".parquet"),
    b"SQLite format 3\0": ("an SQLite database", ".db"),
    b"ARROW1\0\0": ("an Arrow file", ".arrow"),
}
CHUNK = 1 << 20
# What damaged archives, and those with a password, raise.
UNPACKING = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError,
             NotImplementedError)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A file that is not packed, or no more.

    Args:
        shown: What messages call it.
        suffix: Its format, in lower case.
        content: Its path, or its bytes.
        part: Which table of a database or sheet of a workbook, if one is named.
    """

    shown: str
    suffix: str
    content: Path | bytes
    part: str | None = None

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    def open(self) -> BinaryIO:
        """The bytes as a stream that can be sought."""
        return io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")

    def read(self) -> bytes:
        """All bytes."""
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()

    def beginning(self, count: int) -> str:
        """Its first bytes as text, without a byte order mark; what is not UTF-8 is replaced."""
        with self.open() as stream:
            return stream.read(count).decode("utf-8", "replace").removeprefix("\ufeff")

    @property
    def advice(self) -> str:
        """The name of the file for commands that are advised."""
        return PurePath(self.shown).name


def split_part(source: str | Path) -> tuple[Path, str | None]:
    """`file.db::posts` is the table `posts` of `file.db`.

    Returns:
        The file and the table or sheet; None where none is named.
    """
    file, sign, part = str(source).rpartition("::")
    return (Path(file), part) if sign and not Path(source).exists() else (Path(source), None)


def open_source(source: Path | str | bytes, name: str | None, limits: Limits) -> Source:
    """Find out what a file is, and unpack it in memory if it is packed.

    Args:
        source: A path, `file.db::table` among them, or a file's bytes.
        name: The file's name, for bytes; its suffix says what it is.
        limits: Of unpacking.

    Raises:
        TableError: it is empty, packed in a way that is not read, or becomes too large.
    """
    content: Path | bytes
    if isinstance(source, bytes):
        if name is None:
            raise TableError("Bytes alone do not say what they are: give the file's name, such as posts.csv.")
        content, part = source, None
    else:
        content, part = split_part(source)
    shown = name or str(content)
    found = Source(shown, PurePath(shown).suffix.lower(), content, part)
    if found.suffix not in SUFFIXES:
        raise TableError(
            f"'{shown}' ends in '{found.suffix}': expected one of {list(SUFFIXES)}. Save it as CSV in UTF-8, say."
        )
    if isinstance(content, Path) and not content.is_file():
        raise TableError(f"There is no file '{content}'. Check the path.")
    if found.size == 0 or (isinstance(content, bytes) and not content.strip()):
        raise TableError(f"The file '{shown}' is empty: expected a header line and rows, or one JSON object a line.")
    return unpack(found, limits) if found.suffix in PACKED else found


def unpack(source: Source, limits: Limits) -> Source:
    """What is in a packed file, as long as it stays within the limits.

    Raises:
        TableError: it is damaged, too large, or does not hold one table.
    """
    cure = "Pack it again, without a password, or give the file that is in it."
    with refusing(f"'{source.shown}' cannot be unpacked", cure, *UNPACKING), source.open() as stream:
        if source.suffix == ".zip":
            with zipfile.ZipFile(stream) as archive:
                inner = _only_table(source, archive)
                with archive.open(inner) as member:
                    content = bounded(member, source, limits)
        else:
            inner = source.shown[: -len(source.suffix)]
            with gzip.GzipFile(fileobj=stream) if source.suffix == ".gz" else bz2.BZ2File(stream) as member:
                content = bounded(member, source, limits)
    suffix = PurePath(inner).suffix.lower()
    if suffix not in SUFFIXES or suffix in PACKED:
        raise TableError(
            f"'{source.shown}' is a packed file whose name does not say of what: expected a name such as "
            f"posts.csv{source.suffix} (inside may be {[kind for kind in SUFFIXES if kind not in PACKED]})."
        )
    if not content.strip():
        raise TableError(f"The file in '{source.shown}' is empty: expected a header line and rows.")
    return Source(source.shown, suffix, content, source.part)


def bounded(stream: IO[bytes] | gzip.GzipFile | bz2.BZ2File, source: Source, limits: Limits) -> bytes:
    """All that a stream holds, given up as soon as it is more than allowed."""
    chunks, size = [], 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        limits.check_unpacked(source.shown, source.size, size)
        chunks.append(chunk)
    return b"".join(chunks)


def _only_table(source: Source, archive: zipfile.ZipFile) -> str:
    """The one file in an archive that is a table."""
    names = [name for name in archive.namelist() if not name.endswith("/")]
    # What macOS adds, and other hidden files.
    names = [name for name in names if not any(part.startswith((".", "__MACOSX")) for part in PurePath(name).parts)]
    tables = [name for name in names if PurePath(name).suffix.lower() in SUFFIXES]
    if len(tables) > 1:
        # A text file beside a table tells of it.
        tables = [name for name in tables if PurePath(name).suffix.lower() != ".txt"] or tables
    if len(tables) != 1:
        raise TableError(
            f"'{source.shown}' holds {len(tables)} tables among {listed(names)}: expected one. Unpack it, and give the "
            "file or the folder that was in it."
        )
    return tables[0]


def check_text(source: Source, beginning: bytes) -> None:
    """Refuse what is no text, by how it begins.

    Raises:
        TableError: says what it is, and the cure.
    """
    for sign, (what, suffix) in BEGINNINGS.items():
        if beginning.startswith(sign):
            raise TableError(f"'{source.shown}' is {what}, whatever it is called. Rename it to {suffix}.")
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TableError(not_utf8(source.shown, beginning[0], 1, source.advice, source.suffix, "UTF-16"))


def not_utf8(shown: str, byte: int, line: int, advice: str, suffix: str, encoding: str) -> str:
    """The sentence about a file in another encoding."""
    kind = "It is UTF-16: save" if encoding == "UTF-16" else "Save"
    return (
        f"'{shown}' is not UTF-8: byte 0x{byte:02x} in line {line}. {kind} it as UTF-8 (Excel: 'CSV UTF-8'), or "
        f"convert it: `iconv -f {encoding} -t UTF-8 '{advice}' > utf8{suffix}`."
    )
