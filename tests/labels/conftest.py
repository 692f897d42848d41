"""Splits of labelled texts in files, and a recipe that reads words alone."""

import json
from pathlib import Path

import pytest

WORDS_ONLY = "description: words\nbackbones: []\ntraining: {lexical: true}\n"


@pytest.fixture
def words_recipe(tmp_path) -> str:
    """A recipe without a backbone."""
    file = tmp_path / "only_words.yaml"
    file.write_text(WORDS_ONLY, encoding="utf-8")
    return str(file)


@pytest.fixture
def folder(tmp_path):
    """Write splits as JSON lines into a folder; its path."""

    def write(**splits: list[dict]) -> Path:
        data = tmp_path / "data"
        data.mkdir(exist_ok=True)
        for name, content in splits.items():
            lines = "".join(json.dumps(row) + "\n" for row in content)
            (data / f"{name}.jsonl").write_text(lines, encoding="utf-8")
        return data

    return write
