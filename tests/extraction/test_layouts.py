"""Every layout of docs/data.md, read by the command that stands there."""

from pathlib import Path

import pytest

from extraction.sources import load_source
from extraction.splits import is_multi_label, label_names
from tests.extraction.layout_examples import EXAMPLES, Example

DOCS = Path(__file__).parents[2] / "docs" / "data.md"


def load(example: Example, folder: Path):
    """The example's files written and loaded as its command says."""
    for name, content in example.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    alone = next(iter(example.files)) if len(example.files) == 1 and "/" not in next(iter(example.files)) else ""
    return load_source(str(folder / (example.dataset or alone)), **example.options)


def pairs(data, splits: tuple[str, ...]) -> dict[str, list[str]]:
    """Label names by text."""
    names, several = label_names(data), is_multi_label(data)
    return {
        text: sorted(names[i] for i in (labels if several else [labels]))
        for split in splits
        if split in data
        for text, labels in zip(data[split]["text"][:], data[split]["labels"][:], strict=True)
    }


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_a_published_layout_is_read_as_its_authors_meant_it(example, tmp_path):
    data = load(example, tmp_path)
    found = pairs(data, ("train", "validation"))
    assert found == {text: sorted(row) for text, row in zip(example.texts, example.labels, strict=True)}
    assert is_multi_label(data) == example.several
    assert len(data.get("test", ())) == example.test
    assert label_names(data) == (example.names or sorted({name for row in example.labels for name in row}))


def test_docs_list_every_layout_with_its_command():
    table = DOCS.read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    listed = {row[0].removeprefix("| "): row[2] for row in rows if len(row) == 4}
    assert {example.name.replace("|", "\\|") for example in EXAMPLES} <= listed.keys()
    for example in EXAMPLES:
        for option in example.options:
            assert f"--{option}" in listed[example.name.replace("|", "\\|")]
    assert len(EXAMPLES) >= 45
