"""A written model folder loads anywhere, with transformers alone, and gives the scores of the process that wrote it."""

import copy
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

from fusion_model import FusionForSequenceClassification
from training.folder import write_model
from training.tfidf import fit_tfidf

# Modules that a user of a published model need not have; None in sys.modules makes importing them fail.
ABSENT = ["fusion_model", "training", "extraction", "hub_config", "datasets", "sklearn", "pandas", "scipy", "evaluate"]

LOADS = """
import json, sys
for name in {absent}:
    sys.modules[name] = None
import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, pipeline
folder, texts = sys.argv[1], json.loads(sys.argv[2])
config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
scores = {{"config": type(config).__name__, "thresholds": config.thresholds, "temperature": config.temperature}}
for auto in (AutoModel, AutoModelForSequenceClassification):
    model = auto.from_pretrained(folder, trust_remote_code=True)
    scores[auto.__name__] = model.predict(texts, top_k=None)
classify = pipeline("text-classification", model=folder, trust_remote_code=True)
scores["pipeline"] = classify(texts, top_k=None)
scores["one"] = classify(texts[0])
model.save_pretrained("again")
again = AutoModel.from_pretrained("again", trust_remote_code=True)
scores["again"] = again.predict(texts, top_k=None)
assert not any(sys.modules.get(name) for name in {absent})
print("SCORES" + json.dumps(scores))
"""


def in_fresh_process(code: str, *args: str, cwd: Path, modules: Path) -> str:
    """Run Python code in `cwd`, isolated from this repository (-I leaves out PYTHONPATH and the folder)."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment |= {"HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": str(modules), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-I", "-c", code, *args], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


@pytest.fixture(scope="module")
def lexical(texts):
    labels = np.random.default_rng(0).integers(0, 2, (3 * len(texts), 5)).astype(np.float32)
    return fit_tfidf(texts * 3, labels, 5, c=1.0)


@pytest.fixture(scope="module")
def model(make_model, lexical) -> FusionForSequenceClassification:
    """With everything that a folder can carry: members, moments, words, thresholds, temperature."""
    model = make_model(
        num_members=2,
        lexical_terms=len(lexical.idf),
        lexical_bytes=len(lexical.vocabulary),
        lexical_weight=0.5,
        thresholds=[0.4, 0.55, 0.5, 0.61, 0.3],
        temperature=1.7,
    )
    model.lexical.load_state_dict(lexical.state_dict())
    return model


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "model"
    write_model(copy.deepcopy(model), folder, bundle_backbones=False)
    return folder


def assert_same_scores(found: list[list[dict]], expected: list[list[dict]], tolerance: float = 1e-5) -> None:
    assert len(found) == len(expected)
    for first, second in zip(found, expected, strict=True):
        second = {item["label"]: item["score"] for item in second}
        assert {item["label"]: item["score"] for item in first} == pytest.approx(second, abs=tolerance)


def test_a_folder_loads_with_transformers_alone_in_every_way(model, folder, texts, tmp_path):
    here = tmp_path / "empty"
    here.mkdir()
    code = LOADS.format(absent=ABSENT)
    output = in_fresh_process(code, str(folder), json.dumps(texts), cwd=here, modules=tmp_path / "modules")
    scores = json.loads(output.split("SCORES")[1])
    expected = model.predict(texts, top_k=None)
    for way in ("AutoModel", "AutoModelForSequenceClassification", "pipeline", "again"):
        assert_same_scores(scores[way], expected)
    assert scores["one"] == [pytest.approx(expected[0][0], abs=1e-5)]
    assert scores["config"] == "FusionConfig"
    assert scores["thresholds"] == model.config.thresholds
    assert scores["temperature"] == model.config.temperature
    again = json.loads((here / "again" / "config.json").read_text())
    assert again["auto_map"] == json.loads((folder / "config.json").read_text())["auto_map"]
    assert {file.name for file in (here / "again").glob("*.py")} == {file.name for file in folder.glob("*.py")}


def test_a_folder_with_bundled_backbones_needs_no_other_folder(make_model, specs, texts, tmp_path):
    backbones = []
    for spec in specs:
        shutil.copytree(spec["model_id"], tmp_path / "elsewhere" / spec["name"])
        backbones.append({**spec, "model_id": str(tmp_path / "elsewhere" / spec["name"])})
    model = make_model(backbones=backbones)
    expected = model.predict(texts, top_k=None)
    write_model(model, tmp_path / "model", bundle_backbones=True)
    shutil.rmtree(tmp_path / "elsewhere")
    assert str(tmp_path) not in (tmp_path / "model" / "config.json").read_text()
    shutil.move(tmp_path / "model", tmp_path / "moved")
    here = tmp_path / "empty"
    here.mkdir()
    code = LOADS.format(absent=ABSENT)
    relative = os.path.relpath(tmp_path / "moved", here)
    output = in_fresh_process(code, relative, json.dumps(texts), cwd=here, modules=tmp_path / "modules")
    scores = json.loads(output.split("SCORES")[1])
    for way in ("AutoModel", "AutoModelForSequenceClassification", "pipeline", "again"):
        assert_same_scores(scores[way], expected)
    assert (here / "again" / "backbones" / "bert" / "model.safetensors").is_file()


def test_the_writing_process_goes_on_with_its_bundled_model(make_model, texts, tmp_path):
    model = make_model()
    expected = model.predict(texts, top_k=None)
    write_model(model, tmp_path / "model", bundle_backbones=True)
    assert_same_scores(copy.deepcopy(model).predict(texts, top_k=None), expected, 1e-6)
    # Written into its own folder, a bundled model keeps its backbones.
    loaded = FusionForSequenceClassification.from_pretrained(tmp_path / "model")
    write_model(loaded, tmp_path / "model", bundle_backbones=False)
    again = FusionForSequenceClassification.from_pretrained(tmp_path / "model")
    assert_same_scores(again.predict(texts, top_k=None), expected, 1e-6)
    assert sorted(file.name for file in (tmp_path / "model" / "backbones").iterdir()) == ["bert", "llama", "roberta"]
    assert not list((tmp_path / "model").glob("unfinished-*"))


def test_a_model_that_is_saved_over_another_brings_its_own_backbones(make_model, specs, texts, tmp_path):
    write_model(make_model(), tmp_path / "first", bundle_backbones=True)
    backbones = [dict(spec) for spec in specs]
    other = shutil.copytree(specs[1]["model_id"], tmp_path / "bert")
    weights = load_file(other / "model.safetensors")
    save_file({name: value + 0.5 for name, value in weights.items()}, other / "model.safetensors", {"format": "pt"})
    backbones[1]["model_id"] = str(other)
    write_model(make_model(backbones=backbones), tmp_path / "second", bundle_backbones=True)
    second = FusionForSequenceClassification.from_pretrained(tmp_path / "second")
    expected = second.predict(texts, top_k=None)
    second.save_pretrained(tmp_path / "first")
    over = FusionForSequenceClassification.from_pretrained(tmp_path / "first")
    assert_same_scores(over.predict(texts, top_k=None), expected, 1e-6)
    assert sorted(file.name for file in (tmp_path / "first" / "backbones").iterdir()) == ["bert", "llama", "roberta"]


@pytest.mark.parametrize("options", [{"max_shard_size": "10KB"}, {"variant": "small"}])
def test_what_save_pretrained_writes_from_pretrained_reads(make_model, texts, tmp_path, options):
    model = make_model()
    model.save_pretrained(tmp_path, **options)
    variant = {key: value for key, value in options.items() if key == "variant"}
    loaded = FusionForSequenceClassification.from_pretrained(tmp_path, **variant)
    assert_same_scores(loaded.predict(texts, top_k=None), model.predict(texts, top_k=None), 1e-6)


def test_bundled_weights_are_those_of_the_backbone_whatever_it_computes_in(make_model, specs, tiny_bert, tmp_path):
    backbones = [{**spec, "dtype": "bfloat16"} for spec in specs]
    write_model(make_model(backbones=backbones), tmp_path / "model", bundle_backbones=True)
    original = load_file(tiny_bert / "model.safetensors")
    bundled = load_file(tmp_path / "model" / "backbones" / "bert" / "model.safetensors")
    assert bundled.keys() == original.keys()
    for name, weight in original.items():
        assert torch.equal(bundled[name], weight)


def test_weights_hold_the_head_and_the_words_only(model, folder):
    model.predict(["loads the backbones"])
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert set(file.keys()) == set(model.state_dict())
    assert {name.split(".")[0] for name in model.state_dict()} == {"heads", "lexical", "standardise"}


def test_everything_that_determines_a_score_survives_saving(model, folder):
    loaded = FusionForSequenceClassification.from_pretrained(folder)
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    for key in ("thresholds", "temperature", "lexical_weight", "id2label", "label2id", "problem_type", "backbones"):
        assert getattr(loaded.config, key) == getattr(model.config, key), key


def test_copies_leave_loaded_backbones_behind(model, texts):
    expected = model.predict(texts[:2], top_k=None)
    assert model.encoder("bert")._layers is not None
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin._encoders.loaded == {}
        assert_same_scores(twin.predict(texts[:2], top_k=None), expected, 1e-6)
    encoder = pickle.loads(pickle.dumps(model.encoder("bert")))
    assert (encoder._model, encoder._layers) == (None, None)
    assert len(pickle.dumps(model.encoder("bert"))) < 2000
    assert torch.equal(encoder.encode(texts), model.encoder("bert").encode(texts))


@pytest.mark.parametrize("options", [{"dtype": torch.bfloat16}, {"low_cpu_mem_usage": True}, {"device_map": "cpu"}])
def test_loading_options_give_the_same_model(model, folder, texts, options):
    loaded = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True, **options)
    dtype = options.get("dtype", torch.float32)
    assert {p.dtype for p in loaded.parameters()} == {dtype}
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value.to(loaded.state_dict()[name].dtype)), name
    tolerance = 0.03 if dtype == torch.bfloat16 else 1e-6
    assert_same_scores(loaded.predict(texts, top_k=None), model.predict(texts, top_k=None), tolerance)


def test_what_a_checkpoint_lacks_is_named_and_where_it_is_allowed_never_garbage(folder, texts, tmp_path, monkeypatch):
    shutil.copytree(folder, tmp_path / "model")
    weights = load_file(tmp_path / "model" / "model.safetensors")
    kept = {
        n: w for n, w in weights.items() if not n.startswith(("standardise.", "lexical.")) and "classifier.0" not in n
    }
    assert len(kept) < len(weights)
    save_file(kept, tmp_path / "model" / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=r"'standardise.*' is missing in .* and the configuration asks for"):
        FusionForSequenceClassification.from_pretrained(tmp_path / "model")
    monkeypatch.setattr("fusion_model.modeling_fusion.check_weights", lambda *_: None)
    for _ in range(2):  # garbage memory would be zeros now and then
        torch.full((1_000_000,), float("nan"))
        loaded = FusionForSequenceClassification.from_pretrained(tmp_path / "model")
        for layer in loaded.standardise.values():
            assert torch.equal(layer.mean, torch.zeros_like(layer.mean))
            assert torch.equal(layer.scale, torch.ones_like(layer.scale))
        assert not loaded.lexical.vocabulary.any()
        assert not loaded.lexical.weight.any()
        assert not loaded.lexical.bias.any()
        assert torch.equal(loaded.lexical.idf, torch.ones_like(loaded.lexical.idf))
        for head in loaded.heads:
            first = head.classifier[0]
            assert 0 < first.weight.abs().max() <= first.in_features**-0.5
        with pytest.raises(ValueError, match="The TF-IDF vocabulary has 1 terms, and there are weights for"):
            loaded.predict(texts)


def test_a_model_follows_its_folder_when_the_working_directory_changes(make_model, texts, tmp_path, monkeypatch):
    model = make_model()
    expected = model.predict(texts, top_k=None)
    write_model(model, tmp_path / "model", bundle_backbones=True)
    monkeypatch.chdir(tmp_path)
    loaded = FusionForSequenceClassification.from_pretrained("model")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert_same_scores(loaded.predict(texts, top_k=None), expected, 1e-6)


def test_a_tuned_backbone_is_bundled_and_adds_its_logits(make_model, specs, texts, tmp_path):
    backbones = [*specs[:2], {**specs[2], "tuned": True}]
    model = make_model(backbones=backbones, tuned_weight=0.7)
    features = model.encode(texts)
    tuned = model.tuned_heads["roberta"](features.pop("roberta").float())
    expected = model(features).logits + 0.7 * tuned
    torch.testing.assert_close(model.logits(texts), expected.detach(), atol=1e-5, rtol=0)
    torch.testing.assert_close(model.logits(texts, without="roberta"), model(features).logits.detach())
    write_model(copy.deepcopy(model), tmp_path / "model", False, {"roberta": "some/roberta"})
    loaded = FusionForSequenceClassification.from_pretrained(tmp_path / "model")
    assert [spec.bundled for spec in loaded.config.backbones] == [False, False, True]
    assert loaded.config.backbones[2].model_id == "some/roberta"
    torch.testing.assert_close(loaded.logits(texts), model.logits(texts), atol=1e-6, rtol=0)


def test_a_backbone_of_another_size_than_the_head_was_trained_on_is_refused(make_model, specs, tiny_roberta, texts):
    model = make_model()
    llama, bert, *rest = model.config.backbones
    model.config.backbones = [llama, bert.replace(model_id=str(tiny_roberta)), *rest]
    with pytest.raises(ValueError, match="hidden size 24, but the configuration says 32"):
        model.predict(texts)
