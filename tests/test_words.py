"""The recipe `words`: no backbone at all, and a model like any other to whoever trains, loads, serves or exports it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, pipeline

import label
import train
from demo.reader import Reader
from extraction.__main__ import run as run_extraction
from fusion_model import FusionForSequenceClassification
from fusion_model.explain_score import explain_score
from hub_config.checks import check_files, files_of
from hub_config.feature_set import publish_features
from hub_config.remote import Target
from training.arguments import parse

TEXTS = [
    "I am so happy that you came!",
    "This makes me furious.",
    "",
    "qqq zzz",
    "half a sign \ud83d",
    "so happy " * 400,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("words") / "words-sample"
    return train.main(["--recipe", "words", "--dataset", "sample", "--output_dir", str(output)])


@pytest.fixture(scope="module")
def model(folder) -> FusionForSequenceClassification:
    return FusionForSequenceClassification.from_pretrained(folder).eval()


def test_it_is_trained_without_reading_a_backbone_and_learns(folder):
    report = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert report["backbones"] == []
    assert report["parity"]["max_difference"] < 1e-4
    shares = 1 / len(report["labels"])
    assert report["test"]["macro_f1"]["mean"] > 5 * shares
    assert not (folder / "backbones").exists()


def test_auto_model_and_pipeline_give_the_branch_s_scores(folder, model):
    config = model.config
    loaded = AutoModel.from_pretrained(folder, trust_remote_code=True)
    expected = torch.sigmoid(model.lexical(TEXTS).detach() / config.temperature).numpy()
    for row, ranked in enumerate(loaded.predict(TEXTS, top_k=None)):
        assert {one["label"]: one["score"] for one in ranked} == pytest.approx(
            {config.id2label[place]: score for place, score in enumerate(expected[row].tolist())}, abs=1e-5
        )
    classify = pipeline("text-classification", model=str(folder), trust_remote_code=True)
    assert classify(TEXTS, top_k="predicted") == loaded.predict(TEXTS)
    assert any(loaded.predict(TEXTS))


def test_forward_takes_logits_in_place_of_features_and_says_so_where_they_are_missing(model):
    labels = torch.zeros(2, model.num_labels)
    logits = model.lexical(TEXTS[:2])
    for training in (False, True):
        output = model.train(training)(features={}, lexical_logits=logits, labels=labels)
        expected = torch.nn.functional.binary_cross_entropy_with_logits(logits / model.config.temperature, labels)
        torch.testing.assert_close(output.loss, expected)
    with pytest.raises(ValueError, match=r"no backbone.*model\.lexical\(texts\)"):
        model.eval()(features={})
    assert model.parts == []


def test_the_card_names_no_backbone_and_the_folder_can_be_published(folder):
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| backbone |" not in card
    assert "base_model" not in card
    assert "no language model" in card
    check_files(folder, files_of(folder))


def test_how_a_score_comes_about_is_told_from_the_branch_alone(model):
    lines = list(explain_score(model, TEXTS[0], top_k=1))
    logits = model.lexical(TEXTS[:1])[0]
    assert lines[1] == f"  TF-IDF branch: logit {logits.max():+.4f}, weight 1"
    assert lines[2].endswith(f"{logits.max() / model.config.temperature:+.4f}")


def test_the_demo_reads_with_it_and_has_no_part_to_leave_out(folder, model):
    reader = Reader(str(folder))
    np.testing.assert_allclose(reader.scores(TEXTS), model.logits(TEXTS).sigmoid().numpy(), atol=1e-5)
    assert (reader.parts, reader.backbones) == ([], {})


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_an_export_gives_its_scores_in_any_company(folder, model, tmp_path, dtype):
    pytest.importorskip("onnxscript", reason="onnxscript is not installed (requirements-export.txt)")
    from hub_config.export import export, exported

    export(str(folder), tmp_path / "onnx", dtype)
    with exported(tmp_path / "onnx", threads=1) as classifier:
        together = classifier.probabilities(TEXTS)
        alone = np.concatenate([classifier.probabilities([text]) for text in TEXTS])
        assert classifier.probabilities([]).shape == (0, model.num_labels)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    tolerance = {"float32": 1e-5, "int8": 0.05}[dtype]
    np.testing.assert_allclose(together, model.logits(TEXTS).sigmoid().numpy(), atol=tolerance)


def test_what_only_a_head_obeys_is_refused_and_the_branch_s_own_flag_is_taken():
    with pytest.raises(ValueError, match=r"--learning_rate is 0.1.*'words' trains no head.*--lexical_c"):
        parse(["--recipe", "words", "--learning_rate", "0.1"])
    with pytest.raises(ValueError, match=r"--lexical is false.*'words'.*leave the flag out"):
        parse(["--recipe", "words", "--lexical", "false"])
    assert parse(["--recipe", "words", "--lexical_c", "3"]).training.lexical_c == 3


def test_features_of_it_are_refused_wherever_they_are_asked_for(folder, tmp_path, capsys):
    assert run_extraction(["--recipe", "words", "--dataset", "sample"]) == 1
    assert "'words' has no backbone" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"'words' has no backbone.*--recipe"):
        publish_features("sample", "words", Target("user/features"))
    arguments = ["--model", folder, "--input", tmp_path / "in", "--output", tmp_path / "out"]
    with pytest.raises(ValueError, match=r"--features_only.*has no backbone"):
        label.main([str(argument) for argument in (*arguments, "--features_only")])
