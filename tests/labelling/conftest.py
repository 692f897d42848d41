"""A small model folder with its backbone in it, and corpora in every format."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from fusion_model import FusionConfig, FusionForSequenceClassification
from tests.standins import standin
from training.folder import write_model

TEXTS = ["I am so happy to see you!", "Why did nobody tell me? I hate this.", "it is cold, isn't it", "ok", "no 😂"]
LABELS = ["joy", "anger", "fear"]


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory) -> Path:
    """A model with random weights that decides nothing, one or several labels, by the text."""
    root = tmp_path_factory.mktemp("model")
    backbone = standin("bert", root / "bert")
    torch.manual_seed(3)
    config = FusionConfig(
        backbones=[{"name": "bert", "model_id": str(backbone), "hidden_size": 24, "dtype": "float32"}],
        hidden_sizes=[],
        cooccurrence=False,
        linear_skip=True,
        thresholds=[0.5, 0.5, 0.5],
        problem_type="multi_label_classification",
        id2label=dict(enumerate(LABELS)),
        label2id={name: number for number, name in enumerate(LABELS)},
    )
    model = FusionForSequenceClassification(config).eval()
    write_model(model, root / "model", bundle_backbones=True)
    return root / "model"


@pytest.fixture(scope="session")
def model(model_folder) -> FusionForSequenceClassification:
    """The same, loaded."""
    return FusionForSequenceClassification.from_pretrained(model_folder).eval()


@pytest.fixture
def corpus_folder(tmp_path) -> Path:
    """Forty rows in three files of three formats, ids r0 to r39 in the order of the files."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    rows = [{"key": f"r{number}", "text": f"{TEXTS[number % len(TEXTS)]} {number}"} for number in range(40)]
    with (folder / "a.csv").open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.DictWriter(stream, ["key", "text"])
        writer.writeheader()
        writer.writerows(rows[:15])
    lines = [json.dumps(row) for row in rows[15:25]]
    (folder / "b.jsonl").write_text("\n\n".join(lines), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(rows[25:]), folder / "c.parquet", row_group_size=4)
    return folder
