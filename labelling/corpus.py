"""A corpus of any size as numbered parts: the files it is made of, and which rows of them each part holds."""

import glob
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa

from common.errors import DataError
from tables import SUFFIXES, read_table, split_part
from tables.columns import find_text, first_strings
from tables.pieces import Pieces, can_be_sought, first_texts

from .copies import copy_as_parquet

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Piece:
    """Rows of one file that follow each other.

    Args:
        file: Number of the file in the corpus.
        start: First row for Parquet, else the byte where the first row begins.
        rows: Number of rows.
        first: Number of the first row in the corpus.
    """

    file: int
    start: int
    rows: int
    first: int


@dataclass
class Corpus:
    """Files in order, and the parts that their rows fall into.

    Args:
        names: Of the files, relative to what was named as input; they order and identify the files.
        text_column: Column with the texts, or two separated by a comma for pairs.
        id_column: Column with the ids, or None: rows are numbered from 0 on.
        part_rows: Rows of a part.
        files: How each file is read; all with the same column names.
        digests: sha256 of each file, for Parquet of its footer.
        counts: Rows of each file.
        id_type: Arrow type of the ids over all files.
        parts: Pieces of each part; every part but the last has `part_rows` rows.
    """

    names: list[str]
    text_column: str
    id_column: str | None
    part_rows: int
    files: list[Pieces] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    id_type: pa.DataType = field(default_factory=pa.int64)
    parts: list[list[Piece]] = field(default_factory=list)

    @property
    def has_pairs(self) -> bool:
        """Whether texts are pairs in some file."""
        return any(len(file.text_columns) > 1 for file in self.files)

    @property
    def rows(self) -> int:
        """Number of rows in all files."""
        return sum(self.counts)

    @property
    def bytes(self) -> int:
        """Size of all files, as they are read."""
        return sum(split_part(file.file)[0].stat().st_size for file in self.files)

    def describe(self) -> dict[str, Any]:
        """What a later run must find unchanged to go on with the same output."""
        return {
            "files": [
                {"name": name, "rows": rows, "sha256": digest}
                for name, rows, digest in zip(self.names, self.counts, self.digests, strict=True)
            ],
            "text_column": self.text_column,
            "id_column": self.id_column,
            "part_rows": self.part_rows,
        }

    def task(self, part: int) -> dict[str, Any]:
        """A part as plain values, which travel to another process: see `read`."""
        pieces = self.parts[part]
        used = sorted({piece.file for piece in pieces})
        return {
            "part": part,
            "rows": sum(piece.rows for piece in pieces),
            "pieces": [asdict(piece) for piece in pieces],
            "files": {number: self.files[number].describe() for number in used},
        }


def read(task: dict[str, Any], id_type: pa.DataType) -> Iterator[tuple]:
    """Rows of a part, in order.

    Args:
        task: What `Corpus.task` gave.
        id_type: Arrow type that the ids are to have.

    Yields:
        `(id, text)`; the text is whatever the file holds there, None for nothing; a tuple of two for pairs.

    Raises:
        DataError: the file has other rows by now.
    """
    for piece in (Piece(**piece) for piece in task["pieces"]):
        file = Pieces.described(task["files"][piece.file])
        for number, (identity, text) in enumerate(file.read(piece.start, piece.rows), start=piece.first):
            if file.id_column is None:
                identity = number
            elif identity is not None and id_type == pa.string() and not isinstance(identity, str):
                identity = str(identity)
            yield identity, text


def open_corpus(
    source: str,
    text_column: str | None,
    id_column: str | None,
    part_rows: int,
    copies: Path,
    column_names: Sequence[str] | None = None,
) -> Corpus:
    """Find the files, check every row's form, and divide the rows into parts.

    Text files are read once from end to end for this; of Parquet files only the footer is. A file that cannot be
    read from any row on, such as a workbook or a packed file, is written to `copies` as Parquet first.

    Args:
        source: A file, `file.db::table`, a folder (all its files that can be read, subfolders too), or a pattern such
            as `data/2024-*.parquet`. Files are taken in the order of their names.
        text_column: Column with the texts, two separated by a comma for pairs, or None to find it in the first file
            that has rows.
        id_column: Column with the ids, or None to number the rows from 0 on.
        part_rows: Rows of a part.
        copies: Folder that is made when there is something to write; all workers must see it.
        column_names: Names of the columns, for files whose first line is a row of data.

    Raises:
        DataError: nothing is found, a file cannot be read, or a column is missing; the message says which.
    """
    root, files = find_files(source)
    if text_column is None:
        text_column = _find_text(files, column_names)
    corpus = Corpus([file.relative_to(root).as_posix() for file in files], text_column, id_column, part_rows)
    room = 0
    for number, file in enumerate(files):
        pieces, rows, names = Pieces(file, text_column, id_column), 0, column_names
        empty = split_part(file)[0].stat().st_size == 0
        if not empty and not can_be_sought(file):
            pieces.file, names = copy_as_parquet(file, text_column, id_column, copies, column_names), None
        for start, count in () if empty else pieces.check(names):
            while count:
                if not room:
                    corpus.parts.append([])
                    room = part_rows
                taken = min(room, count)
                _append(corpus.parts[-1], Piece(number, start, taken, corpus.rows + rows))
                room, rows, count = room - taken, rows + taken, count - taken
                start += taken  # only Parquet has runs of several rows, and counts them
        _check_columns(file, pieces.columns, rows, pieces.text_columns, id_column)
        corpus.files.append(pieces)
        # A copy is named after the content of what it was made from.
        corpus.digests.append(pieces.digest if pieces.file == file else pieces.file.stem)
        corpus.counts.append(rows)
    if not corpus.rows:
        raise DataError(f"'{source}' has no rows: expected texts.")
    if id_column is not None:
        types = {file.id_type for file, rows in zip(corpus.files, corpus.counts, strict=True) if rows}
        corpus.id_type = types.pop() if len(types) == 1 else pa.string()
    return corpus


def _find_text(files: list[Path], column_names: Sequence[str] | None) -> str:
    """The column of texts of the first file that is not empty; `text` if there is none."""
    file = next((file for file in files if split_part(file)[0].stat().st_size), None)
    if file is None:
        return "text"
    if can_be_sought(file):
        return find_text(str(file), first_texts(file, column_names))
    return find_text(str(file), first_strings(read_table(file, column_names=column_names)))


def _append(pieces: list[Piece], piece: Piece) -> None:
    """Add a piece; one that follows the last piece of its file makes that one longer."""
    if pieces and pieces[-1].file == piece.file:
        last = pieces.pop()
        piece = Piece(last.file, last.start, last.rows + piece.rows, last.first)
    pieces.append(piece)


def _check_columns(file: Path, columns: list[str], rows: int, texts: list[str], id_column: str | None) -> None:
    """Refuse a file that lacks a column, or has it twice."""
    for column, flag in (*((name, "--text_column") for name in texts), (id_column, "--id_column")):
        count = columns.count(column) if column is not None else 1
        if count > 1:
            raise DataError(f"'{file}' has the column '{column}' {count} times. Rename all but one.")
        # A file without rows has no use for columns, and JSON lines then has none.
        if not count and (rows or columns):
            close = get_close_matches(str(column), columns, n=1)
            hint = f"Did you mean '{close[0]}'? " if close else ""
            raise DataError(f"'{file}' has no column '{column}': its columns are {columns}. {hint}Name it with {flag}.")


def find_files(source: str) -> tuple[Path, list[Path]]:
    """Files of a corpus in the order of their names.

    Args:
        source: A file, a folder, or a pattern.

    Returns:
        The folder that names are relative to, and the files.

    Raises:
        DataError: there is nothing of a known kind.
    """
    path, part = split_part(source)
    if path.is_file():
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(f"'{source}' ends in '{path.suffix}': expected one of {list(SUFFIXES)}.")
        file = path.resolve()
        return file.parent, [file if part is None else Path(f"{file}::{part}")]
    if path.is_dir():
        root, found = path.resolve(), [(file, file.relative_to(path)) for file in path.rglob("*")]
    elif path.exists():
        raise DataError(f"'{source}' is no ordinary file, and a corpus is read more than once: save it as one.")
    else:
        matches = [Path(match) for match in glob.glob(source, recursive=True)]
        if not matches:
            raise DataError(f"There is no file, no folder and nothing that fits the pattern '{source}'.")
        # Names are told from the part of the pattern that has no wildcard.
        fixed = Path(*Path(source).parts[: next(i for i, part in enumerate(path.parts) if glob.has_magic(part))])
        root, found = fixed.resolve(), [(file, file.relative_to(fixed)) for file in matches]
    # Hidden, or an engine's own (`_temporary`): what lies there is a copy, or not finished.
    shown = [file for file, name in found if not any(part.startswith((".", "_")) for part in name.parts)]
    candidates = [file.resolve() for file in shown if file.is_file() and file.suffix.lower() in SUFFIXES]
    if path.is_dir():
        # These may tell of the others; a pattern such as `folder/*.txt` takes them.
        candidates = [file for file in candidates if file.suffix.lower() not in (".txt", ".json")] or candidates
    left_out = Counter(file.suffix.lower() or "no ending" for file in shown if file.is_file())
    left_out.subtract(file.suffix.lower() for file in candidates)
    if candidates and +left_out:
        kinds = ", ".join(f"{count:,} with {kind}" for kind, count in sorted((+left_out).items()))
        known = sorted(kind for kind in +left_out if kind in SUFFIXES)
        cure = f" A pattern takes them: '{source}/*{known[0]}'." if known else ""
        logger.warning(f"'{source}': {left_out.total():,} file(s) are not read: {kinds}.{cure}")
    files = sorted(candidates, key=lambda file: file.as_posix())
    if not files:
        raise DataError(f"'{source}' holds no file that ends in one of {list(SUFFIXES)}.")
    outside = next((file for file in files if not file.is_relative_to(root)), None)
    if outside is not None:
        raise DataError(f"'{outside}' is reached from '{source}' through a link. Name the folder that it lies in.")
    return root, files


__all__ = ["Corpus", "Piece", "find_files", "open_corpus", "read"]
