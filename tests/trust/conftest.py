"""A small model folder with its backbone in it, to be tampered with."""

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.standins import small_model


@pytest.fixture(scope="session")
def original(tmp_path_factory) -> Path:
    """Three labels, one tiny BERT, a TF-IDF branch; nobody writes here."""
    return small_model(tmp_path_factory.mktemp("original"))


@pytest.fixture
def folder(original, tmp_path) -> Path:
    """A copy of the model folder."""
    return Path(shutil.copytree(original, tmp_path / "model"))


@pytest.fixture
def edit() -> Callable[..., None]:
    """A function that changes keys of a JSON file; given a function, it changes what is read."""

    def change(file: Path, **values) -> None:
        content = json.loads(file.read_text(encoding="utf-8"))
        for key, value in values.items():
            content[key] = value(copy.deepcopy(content.get(key))) if callable(value) else value
        file.write_text(json.dumps(content), encoding="utf-8")

    return change
