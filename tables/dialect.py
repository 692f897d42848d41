"""How a delimited file is written: what separates cells, whether quotes hold them together, where rows begin."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from .columns import is_usual
from .header import name_columns
from .lines import BYTE_ORDER_MARK
from .rows import Row, iterate_cells
from .sources import Source, check_text

# The likeliest first, in a .csv file and in any other.
COMMAS_FIRST, TABS_FIRST = ",;\t|", "\t,;|"
# Bytes from which the delimiter is found, and rows from which it is judged whether the first line is a header.
SAMPLE_BYTES = 1 << 18
SAMPLE_ROWS = 1000


@dataclass
class Dialect:
    """What is known of a delimited file before its rows are read.

    Args:
        delimiter: Between the cells; "" where a line is a cell.
        quoted: Whether cells may stand in double quotes that belong to the file and not to the text.
        start: Byte where the header or the first row begins.
        skipped: Lines before it.
        header: Whether the first row names the columns.
        columns: Their names.
    """

    delimiter: str = ","
    quoted: bool = True
    start: int = 0
    skipped: int = 0
    header: bool = True
    columns: list[str] = field(default_factory=list)


def find_dialect(source: Source, given: Sequence[str] | None) -> Dialect:
    """Look at a delimited file.

    Args:
        source: The file.
        given: Names of its columns, if the caller knows them.

    Returns:
        What was found; without columns if all lines are blank.

    Raises:
        TableError: it is no text, or has other columns than were given.
    """
    with source.open() as stream:
        sample = stream.read(SAMPLE_BYTES)
        check_text(source, sample)
        dialect = Dialect(start=len(BYTE_ORDER_MARK) if sample.startswith(BYTE_ORDER_MARK) else 0)
        # The last line may be cut off.
        cut = sample.rfind(b"\n") + 1 if len(sample) == SAMPLE_BYTES else len(sample)
        text = sample[dialect.start : cut or len(sample)].decode("utf-8", "replace")
        first = text.split("\n", 1)[0].strip()
        # Excel's own way to name the delimiter.
        if len(first) == 5 and first.lower().startswith("sep="):
            dialect.delimiter, dialect.skipped = first[4], 1
            dialect.start = sample.index(b"\n") + 1 if b"\n" in sample else len(sample)
        else:
            candidates = COMMAS_FIRST if source.suffix == ".csv" else TABS_FIRST
            dialect.delimiter = find_delimiter(text, candidates, lines=source.suffix not in (".csv", ".tsv"))
        # Many files with tabs have quotes that belong to their texts: these need no quotes.
        plain = dialect.delimiter == "" or (dialect.delimiter == "\t" and _is_even(source, dialect))
        dialect.quoted = not plain
        rows: list[Row] = list(islice(iterate_cells(stream, source, dialect), SAMPLE_ROWS))
    if not rows:
        return dialect
    width = len(rows[0].cells)
    below = [row.cells for row in rows[1:] if len(row.cells) == width]
    if dialect.delimiter == "" and given is None:
        # Texts, one a line.
        dialect.header = is_usual(rows[0].cells[0])
        dialect.columns = [rows[0].cells[0].strip() if dialect.header else "text"]
    else:
        dialect.columns, dialect.header = name_columns(source.shown, rows[0].cells, below, given)
    return dialect


def find_delimiter(text: str, candidates: str, lines: bool) -> str:
    """What separates the cells.

    Args:
        text: The beginning of a file.
        candidates: Signs to try, the likeliest first.
        lines: Whether a line may be one cell, whatever is in it.

    Returns:
        The sign by which the first rows have the same number of cells, the most if there are several such signs; the
        first one in the first line if there is none; "" where lines are cells.
    """
    header = text.lstrip().split("\n", 1)[0]
    named = any(is_usual(cell) for sign in candidates for cell in header.split(sign))
    if lines and not named:
        # Sentences have commas, and by chance as many.
        candidates = candidates.replace(",", "")
    widths = {sign: max(_width(text, sign, quoted) for quoted in (True, False)) for sign in candidates}
    best = max(candidates, key=lambda sign: widths[sign])
    if widths[best] > 1:
        return best
    if lines and (not named or is_usual(header)):
        return ""
    return next((sign for sign in candidates if sign in header), candidates[0])


def _width(text: str, delimiter: str, quoted: bool) -> int:
    """How many cells each of the first rows has; 0 if not all have as many."""
    try:
        # The last row may be cut off in quotes.
        rows = csv.reader(
            io.StringIO(text, newline=""), delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
        )
        sample = [len(row) for row in islice(rows, 50) if len(row) > 1 or any(cell.strip() for cell in row)]
    except csv.Error:
        return 0
    return sample[0] if sample and len(set(sample)) == 1 else 0


def _is_even(source: Source, dialect: Dialect) -> bool:
    """Whether each line of a whole file has as many cells, with no regard to quotes."""
    sign, widths = dialect.delimiter.encode(), set()
    with source.open() as stream:
        stream.seek(dialect.start)
        count = 0
        for line in stream:
            if sign in line or line.strip():
                widths.add(line.count(sign))
                count += 1
    return len(widths) == 1 and count > 1
