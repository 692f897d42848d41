"""A model that scores otherwise than when it was measured is not taken."""

import json

import numpy as np
import pytest
from datasets import Dataset
from safetensors.torch import load_file, save_file

import train
from fusion_model import FusionConfig, FusionForSequenceClassification
from tests.standins import standin
from training.folder import write_model
from training.parity import PARITY_TEXTS, TOLERANCES, ParityError, check_parity

TEXTS = [f"this is text {number}{' and more' * (number % 5)}" for number in range(2 * PARITY_TEXTS)]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parity")
    read = {"name": "tiny", "model_id": str(standin("bert", folder / "bert")), "hidden_size": 24, "dtype": "float32"}
    config = FusionConfig(backbones=[read], linear_skip=True, hidden_sizes=[8], temperature=1.7, num_labels=3)
    model = FusionForSequenceClassification(config).eval()
    write_model(model, folder / "model", bundle_backbones=True)
    served = FusionForSequenceClassification.from_pretrained(folder / "model")
    return served, model.logits(TEXTS).numpy() * 1.7


def test_a_folder_that_scores_as_it_was_measured_says_by_how_much_it_differs(written):
    served, logits = written
    found = check_parity(served, Dataset.from_dict({"text": TEXTS}), logits)
    assert found["texts"] == PARITY_TEXTS
    assert found["max_difference"] <= 1e-5 < found["tolerance"]


def test_a_folder_that_scores_otherwise_is_refused_with_the_difference(written):
    served, logits = written
    with pytest.raises(ParityError, match=r"differ by up to 0.5.*at most 0.001 is expected"):
        check_parity(served, Dataset.from_dict({"text": TEXTS}), logits + 0.5)


def test_scores_that_are_no_numbers_are_refused(written):
    served, logits = written
    with pytest.raises(ParityError, match="differ by up to nan"):
        check_parity(served, Dataset.from_dict({"text": TEXTS}), np.full_like(logits, np.nan))


def test_texts_are_taken_from_all_over_the_split_and_compared_with_their_own_logits(written):
    served, logits = written
    wrong = logits.copy()
    wrong[-1, 0] += 1
    with pytest.raises(ParityError, match="differ by up to 1 "):
        check_parity(served, Dataset.from_dict({"text": TEXTS}), wrong)


@pytest.fixture
def flags(tmp_path):
    """A small dataset and backbone, two epochs."""
    rows = [{"text": f"{word} number {i}", "label": word} for word in ("happy", "sad", "cold") for i in range(16)]
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    recipe = {
        "backbones": [{"name": "small", "model_id": str(standin("bert", tmp_path / "bert")), "layers": [1, 2]}],
        "head": {"fusion_dim": 8, "hidden_sizes": [16], "standardise": True},
        "training": {"num_train_epochs": 2, "use_cpu": True, "lexical": True},
    }
    (tmp_path / "small.yaml").write_text(json.dumps(recipe))
    return [
        "--dataset", str(tmp_path / "data.jsonl"), "--recipe", str(tmp_path / "small.yaml"),
        "--cache_dir", str(tmp_path / "cache"), "--output_dir", str(tmp_path / "out"),
    ]  # fmt: skip


def test_metrics_and_config_tell_parity_and_dtype(flags):
    folder = train.main(flags)
    report = json.loads((folder / "metrics.json").read_text())
    config = json.loads((folder / "config.json").read_text())
    (dtype,) = {one["resolved_dtype"] for one in (*report["backbones"], *config["backbones"])}
    assert report["parity"]["tolerance"] == TOLERANCES["cpu"][dtype]
    assert report["parity"]["texts"] == report["rows"]["validation"] > 1
    assert 0 <= report["parity"]["max_difference"] < report["parity"]["tolerance"]


def test_a_run_whose_folder_scores_otherwise_fails_and_the_earlier_model_is_kept(flags, monkeypatch, capsys):
    folder = train.main(flags)
    before = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    write = train.write_model

    def damaged(model, target, *args):
        write(model, target, *args)
        weights = load_file(target / "model.safetensors")
        name = next(name for name in weights if name.endswith("classifier.3.bias"))
        save_file(weights | {name: weights[name] + 0.1}, target / "model.safetensors", {"format": "pt"})

    monkeypatch.setattr(train, "write_model", damaged)
    assert train.run([*flags, "--learning_rate", "1e-3"]) == 1
    assert "differ by up to 0.1" in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()} == before
