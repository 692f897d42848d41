"""Every layout of docs/data.md, read by the command that stands there."""

import itertools
import shlex
from pathlib import Path

import pytest

from extraction.sources import load_source
from extraction.splits import is_multi_label, label_names
from tests.extraction.layout_examples import EXAMPLES, Example

BAR = "\\|"
DOCS = Path(__file__).parents[2] / "docs" / "data.md"


def load(example: Example, folder: Path):
    """The example's files written and loaded as its command says."""
    for name, content in example.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return load_source(str(folder / given(example)), **example.options)


def given(example: Example) -> str:
    """What --dataset names; "" for the folder itself."""
    alone = next(iter(example.files)) if len(example.files) == 1 and "/" not in next(iter(example.files)) else ""
    return example.dataset or alone


def as_list(value) -> list[str]:
    return [value] if isinstance(value, str) else value


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


def docs_row(example: Example) -> str:
    """The line of the table in docs/data.md."""
    flags = [word for name, value in example.options.items() for word in (f"--{name}", *as_list(value))]
    command = shlex.join(["--dataset", given(example) or "FOLDER", *flags])
    result = [f"{len(example.names or {name for row in example.labels for name in row})} labels"]
    result.append("several per text" if example.several else "one per text")
    result += ["rows with none kept"] * (not all(example.labels)) + ["a test split"] * bool(example.test)
    cells = [example.name, example.layout, example.source, f"`{command}`", ", ".join(result)]
    return f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |"


def test_docs_list_every_layout_with_its_source_command_and_result():
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    head = lines.index("| data set or tool | layout | compared with | command | result |")
    rows = list(itertools.takewhile(lambda line: line.startswith("|"), lines[head + 2 :]))
    assert rows == [docs_row(example) for example in EXAMPLES]
    assert len(rows) >= 45
