"""fastText's lines, `__label__joy __label__pride what was said`."""

import csv

import pyarrow as pa

from .limits import Limits
from .lines import Lines
from .sources import DELIMITED, Source

LABEL = "__label__"


def fits(source: Source) -> bool:
    """Whether the first line that is not blank begins with a label."""
    return source.suffix in DELIMITED and source.beginning(4096).lstrip().removeprefix('"').startswith(LABEL)


def read(source: Source, limits: Limits) -> pa.Table:
    """A row for each line: `text`, and `labels`, a list of the labels at the beginning of the line.

    doccano writes these lines as a CSV file of one column: those with a comma or a quote in them stand in quotes.

    Raises:
        TableError: it is not UTF-8.
    """
    texts: list[str | None] = []
    labels: list[list[str]] = []
    with source.open() as stream:
        for line in _unquoted(Lines(stream, source)):
            rest, found = line.strip(), []
            while rest.startswith(LABEL):
                label, _, rest = rest.partition(" ")
                found.append(label.removeprefix(LABEL))
                rest = rest.lstrip()
            if line.strip():
                texts.append(rest or None)
                labels.append(found)
                limits.check_rows(source.shown, len(texts))
    return pa.table({"text": pa.array(texts, pa.string()), "labels": pa.array(labels, pa.list_(pa.string()))})


def _unquoted(lines: Lines):
    """Lines, and rows in quotes that begin with a label, which may go over several lines."""
    rest = iter(lines)
    for line in rest:
        if not line.startswith(f'"{LABEL}'):
            yield line
            continue
        while line.rstrip("\r\n").count('"') % 2:
            line += next(rest, '"')
        yield "".join(next(csv.reader([line.replace("\n", " ")])))
