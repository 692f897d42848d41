"""A small model folder with its backbone in it, to be tampered with."""

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from standins import CORPUS, standin

from fusion_model import FusionConfig, FusionForSequenceClassification
from training.folder import write_model
from training.lexical import fit_lexical

NAMES = ["joy", "anger", "neutral"]


@pytest.fixture(scope="session")
def original(tmp_path_factory) -> Path:
    """Three labels, one tiny BERT, a lexical channel; nobody writes here."""
    root = tmp_path_factory.mktemp("original")
    spec = {"name": "tiny", "model_id": str(standin("bert", root / "bert")), "hidden_size": 24, "max_length": 32}
    labels = torch.eye(3).repeat(2, 1).numpy()
    lexical = fit_lexical(CORPUS * 2, labels, 3, c=1.0)
    torch.manual_seed(0)
    config = FusionConfig(
        backbones=[{**spec, "dtype": "float32"}],
        fusion_dim=8,
        hidden_sizes=[8],
        problem_type="multi_label_classification",
        id2label=dict(enumerate(NAMES)),
        label2id={name: number for number, name in enumerate(NAMES)},
        thresholds=[0.5] * 3,
        lexical_terms=len(lexical.idf),
        lexical_bytes=len(lexical.vocabulary),
    )
    model = FusionForSequenceClassification(config).eval()
    model.lexical.load_state_dict(lexical.state_dict())
    write_model(model, root / "model", bundle_backbones=True)
    return root / "model"


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
