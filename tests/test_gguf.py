"""GGUF files as backbones: the same features as from the folder that they were made of, and refusals with a cure."""

import json
import shutil
import tomllib
from pathlib import Path

import pytest
import torch
import transformers.modeling_gguf_pytorch_utils
from datasets import Dataset
from transformers import pipeline

import label
import train
from extraction.features import cache_key, extract, pin
from fusion_model import FusionConfig, FusionForSequenceClassification
from fusion_model.backbones import Backbone
from fusion_model.encoder import BackboneEncoder
from fusion_model.gguf import PACKAGE, GgufError
from fusion_model.trust import check_origin
from hub_config.checks import check_config
from hub_config.errors import PublishError
from hub_config.space.build import build_space
from labelling.model import find_model
from tests.gguf_files import CORPUS, llama_folder, write_gguf

pytest.importorskip("gguf", reason="gguf is not installed (requirements-gguf.txt)")

ROOT = Path(__file__).parents[1]
TEXTS = [*CORPUS, "", "ok", "so it goes 😂", "word " * 90]
CPU = torch.device("cpu")
RECIPE = """
backbones:
  - {name: llama, model_id: MODEL, layers: [-2, -1], pooling: [mean, last], max_length: 32, dtype: float32}
head: {fusion_dim: 8, hidden_sizes: [8], standardise: true}
training: {num_train_epochs: 1, min_steps: 0}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return llama_folder(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def exact(folder, tmp_path_factory) -> Path:
    """All weights in float32."""
    return write_gguf(folder, tmp_path_factory.mktemp("exact") / "tiny.gguf", quantised=False)


@pytest.fixture(scope="module")
def packed(folder, tmp_path_factory) -> Path:
    """Matrices in 8 bits."""
    return write_gguf(folder, tmp_path_factory.mktemp("packed") / "tiny-q8_0.gguf")


@pytest.fixture
def csv(tmp_path) -> Path:
    file = tmp_path / "texts.csv"
    rows = [f"{text} {number},{label}" for number in range(12) for text, label in (("so glad", "joy"), ("no", "anger"))]
    file.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    return file


@pytest.fixture
def recipe(tmp_path, exact) -> Path:
    file = tmp_path / "tiny.yaml"
    file.write_text(RECIPE.replace("MODEL", str(exact)), encoding="utf-8")
    return file


def backbone(model_id: object, **options) -> Backbone:
    options = {"layers": (0, 1, -1), "pooling": ("mean", "last"), "max_length": 48, "dtype": "float32"} | options
    return Backbone(name="llama", model_id=str(model_id), **options)


def test_a_file_has_the_tokens_and_features_of_the_folder_that_it_was_made_of(folder, exact, packed):
    original = BackboneEncoder(backbone(folder))
    expected = original.encode(TEXTS).float()
    for file, tolerance in ((exact, 0.0), (packed, 0.05)):
        encoder = BackboneEncoder(backbone(file))
        assert encoder.tokenize(TEXTS) == original.tokenize(TEXTS)
        torch.testing.assert_close(encoder.encode(TEXTS).float(), expected, rtol=0, atol=tolerance)
    assert not torch.equal(encoder.encode(TEXTS).float(), expected), "8 bits are not float32"


def test_nothing_beside_the_file_is_read(exact, tmp_path):
    alone = shutil.copy(exact, tmp_path / "tiny.gguf")
    for name in ("config.json", "tokenizer_config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    found, expected = BackboneEncoder(backbone(alone)), BackboneEncoder(backbone(exact))
    assert torch.equal(found.encode(TEXTS), expected.encode(TEXTS))


def test_weights_are_plain_in_the_dtype_asked_for_and_their_memory_is_said(packed, caplog):
    caplog.set_level("INFO", logger="fusion_model.gguf")
    model = BackboneEncoder(backbone(packed, dtype="bfloat16")).model
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}
    weights = sum(weight.numel() for weight in model.parameters())
    assert f"{weights:,} weights in bfloat16" in caplog.text
    assert "MB of memory" in caplog.text


@pytest.mark.data
def test_a_real_quantised_file_has_the_features_of_its_dequantised_folder(models_dir):
    files = list((models_dir / "qwen2.5-coder-0.5b").glob("*.gguf"))
    if not files:
        pytest.skip("qwen2.5-coder-0.5b is not in FUSION_TEST_MODELS")
    of_file, of_folder = (
        BackboneEncoder(backbone(place, layers=(-2, -1), dtype="bfloat16")) for place in (files[0], files[0].parent)
    )
    assert of_file.tokenize(TEXTS) == of_folder.tokenize(TEXTS)
    torch.testing.assert_close(of_file.encode(CORPUS), of_folder.encode(CORPUS), rtol=2e-2, atol=2e-2)


def test_the_cache_key_covers_the_file_and_a_second_call_reads_the_cache(exact, packed, tmp_path, monkeypatch):
    file = tmp_path / "tiny.gguf"
    shutil.copy(exact, file)
    pinned = pin(backbone(file))
    assert (pinned.hidden_size, pinned.revision) == (32, None)
    split = Dataset.from_dict({"text": TEXTS})
    first = extract(split, pinned, cache_dir=tmp_path / "cache")[:]
    with monkeypatch.context() as patch:
        patch.setattr(BackboneEncoder, "load", lambda *_, **__: pytest.fail("loaded"))
        assert extract(split, pinned, cache_dir=tmp_path / "cache")[:] == first
    before = cache_key(TEXTS, pinned, CPU)
    shutil.copy(packed, file)
    assert cache_key(TEXTS, pinned, CPU) != before


def test_a_recipe_or_a_flag_trains_on_a_file_and_the_model_reads_it_wherever_it_is_loaded(
    exact, packed, recipe, csv, tmp_path, monkeypatch
):
    monkeypatch.chdir(packed.parent)
    common = ["--dataset", csv, "--recipe", recipe, "--cache_dir", tmp_path / "cache"]
    for flags, file in (([], exact), (["--backbone", f"llama={packed.name}"], packed)):
        out = tmp_path / file.stem
        train.main([str(flag) for flag in (*common, "--output_dir", out, *flags)])
        (spec,) = FusionConfig.from_pretrained(out).backbones
        assert (spec.model_id, spec.resolved_dtype) == (str(file), "float32")
        assert f"pip install {PACKAGE}" in (out / "README.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    model = FusionForSequenceClassification.from_pretrained(out)
    answers = pipeline("text-classification", model=str(out), trust_remote_code=True)(["so glad 3"], top_k=None)
    assert [one["label"] for one in answers[0]] == [one["label"] for one in model.predict(["so glad 3"], top_k=None)[0]]
    label.main(["--model", str(out), "--input", str(csv), "--output", str(tmp_path / "labelled")])
    # What labels is known by the file, too.
    digest = find_model(str(out)).digest
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    config["backbones"][0]["model_id"] = str(shutil.copy(exact, tmp_path / packed.name))
    other = Path(shutil.copytree(out, tmp_path / "other"))
    (other / "config.json").write_text(json.dumps(config))
    config["backbones"][0]["model_id"] = str(shutil.copy(packed, tmp_path / packed.name))
    assert find_model(str(other)).digest != digest


@pytest.mark.parametrize(
    "flags", [["--bundle_backbones"], ["--recipe", "tuned.yaml"]], ids=["--bundle_backbones", "finetune"]
)
def test_what_would_have_to_save_it_is_refused_before_any_work_and_the_cure_works(flags, recipe, csv, tmp_path):
    tuned = recipe.read_text().replace("dtype: float32}", "dtype: float32, finetune: {epochs: 1}}")
    (tmp_path / "tuned.yaml").write_text(tuned)
    flags = [flag.replace("tuned.yaml", str(tmp_path / "tuned.yaml")) for flag in flags]
    command = ["--dataset", str(csv), "--recipe", str(recipe), "--output_dir", str(tmp_path / "out")]
    with pytest.raises(ValueError, match=r"GGUF.*Leave that out.*user/name:model\.gguf"):
        train.main([*command, *flags])
    assert not (tmp_path / "out").exists()
    assert train.main([*command, "--cache_dir", str(tmp_path / "cache")]) == tmp_path / "out"


def test_a_loaded_backbone_is_not_saved(exact, tmp_path):
    with pytest.raises(ValueError, match="GGUF"):
        BackboneEncoder(backbone(exact)).save(tmp_path / "copy")


def test_without_the_package_the_command_that_installs_it_is_said(exact, monkeypatch):
    monkeypatch.setattr(transformers.modeling_gguf_pytorch_utils, "is_gguf_available", lambda: False)
    with pytest.raises(GgufError, match=f"`pip install {PACKAGE}`"):
        BackboneEncoder(backbone(shutil.copy(exact, exact.with_name("other.gguf")))).encode(TEXTS)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert settings["optional-dependencies"]["gguf"] == [PACKAGE]


def test_an_architecture_that_is_not_dequantised_is_named_with_those_that_are(folder, tmp_path):
    file = write_gguf(folder, tmp_path / "tiny.gguf", architecture="rwkv7")
    with pytest.raises(GgufError, match=r"rwkv7.*qwen2.*safetensors, as model_id"):
        pin(backbone(file))
    assert pin(backbone(folder)).hidden_size == 32


@pytest.mark.parametrize("kept", [0, 3, 100, 5_000, -1_000])
def test_a_file_that_ends_too_early_is_refused_in_a_sentence(exact, tmp_path, kept):
    file = tmp_path / "tiny.gguf"
    file.write_bytes(exact.read_bytes()[:kept])
    with pytest.raises(GgufError, match=r"tiny\.gguf' cannot be read.*get it again"):
        BackboneEncoder(backbone(file)).encode(TEXTS)


def test_a_file_whose_vocabulary_is_damaged_is_refused_in_a_sentence(exact, tmp_path):
    file = tmp_path / "tiny.gguf"
    file.write_bytes(exact.read_bytes().replace("Ġcame".encode(), "Ġcama".encode(), 1))
    with pytest.raises(GgufError, match=r"tiny\.gguf' cannot be read.*out of vocabulary.*get it again"):
        BackboneEncoder(backbone(file)).encode(TEXTS)


def test_a_file_that_lacks_a_weight_is_refused(folder, tmp_path):
    file = write_gguf(folder, tmp_path / "tiny.gguf", left_out="blk.1.ffn_up.weight")
    with pytest.raises(GgufError, match=r"lacks 1 of the weights, such as 'layers\.1\.mlp\.up_proj\.weight'"):
        BackboneEncoder(backbone(file)).encode(TEXTS)


def test_a_file_whose_configuration_describes_gigabytes_is_refused_before_they_are_taken(folder, exact, tmp_path):
    config = (folder / "config.json").read_text(encoding="utf-8")
    huge = Path(shutil.copytree(folder, tmp_path / "huge"))
    content, field = exact.read_bytes(), b"llama.feed_forward_length"
    place = content.index(field) + len(field) + 4
    assert int.from_bytes(content[place : place + 4], "little") == json.loads(config)["intermediate_size"]
    file = huge / "tiny.gguf"
    file.write_bytes(content[:place] + (2**30).to_bytes(4, "little") + content[place + 4 :])
    with pytest.raises(GgufError, match=r"describes \d{3},\d{3},\d{3},\d{3} weights, and it holds [\d,]+ bytes"):
        BackboneEncoder(backbone(file)).encode(TEXTS)


def test_a_file_that_is_nowhere_is_said_with_both_forms(tmp_path):
    with pytest.raises(OSError, match=r"no file.*path/model\.gguf, or as user/name:model\.gguf"):
        pin(backbone(tmp_path / "missing.gguf"))


@pytest.mark.parametrize(
    "model_id",
    ["x.gguf", "/tmp/x.gguf", "a/x.gguf", "a/b:../x.gguf", "a/b:/x.gguf", "a:x.gguf", "C:\\x.gguf", "a/b:c:x.gguf"],
)
def test_a_model_from_the_hub_names_a_file_on_the_hub(model_id):
    with pytest.raises(ValueError, match="expected a Hub id"):
        check_origin(backbone(model_id), "user/emotions")
    check_origin(backbone("user/name:folder/x.gguf"), "user/emotions")


def test_a_model_over_a_file_of_this_machine_is_not_published_and_one_on_the_hub_is(exact, tmp_path):
    content = {"backbones": [backbone(exact, hidden_size=32).to_dict()], "linear_skip": True}
    for name in ("config.json", "metrics.json"):
        (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(PublishError, match=r"Upload it.*--backbone llama=user/name:tiny\.gguf"):
        check_config(tmp_path)
    content["backbones"][0]["model_id"] = "user/name:tiny.gguf"
    (tmp_path / "config.json").write_text(json.dumps(content | {"model_type": "fusion"}))
    check_config(tmp_path)
    space = build_space(tmp_path / "space", "user/emotions", tmp_path)
    assert f"{PACKAGE}\n" in (space / "requirements.txt").read_text(encoding="utf-8")
    assert "user/name tiny.gguf" in (space / "README.md").read_text(encoding="utf-8")
