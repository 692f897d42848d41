"""A corpus of any size as numbered parts: the files it is made of, and which rows of them each part holds."""

import glob
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa

from common.errors import DataError

from .readers import SUFFIXES, Facts, parquet_facts, parquet_rows, scan_csv, scan_json, text_rows


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
        files: Paths; all are read with the same column names.
        names: The same, relative to what was named as input; they order and identify the files.
        facts: What is known of each file.
        counts: Rows of each file.
        text_column: Column with the texts.
        id_column: Column with the ids, or None: rows are numbered from 0 on.
        id_type: Arrow type of the ids over all files.
        parts: Pieces of each part; every part but the last has `part_rows` rows.
        part_rows: Rows of a part.
    """

    files: list[Path]
    names: list[str]
    facts: list[Facts]
    counts: list[int]
    text_column: str
    id_column: str | None
    id_type: pa.DataType
    parts: list[list[Piece]]
    part_rows: int

    @property
    def rows(self) -> int:
        """Number of rows in all files."""
        return sum(self.counts)

    def describe(self) -> dict[str, Any]:
        """What a later run must find unchanged to go on with the same output."""
        return {
            "files": [
                {"name": name, "rows": rows, "sha256": facts.digest}
                for name, rows, facts in zip(self.names, self.counts, self.facts, strict=True)
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
            "files": {
                number: (str(self.files[number]), self.facts[number].columns, self.facts[number].delimiter)
                for number in used
            },
        }


def read(task: dict[str, Any], text_column: str, id_column: str | None, id_type: pa.DataType) -> Iterator[tuple]:
    """Rows of a part, in order.

    Args:
        task: What `Corpus.task` gave.
        text_column: Column with the texts.
        id_column: Column with the ids, or None to number rows.
        id_type: Arrow type that the ids are to have.

    Yields:
        `(id, text)`; the text is whatever the file holds there, None for nothing.

    Raises:
        DataError: the file has other rows by now.
    """
    for piece in (Piece(**piece) for piece in task["pieces"]):
        name, columns, delimiter = task["files"][piece.file]
        file = Path(name)
        if file.suffix.lower() == ".parquet":
            rows = parquet_rows(file, text_column, id_column, piece.start, piece.start + piece.rows)
        else:
            facts = Facts(columns=columns, delimiter=delimiter)
            rows = text_rows(file, facts, text_column, id_column, piece.start, piece.rows)
        count = 0
        for count, (identity, text) in enumerate(rows, start=1):
            if id_column is None:
                identity = piece.first + count - 1
            elif identity is not None and id_type == pa.string() and not isinstance(identity, str):
                identity = str(identity)
            yield identity, text
        if count != piece.rows:
            raise DataError(f"'{file}' has changed while it was read. Start again when nobody writes to it.")


def open_corpus(source: str, text_column: str, id_column: str | None, part_rows: int) -> Corpus:
    """Find the files, check every row's form, and divide the rows into parts.

    CSV and JSON-lines files are read once from end to end for this; of Parquet files only the footer is.

    Args:
        source: A file, a folder (all its Parquet, CSV and JSON-lines files, subfolders too), or a pattern such as
            `data/2024-*.parquet`. Files are taken in the order of their names.
        text_column: Column with the texts.
        id_column: Column with the ids, or None to number the rows from 0 on.
        part_rows: Rows of a part.

    Raises:
        DataError: nothing is found, a file cannot be read, or a column is missing; the message says which.
    """
    root, files = find_files(source)
    corpus = Corpus(
        files, [file.relative_to(root).as_posix() for file in files], [], [], text_column, id_column, pa.int64(), [], 0
    )
    corpus.part_rows = part_rows
    room = 0
    for number, file in enumerate(files):
        facts, rows = Facts(), 0
        for start, count in _runs(file, facts, text_column, id_column):
            while count:
                if not room:
                    corpus.parts.append([])
                    room = part_rows
                taken = min(room, count)
                _append(corpus.parts[-1], Piece(number, start, taken, corpus.rows + rows))
                room, rows, count = room - taken, rows + taken, count - taken
                start += taken  # only Parquet has runs of several rows, and counts them
        _check_columns(file, facts, rows, text_column, id_column)
        corpus.facts.append(facts)
        corpus.counts.append(rows)
    if not corpus.rows:
        raise DataError(f"'{source}' has no rows: expected texts.")
    if id_column is not None:
        types = {facts.id_type for facts, rows in zip(corpus.facts, corpus.counts, strict=True) if rows}
        corpus.id_type = types.pop() if len(types) == 1 else pa.string()
    return corpus


def _runs(file: Path, facts: Facts, text_column: str, id_column: str | None) -> Iterator[tuple[int, int]]:
    """Start and number of rows that follow each other; `facts` is filled in by the time that all are told."""
    if file.suffix.lower() == ".parquet":
        found, rows = parquet_facts(file, text_column, id_column)
        vars(facts).update(vars(found))
        if rows:
            yield 0, rows
        return
    scan, header = (scan_csv, 1) if file.suffix.lower() == ".csv" else (scan_json, 0)
    with file.open("rb") as stream:
        for number, (begin, _) in enumerate(scan(stream, file, facts, id_column)):
            if number >= header:
                yield begin, 1


def _append(pieces: list[Piece], piece: Piece) -> None:
    """Add a piece; one that follows the last piece of its file makes that one longer."""
    if pieces and pieces[-1].file == piece.file:
        last = pieces.pop()
        piece = Piece(last.file, last.start, last.rows + piece.rows, last.first)
    pieces.append(piece)


def _check_columns(file: Path, facts: Facts, rows: int, text_column: str, id_column: str | None) -> None:
    """Refuse a file that lacks a column, or has it twice."""
    for column, flag in ((text_column, "--text_column"), (id_column, "--id_column")):
        count = facts.columns.count(column) if column is not None else 1
        if count > 1:
            raise DataError(f"'{file}' has the column '{column}' {count} times. Rename all but one.")
        # A file without rows has no use for columns, and JSON lines then has none.
        if not count and (rows or facts.columns):
            close = get_close_matches(str(column), facts.columns, n=1)
            hint = f"Did you mean '{close[0]}'? " if close else ""
            raise DataError(
                f"'{file}' has no column '{column}': its columns are {facts.columns}. {hint}Name it with {flag}."
            )


def find_files(source: str) -> tuple[Path, list[Path]]:
    """Files of a corpus in the order of their names.

    Args:
        source: A file, a folder, or a pattern.

    Returns:
        The folder that names are relative to, and the files.

    Raises:
        DataError: there is nothing of a known kind.
    """
    path = Path(source)
    if path.is_file():
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(
                f"'{source}' ends in '{path.suffix}': expected one of {list(SUFFIXES)}, not compressed (Parquet is "
                "compressed within)."
            )
        return path.resolve().parent, [path.resolve()]
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
    files = sorted(candidates, key=lambda file: file.as_posix())
    if not files:
        raise DataError(f"'{source}' holds no file that ends in one of {list(SUFFIXES)}.")
    outside = next((file for file in files if not file.is_relative_to(root)), None)
    if outside is not None:
        raise DataError(f"'{outside}' is reached from '{source}' through a link. Name the folder that it lies in.")
    return root, files


__all__ = ["Corpus", "Piece", "find_files", "open_corpus", "read"]
