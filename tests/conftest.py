"""Real data sets and models that some tests use where they are at hand."""

import os
from pathlib import Path

import pytest


def _folder(variable: str) -> Path:
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"{variable} is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder with the real data sets."""
    return _folder("FUSION_TEST_DATA")


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Folder with small real models."""
    return _folder("FUSION_TEST_MODELS")
