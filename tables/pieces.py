"""One file in pieces: a pass that checks and counts its rows and tells where they begin, then any range of them."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from .arrow_files import is_text
from .columns import FIRST_ROWS, first_strings, split_pair
from .dialect import Dialect, find_dialect
from .errors import TableError, refusing
from .json_files import is_line_by_line, names_of, parse_object, value_of
from .json_values import to_table
from .lines import Lines
from .reading import is_corpus
from .rows import check_width, iterate_cells
from .sources import DELIMITED, JSON, Source, check_text, split_part

# Rows of a Parquet file that are decoded at a time.
READ_ROWS = 2048


def can_be_sought(file: Path) -> bool:
    """Whether a file can be read from any row on: Parquet, delimited files, JSON with an object a line."""
    if split_part(file)[1] is not None:
        return False
    suffix = file.suffix.lower()
    source = Source(str(file), suffix, file)
    if suffix == ".parquet":
        return True
    return not is_corpus(source) and (suffix in DELIMITED or (suffix in JSON and is_line_by_line(source)))


def first_texts(file: Path, column_names: Sequence[str] | None) -> dict[str, list[str | None]]:
    """Columns of strings of a file that can be sought: of its first rows, enough to tell which one holds the texts."""
    source = Source(str(file), file.suffix.lower(), file)
    with source.open() as stream:
        if source.suffix == ".parquet":
            with pq.ParquetFile(stream) as parquet:
                names = [field.name for field in parquet.schema_arrow if is_text(field.type)]
                batch = next(parquet.iter_batches(FIRST_ROWS, columns=names), None)
                return {name: batch.column(name).to_pylist() if batch else [] for name in names}
        if source.suffix in DELIMITED:
            dialect = find_dialect(source, column_names)
            rows = [row.cells for row in islice(iterate_cells(stream, source, dialect), FIRST_ROWS)]
            whole = [cells for cells in rows[dialect.header :] if len(cells) == len(dialect.columns)]
            return {name: [cells[place] for cells in whole] for place, name in enumerate(dialect.columns)}
        lines = (line for line in Lines(stream, source) if line.strip())
        records = [parse_object(source, line, number) for number, line in enumerate(islice(lines, FIRST_ROWS), start=1)]
        return first_strings(to_table(records))


@dataclass
class Pieces:
    """A file that can be read from any row on.

    `check` looks at all of it and fills in what is not given; `read` needs nothing else, in another process as well.

    Args:
        file: Its path; see `can_be_sought`.
        text_column: Column with the texts, or two separated by a comma for pairs.
        id_column: Column with the ids, or None.
        columns: Names of its columns.
        dialect: How a delimited file is written.
        id_type: Arrow type of the id column; None without one.
        digest: sha256 of the content, for Parquet of the footer, which tells every page's place and statistics.
    """

    file: Path
    text_column: str
    id_column: str | None
    columns: list[str] = field(default_factory=list)
    dialect: Dialect | None = None
    id_type: pa.DataType | None = None
    digest: str = ""

    @property
    def source(self) -> Source:
        """The file as one that is not packed."""
        return Source(str(self.file), self.file.suffix.lower(), self.file)

    @property
    def text_columns(self) -> list[str]:
        """The column with the texts, or the two of pairs; known once the columns are.

        Raises:
            TableError: more than two are named.
        """
        return [name for name in split_pair(self.text_column, self.columns) if name is not None]

    def describe(self) -> dict[str, Any]:
        """What `read` needs, as plain values."""
        dialect = self.dialect and asdict(self.dialect)
        return {"file": str(self.file), "text_column": self.text_column, "id_column": self.id_column,
                "columns": self.columns, "dialect": dialect}  # fmt: skip

    @classmethod
    def described(cls, values: dict[str, Any]) -> "Pieces":
        """The file that `describe` told of."""
        dialect = values["dialect"] and Dialect(**values["dialect"])
        return cls(**{**values, "file": Path(values["file"]), "dialect": dialect})

    def check(self, column_names: Sequence[str] | None = None) -> Iterator[tuple[int, int]]:
        """Look at every row's form; of a Parquet file, at its footer.

        Args:
            column_names: Names of the columns, for a delimited file whose first line is a row of data.

        Yields:
            Where rows that follow each other begin, and how many: bytes and one row for text files, a number of a row
            and all rows for Parquet. What is known of the file is complete when all are told.

        Raises:
            TableError: names the first line that is wrong.
        """
        if column_names is not None and self.source.suffix not in DELIMITED:
            raise TableError(f"'{self.file}' has names of its own for its columns: leave out --column_names.")
        if self.source.suffix == ".parquet":
            return self._check_parquet()
        return self._check_delimited(column_names) if self.source.suffix in DELIMITED else self._check_json()

    def read(self, start: int, rows: int) -> Iterator[tuple[Any, Any]]:
        """Ids and texts of so many rows from a place that `check` told, as the file has them; None for nothing.

        The text of a row with two text columns is a tuple of both.

        Raises:
            TableError: the file has other rows by now.
        """
        if self.source.suffix == ".parquet":
            found = self._read_parquet(start, start + rows)
        else:
            found = self._read_delimited(self.dialect, start) if self.dialect is not None else self._read_json(start)
        left = rows
        for pair in islice(found, rows):
            yield pair
            left -= 1
        if left:
            raise self._changed()

    def _changed(self) -> TableError:
        return TableError(f"'{self.file}' has changed while it was read. Start again when nobody writes to it.")

    def _check_parquet(self) -> Iterator[tuple[int, int]]:
        what = f"The file '{self.file}' cannot be read as Parquet"
        with (
            refusing(what, "Write it again.", pa.ArrowException, OSError),
            self.file.open("rb") as stream,
            pq.ParquetFile(stream) as parquet,
        ):
            schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
            stream.seek(-8, 2)
            length = int.from_bytes(stream.read(4), "little")
            stream.seek(-8 - length, 2)
            self.digest = hashlib.sha256(stream.read()).hexdigest()
        self.columns = schema.names
        for name in self.text_columns:
            kind = schema.field(name).type if schema.names.count(name) == 1 else pa.null()
            if not (is_text(kind) or pt.is_null(kind)):
                raise TableError(
                    f"The column '{name}' of '{self.file}' holds {kind}: expected strings. Name the column "
                    "with the texts with --text_column."
                )
        if schema.names.count(self.id_column) == 1:
            kind = schema.field(self.id_column).type
            self.id_type = kind.value_type if pt.is_dictionary(kind) else kind
            if pt.is_nested(self.id_type):
                raise TableError(
                    f"The id column '{self.id_column}' of '{self.file}' holds {self.id_type}: expected single values. "
                    "Name another with --id_column, or leave it out to number the rows."
                )
        if rows:
            yield 0, rows

    def _check_delimited(self, column_names: Sequence[str] | None) -> Iterator[tuple[int, int]]:
        self.dialect = find_dialect(self.source, column_names)
        self.columns = self.dialect.columns
        digest = hashlib.sha256()
        with self.file.open("rb") as stream:
            digest.update(stream.read(self.dialect.start))
            for number, row in enumerate(iterate_cells(stream, self.source, self.dialect, digest=digest)):
                check_width(row, self.source, self.dialect)
                if number or not self.dialect.header:
                    yield row.begin, 1
        self.digest = digest.hexdigest()
        self.id_type = pa.string() if self.id_column in self.columns else None

    def _check_json(self) -> Iterator[tuple[int, int]]:
        digest = hashlib.sha256()
        columns: dict[str, None] = {}
        whole = True  # whether all ids are numbers that fit in 64 bits
        with self.file.open("rb") as stream:
            check_text(self.source, stream.read(16))
            lines = Lines(stream, self.source, digest=digest)
            begin = 0
            for line in lines:
                if line.strip():
                    row = parse_object(self.source, line, lines.number)
                    columns.update(dict.fromkeys(names_of(row)))
                    value = value_of(row, self.id_column) if self.id_column else None
                    whole = whole and (value is None or (type(value) is int and -(2**63) <= value < 2**63))
                    yield begin, 1
                begin = lines.end
        self.columns, self.digest = list(columns), digest.hexdigest()
        self.id_type = (pa.int64() if whole else pa.string()) if self.id_column in columns else None

    def _read_parquet(self, start: int, stop: int) -> Iterator[tuple[Any, Any]]:
        names = self.text_columns
        with pq.ParquetFile(self.file, buffer_size=1 << 20) as parquet:
            groups: list[int] = []
            first = seen = 0
            for group in range(parquet.num_row_groups):
                rows = parquet.metadata.row_group(group).num_rows
                if seen + rows > start and seen < stop:
                    first = seen if not groups else first
                    groups.append(group)
                seen += rows
            columns = list(dict.fromkeys(name for name in (*names, self.id_column) if name is not None))
            position = first
            for batch in parquet.iter_batches(READ_ROWS, row_groups=groups, columns=columns):
                begin, end = max(start - position, 0), min(stop - position, len(batch))
                position += len(batch)
                if begin < end:
                    found = [batch.column(name)[begin:end].to_pylist() for name in names]
                    texts = found[0] if len(found) == 1 else list(zip(*found, strict=True))
                    ids = batch.column(self.id_column)[begin:end].to_pylist() if self.id_column else [None] * len(texts)
                    yield from zip(ids, texts, strict=True)

    def _read_delimited(self, dialect: Dialect, start: int) -> Iterator[tuple[Any, Any]]:
        text_at = [self.columns.index(name) for name in self.text_columns]
        id_at = self.columns.index(self.id_column) if self.id_column else 0
        with self.file.open("rb") as stream:
            for row in iterate_cells(stream, self.source, dialect, start):
                if len(row.cells) != len(self.columns):
                    raise self._changed()
                identity = (row.cells[id_at] or None) if self.id_column else None
                yield identity, _alone_or_both([row.cells[place] or None for place in text_at])

    def _read_json(self, start: int) -> Iterator[tuple[Any, Any]]:
        names = self.text_columns
        with self.file.open("rb") as stream:
            lines = Lines(stream, self.source, start)
            for line in lines:
                if line.strip():
                    row = parse_object(self.source, line, lines.number)
                    identity = value_of(row, self.id_column) if self.id_column else None
                    yield identity, _alone_or_both([value_of(row, name) for name in names])


def _alone_or_both(texts: list) -> Any:
    """The cell of one text column, or a tuple of two."""
    return texts[0] if len(texts) == 1 else tuple(texts)
