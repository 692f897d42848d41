"""label.py reads pairs of texts from files without a header, in its own process and with Ray."""

import csv

import pyarrow.parquet as pq
import pytest
import torch

import label
from extraction.sources import load_source
from extraction.splits import texts_of
from fusion_model import FusionConfig, FusionForSequenceClassification
from fusion_model.texts import pair_up
from tests.labelling.test_label import run
from tests.standins import standin
from training.folder import write_model

NAMES = ["premise", "hypothesis"]
ROWS = [["I am so happy", "that you came"], ["it is cold", ""], ["I hate this", "nobody came to see me"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    """A model of pairs with random weights."""
    root = tmp_path_factory.mktemp("pairs")
    spec = {"name": "bert", "model_id": str(standin("bert", root / "bert")), "hidden_size": 24, "dtype": "float32"}
    torch.manual_seed(3)
    names = {"id2label": {0: "no", 1: "yes"}, "label2id": {"no": 0, "yes": 1}}
    config = FusionConfig(backbones=[spec], cooccurrence=False, linear_skip=True, text_columns=NAMES, **names)
    write_model(FusionForSequenceClassification(config).eval(), root / "model", bundle_backbones=True)
    return str(root / "model")


def check(output, folder: str) -> None:
    """Compare what was written with the model's own probabilities."""
    rows = pq.read_table(sorted(output.glob("part-*.parquet"))).to_pylist()
    assert [(row["text"], row["text_pair"] or "") for row in rows] == [tuple(row) for row in ROWS]
    model = FusionForSequenceClassification.from_pretrained(folder)
    expected = model.logits(pair_up(*zip(*ROWS, strict=True))).softmax(dim=1)
    assert ((expected > 0.02) & (expected < 0.98)).all()
    assert (expected - model.logits([first for first, _ in ROWS]).softmax(dim=1)).abs().max() > 1e-3
    torch.testing.assert_close(torch.tensor([row["scores"] for row in rows]), expected, atol=1e-4, rtol=1e-3)


@pytest.fixture
def command(folder, tmp_path) -> list[str]:
    """Arguments for a corpus whose first line is a pair."""
    with (tmp_path / "pairs.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(ROWS)
    flags = ["--model", folder, "--input", f"{tmp_path}/pairs.csv", "--output", f"{tmp_path}/out", "--keep_text"]
    return [*flags, "--part_rows", "2", "--threads", "1", "--column_names", *NAMES]


def test_the_models_columns_are_found_among_names_that_the_file_does_not_have(command, folder, tmp_path):
    label.main(command)
    check(tmp_path / "out", folder)


@pytest.mark.slow
def test_an_actor_of_ray_gives_pairs_the_same_scores(command, folder, tmp_path):
    pytest.importorskip("ray", reason="ray is not installed (requirements-cluster.txt)")
    done = run(*command, "--actors", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 actor(s)" in done.stdout
    check(tmp_path / "out", folder)


def test_training_reads_pairs_from_a_file_whose_columns_are_named_by_a_flag(tmp_path):
    with (tmp_path / "pairs.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([[f"a {n}", f"b {n}", "yes" if n % 2 else "no"] for n in range(20)])
    data = load_source(
        str(tmp_path / "pairs.csv"), text_column=",".join(NAMES), label_column="gold", column_names=[*NAMES, "gold"]
    )
    found = {text for split in data.values() for text in texts_of(split)}
    assert found == {(f"a {n}", f"b {n}") for n in range(20)}
