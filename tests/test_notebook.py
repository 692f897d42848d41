"""The notebook runs from its first cell to its last, and its outputs are those of its code."""

import json
import re
from pathlib import Path

import pytest
from checkout import ROOT, call, checkout

NOTEBOOK = ROOT / "notebooks" / "quickstart.ipynb"


def cells(kind: str) -> list[dict]:
    book = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return [cell for cell in book["cells"] if cell["cell_type"] == kind]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def test_the_notebook_goes_from_a_csv_to_a_published_model():
    headings = [line for cell in cells("markdown") for line in source(cell).splitlines() if line.startswith("## ")]
    assert [heading.partition(". ")[2] for heading in headings] == [
        "A CSV", "Train", "How good is it?", "Use it", "Why this score?", "Publish",
    ]  # fmt: skip


def test_the_notebook_links_to_files_that_are_there():
    links = [link for cell in cells("markdown") for link in re.findall(r"\]\(([^)#]+)", source(cell))]
    assert links
    assert all((NOTEBOOK.parent / link).exists() for link in links)


def test_the_notebook_was_saved_after_a_run_without_errors_or_paths_of_a_machine():
    assert [cell["execution_count"] for cell in cells("code")] == [*range(1, len(cells("code")) + 1)]
    assert all(output["output_type"] == "stream" for cell in cells("code") for output in cell["outputs"])
    assert not re.search(r"/(home|root|tmp|work|Users)/", NOTEBOOK.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_notebooks_cells_run_in_order(tmp_path: Path):
    folder = checkout(tmp_path)
    (folder / "cells.py").write_text("\n\n".join(map(source, cells("code"))), encoding="utf-8")
    done = call(folder, ["cells.py"])
    assert done.returncode == 0, done.stderr[-3000:]
    assert (folder / "outputs" / "feelings" / "model.safetensors").exists()
    assert "gratitude" in done.stdout
    assert "nothing was sent" in done.stdout
