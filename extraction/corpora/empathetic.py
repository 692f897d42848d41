"""EmpatheticDialogues from its authors: cells separated by commas, no quotes, `_comma_` for a comma."""

from pathlib import Path

from datasets import Dataset

from common.errors import DataError

from .lines import first_bytes, read_lines

HEADER = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance"


def fits(file: Path) -> bool:
    """Whether it begins with the corpus's header, and some commas are spelt out."""
    begin = first_bytes(file, 100_000)
    return begin.startswith(HEADER) and "_comma_" in begin


def read(file: Path) -> Dataset:
    """A row for each utterance; quotes belong to the texts, and cells behind the sixth are ratings and tags."""
    names = HEADER.split(",")
    rows = []
    for number, line in enumerate(read_lines(file)[1:], start=2):
        cells = line.split(",")
        if len(cells) < len(names):
            raise DataError(
                f"Line {number} of '{file}' has {len(cells)} cell(s): expected at least {len(names)}, as the header "
                f"'{HEADER}' has. Download the file again."
            )
        rows.append([cell.replace("_comma_", ",") for cell in cells[: len(names)]])
    return Dataset.from_dict({name: [row[place] for row in rows] for place, name in enumerate(names)})
