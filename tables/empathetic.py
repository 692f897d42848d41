"""EmpatheticDialogues from its authors: cells separated by commas, no quotes, `_comma_` for a comma."""

import pyarrow as pa

from .delimited import strings
from .errors import TableError
from .limits import Limits
from .lines import Lines
from .sources import DELIMITED, Source

HEADER = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance"


def fits(source: Source) -> bool:
    """Whether it begins with the corpus's header, and some commas are spelt out."""
    begin = source.beginning(100_000) if source.suffix in DELIMITED else ""
    return begin.startswith(HEADER) and "_comma_" in begin


def read(source: Source, limits: Limits) -> pa.Table:
    """A row for each utterance; quotes belong to the texts, and cells behind the sixth are ratings and tags.

    Raises:
        TableError: a line is cut off.
    """
    names = HEADER.split(",")
    rows = []
    with source.open() as stream:
        for number, line in enumerate(Lines(stream, source), start=1):
            cells = line.rstrip("\r\n").split(",")[: len(names)]
            if number > 1 and line.strip():
                if len(cells) < len(names):
                    raise TableError(
                        f"Line {number} of '{source.shown}' has {len(cells)} cell(s): expected at least {len(names)}, "
                        f"as the header '{HEADER}' has. Download the file again."
                    )
                rows.append([cell.replace("_comma_", ",") for cell in cells])
                limits.check_rows(source.shown, len(rows))
    return strings(names, rows)
