"""Small files of labelled texts."""

import csv
import io
import json

import pytest

TEXTS = [
    "the parcel came a week late and open",
    "we danced in the kitchen until the neighbours knocked",
    "who leaves a bike across the stairs",
    "my plant has a new leaf today",
    "the bus drove past me in the rain",
    "grandma sent a card with a drawing of her cat",
]


@pytest.fixture
def write(tmp_path):
    """Write a file into the test's folder and return its path as a string."""

    def write_file(name: str, content: str | bytes) -> str:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(file)

    return write_file


@pytest.fixture
def write_rows(write):
    """Write a file with one row for each label cell; texts differ from row to row."""

    def write_file(name: str, labels: list, text: str = "text", label: str = "label", texts: list | None = None) -> str:
        texts = texts or [f"{TEXTS[i % len(TEXTS)]}, day {i}" for i in range(len(labels))]
        if name.endswith("l"):
            pairs = zip(texts, labels, strict=True)
            return write(name, "\n".join(json.dumps({text: words, label: value}) for words, value in pairs))
        stream = io.StringIO()
        writer = csv.writer(stream, delimiter="\t" if name.endswith(".tsv") else ",", lineterminator="\n")
        writer.writerows([[text, label], *zip(texts, labels, strict=True)])
        return write(name, stream.getvalue())

    return write_file
