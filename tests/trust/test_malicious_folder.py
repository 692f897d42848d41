"""A model folder made to harm whoever loads it: each case is refused in a sentence, or harmless."""

import json
import math
import os
import pickle
import resource
from pathlib import Path

import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors.torch import load_file, save_file

from demo.answers import answer
from demo.reader import Reader
from demo.show import bars
from fusion_model import FusionForSequenceClassification, FusionTextClassificationPipeline, trust
from fusion_model.backbones import Backbone, check_backbones
from fusion_model.hub import locate
from hub_config.checks import check_files, files_of
from hub_config.errors import PublishError


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return (Path.touch, (self.trace,))


def read(folder: Path) -> list[list[dict]]:
    return FusionForSequenceClassification.from_pretrained(folder).predict(["I am so happy"], top_k=None)


def backbone(folder: Path) -> Path:
    return folder / "backbones" / "tiny"


def assert_sentence(error: Exception) -> None:
    assert isinstance(error, (ValueError, OSError))
    assert not isinstance(error, UnicodeError)
    assert len(str(error)) < 900


def test_the_untouched_folder_is_read(folder):
    assert [len(ranked) for ranked in read(folder)] == [3]


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.bin", "model.safetensors"])
@pytest.mark.parametrize("where", ["head", "backbone"])
def test_a_pickle_in_place_of_weights_is_never_opened(folder, tmp_path, where, name):
    trace = tmp_path / "trace"
    at = folder if where == "head" else backbone(folder)
    (at / "model.safetensors").unlink()
    (at / name).write_bytes(pickle.dumps({"weight": Bomb(trace)}))
    with pytest.raises((ValueError, OSError), match=r"(?i)safetensor") as error:
        read(folder)
    assert_sentence(error.value)
    assert not trace.exists()


def test_a_torch_archive_beside_the_weights_is_never_opened(folder, tmp_path):
    for at in (folder, backbone(folder)):
        torch.save({"weight": Bomb(tmp_path / "trace")}, at / "pytorch_model.bin")
        torch.save({"weight": Bomb(tmp_path / "trace")}, at / "training_args.bin")
    assert len(read(folder)) == 1
    assert not (tmp_path / "trace").exists()


def plant(folder: Path, trace: Path) -> None:
    """Code that leaves a file behind, under a name of its own and in the model's own files."""
    harm = f"from pathlib import Path\nPath({str(trace)!r}).touch()\n"
    (folder / "evil.py").write_text(harm + "class Evil: ...\n", encoding="utf-8")
    for name in ("modeling_fusion.py", "configuration_fusion.py", "pipeline_fusion.py"):
        (folder / name).write_text(harm + (folder / name).read_text(encoding="utf-8"), encoding="utf-8")


@pytest.mark.parametrize("target", ["evil.Evil", "someone/else--evil.Evil", "modeling_fusion.FusionConfig"])
def test_code_that_a_folder_brings_is_not_run_by_our_own_tools(folder, edit, tmp_path, target):
    trace = tmp_path / "trace"
    plant(folder, trace)
    edit(folder / "config.json", auto_map=dict.fromkeys(["AutoConfig", "AutoModel"], target))
    edit(folder / "config.json", custom_pipelines={"text-classification": {"impl": target, "pt": ["AutoModel"]}})
    edit(backbone(folder) / "config.json", auto_map={"AutoConfig": target, "AutoModel": target})
    edit(backbone(folder) / "tokenizer_config.json", auto_map={"AutoTokenizer": [target, target]})
    assert len(read(folder)) == 1
    assert Reader(str(folder)).labels == ["joy", "anger", "neutral"]
    assert not trace.exists()


@pytest.mark.parametrize("model_type", ["evil", "bert", 5, None])
def test_another_kind_of_model_is_refused_by_the_demo_without_running_its_code(folder, edit, tmp_path, model_type):
    plant(folder, tmp_path / "trace")
    edit(folder / "config.json", model_type=model_type, auto_map={"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil"})
    with pytest.raises(ValueError, match=r"cannot be loaded|expected 'fusion'"):
        Reader(str(folder))
    assert not (tmp_path / "trace").exists()


def test_a_backbones_own_code_runs_only_if_the_loader_names_it(folder, edit, tmp_path, monkeypatch):
    trace = tmp_path / "trace"
    (backbone(folder) / "evil.py").write_text(
        f"from pathlib import Path\nPath({str(trace)!r}).touch()\nfrom transformers import BertConfig, BertModel\n"
        "class Evil(BertConfig): ...\nclass EvilModel(BertModel):\n    config_class = Evil\n",
        encoding="utf-8",
    )
    edit(backbone(folder) / "config.json", auto_map={"AutoConfig": "evil.Evil", "AutoModel": "evil.EvilModel"})
    edit(folder / "config.json", backbones=lambda specs: [{**spec, "trust_remote_code": True} for spec in specs])
    with pytest.raises(ValueError, match=f"is not done unasked.*{trust.TRUSTED_VARIABLE}={folder}"):
        read(folder)
    monkeypatch.setenv(trust.TRUSTED_VARIABLE, f"someone/else {folder}/backbones")
    with pytest.raises(ValueError, match="is not done unasked"):
        read(folder)
    assert not trace.exists()
    monkeypatch.setenv(trust.TRUSTED_VARIABLE, f"someone/else {folder}")
    assert len(read(folder)) == 1
    assert trace.exists()


def test_a_backbone_of_ones_own_recipe_is_asked_about_once_only():
    (spec,) = check_backbones([{"name": "tiny", "model_id": "someone/else", "trust_remote_code": True}])
    assert locate(spec) == ("someone/else", {"revision": None})
    with pytest.raises(ValueError, match=r"'someone/else'.*not done unasked"):
        locate(spec, folder="some/model")


@pytest.mark.parametrize("model_id", ["../../secret", "/etc", "a/../../b", "..", "~/x", "C:\\x", "\\\\host\\share"])
def test_a_model_from_the_hub_reads_no_folder_of_this_machine(model_id):
    (spec,) = check_backbones([{"name": "tiny", "model_id": model_id}])
    with pytest.raises(ValueError, match=r"is '.*': expected a Hub id") as error:
        locate(spec, folder="some/model")
    assert_sentence(error.value)


@pytest.mark.parametrize("model_id", ["../../secret", "a/../../b", "/tmp/../etc", "\\\\host\\share", "//host/share"])
def test_a_model_from_a_folder_climbs_out_of_none(folder, edit, model_id):
    edit(folder / "config.json", backbones=lambda specs: [{**specs[0], "bundled": False, "model_id": model_id}])
    with pytest.raises(ValueError, match="Paths that lead out of a model are not followed"):
        read(folder)


@pytest.mark.parametrize("name", ["../../secret", "/etc", "tiny/../..", "a b", ""])
def test_a_bundled_backbone_is_named_and_not_located(folder, edit, name):
    edit(folder / "config.json", backbones=lambda specs: [{**specs[0], "name": name}])
    with pytest.raises(ValueError, match=r"name is .*: expected letters|lacks \['name'\]"):
        read(folder)


def test_a_bundled_backbone_that_is_a_link_out_of_the_folder_is_refused(folder, tmp_path):
    backbone(folder).rename(tmp_path / "elsewhere")
    backbone(folder).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="is a link out of that folder"):
        read(folder)


HUGE = {
    "a wide fusion": {"fusion_dim": 65_536},
    "wide layers": {"hidden_sizes": [65_536] * 30},
    "a long vocabulary": {"lexical_terms": 2**31 - 1, "lexical_bytes": 2**31 - 1},
    "a member for each byte": {"num_members": 65_536},
    "a thousand members": {"num_members": 1_000},
    "a billion labels": {"num_labels": 10**9, "id2label": None, "label2id": None, "thresholds": None},
    "many labels": {"id2label": {str(n): f"l{n}" for n in range(60_000)}, "label2id": {}, "thresholds": None},
    "a hundred thousand labels": {"id2label": {str(n): f"l{n}" for n in range(10**5)}, "thresholds": None},
    "a wide backbone": {"backbones": lambda specs: [{**specs[0], "hidden_size": 65_536}]},
    "many layers": {"backbones": lambda specs: [{**specs[0], "layers": list(range(10**6))}]},
    "many backbones": {"backbones": lambda specs: [{**specs[0], "name": f"b{n}"} for n in range(3_000)]},
}


@pytest.mark.parametrize("case", HUGE)
def test_a_configuration_of_gigabytes_is_refused_before_they_are_taken(folder, edit, case):
    edit(folder / "config.json", **HUGE[case])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"Nothing was loaded|expected") as error:
        read(folder)
    assert_sentence(error.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kilobytes


@pytest.mark.parametrize(
    "values",
    [
        {"hidden_size": 2**18, "num_attention_heads": 1},
        {"vocab_size": 10**9},
        {"intermediate_size": 10**9},
        {"num_hidden_layers": 10**7},
        {"max_position_embeddings": 10**9},
    ],
    ids=str,
)
def test_a_backbone_of_gigabytes_is_refused_before_they_are_taken(folder, edit, values):
    edit(backbone(folder) / "config.json", **values)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"made to fill the memory|expected 0 to 1024") as error:
        read(folder)
    assert_sentence(error.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def test_a_backbone_that_does_not_fit_its_weights_is_refused(folder, edit):
    edit(backbone(folder) / "config.json", intermediate_size=64)
    with pytest.raises((ValueError, OSError)) as error:
        read(folder)
    assert_sentence(error.value)


def test_a_max_length_beyond_the_backbone_is_refused(folder, edit):
    edit(folder / "config.json", backbones=lambda specs: [{**specs[0], "max_length": 131_072}])
    with pytest.raises(ValueError, match="reads at most"):
        read(folder)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1", '"0.5"', "null", "[0.5]"])
def test_a_threshold_that_is_no_probability_is_refused(folder, number):
    text = (folder / "config.json").read_text(encoding="utf-8")
    content = json.loads(text)
    content["thresholds"] = ["@", 0.5, 0.5]
    (folder / "config.json").write_text(json.dumps(content).replace('"@"', number), encoding="utf-8")
    with pytest.raises((ValueError, StrictDataclassError), match="thresholds"):
        read(folder)


@pytest.mark.parametrize("temperature", [math.nan, math.inf, 0, -1])
def test_a_temperature_that_is_no_number_is_refused(folder, edit, temperature):
    edit(folder / "config.json", temperature=temperature)
    with pytest.raises(ValueError, match="temperature is"):
        read(folder)


@pytest.mark.parametrize(
    ("garbage", "sentence"),
    [(b"\xff\xfe\x00\x80", "is not UTF-8"), (b"\n", r"has [\d,]+ terms, and there are weights for"), (b"", "terms")],
)
def test_a_lexical_vocabulary_of_garbage_is_refused(folder, garbage, sentence):
    tensors = load_file(folder / "model.safetensors")
    length = len(tensors["lexical.vocabulary"])
    content = (garbage * length + b"x" * length)[:length]
    tensors["lexical.vocabulary"] = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=sentence) as error:
        read(folder)
    assert_sentence(error.value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_refused(folder, value):
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.startswith("heads") and name.endswith("bias"))
    weights[name].fill_(value)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="its weights or its configuration are damaged") as error:
        read(folder)
    assert_sentence(error.value)


def test_a_gigantic_tokenizer_is_refused_unread(folder):
    os.truncate(backbone(folder) / "tokenizer.json", 10 * 2**30)  # a sparse file: it takes no room
    with pytest.raises(ValueError, match="a backbone's configuration or tokenizer has at most"):
        read(folder)


def test_a_tokenizer_of_another_model_is_refused(folder):
    file = backbone(folder) / "tokenizer.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["model"]["vocab"] = {word: number + 10_000 for word, number in content["model"]["vocab"].items()}
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match="they do not belong together"):
        read(folder)


@pytest.mark.parametrize("file", ["config.json", "backbones/tiny/config.json", "backbones/tiny/tokenizer_config.json"])
@pytest.mark.parametrize(
    "content", ["[" * 200_000, '{"a":' * 200_000, "", "null", "[]", '"x"', "\0", "{}"], ids=lambda text: text[:6]
)
def test_json_that_is_no_configuration_is_refused_by_the_demo(folder, file, content):
    (folder / file).write_text(content, encoding="utf-8")
    try:
        Reader(str(folder))
    except ValueError as error:
        assert_sentence(error)
    else:
        assert "tokenizer_config" in file  # an empty one is as good as none


def test_a_kernel_from_the_hub_is_not_asked_for(folder, edit):
    edit(folder / "config.json", attn_implementation="someone/kernel")
    with pytest.raises(ValueError, match="kernel 'someone/kernel' from the Hub, which is not run"):
        read(folder)
    edit(folder / "config.json", attn_implementation=None)
    edit(backbone(folder) / "config.json", attn_implementation="someone/kernel")
    with pytest.raises(ValueError, match="kernel 'someone/kernel' from the Hub, which is not run"):
        read(folder)


HOSTILE = ["<script>alert(1)</script>", "[red]x[/]", "[/]", "{{ 7*7 }} ${x} <%= x %>", "\x1b[2J\x07", "$\\frac{1$"]


def test_label_names_of_html_and_markup_are_shown_and_never_run(folder, edit, capsys):
    names = [*HOSTILE[:2], HOSTILE[3]]
    edit(folder / "config.json", id2label=dict(enumerate(names)), label2id={n: i for i, n in enumerate(names)})
    reader = Reader(str(folder))
    page = bars(answer(reader, reader.scores(["I am so happy"])[0]), top_k=3)
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "{{" not in page
    classify = FusionTextClassificationPipeline(FusionForSequenceClassification.from_pretrained(folder))
    assert {item["label"] for item in classify("x", top_k=None)} == set(names)


def test_the_packaged_backbone_is_held_against_its_known_sha256(tmp_path, monkeypatch):
    minilm = Backbone.from_dict({"name": "minilm", "model_id": "sentence-transformers/all-MiniLM-L6-v2"})
    for name in minilm.sha256:
        (tmp_path / name).write_bytes(b"tampered with")
    with pytest.raises(ValueError, match=r"'.*model.safetensors' is not the published file: its sha256 is"):
        trust.check_packaged(minilm, str(tmp_path))


def test_what_publish_finds_in_a_folder_is_refused(folder, tmp_path):
    for name in ("README.md", "metrics.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    plant(folder, tmp_path / "trace")
    with pytest.raises(PublishError, match=r"'configuration_fusion.py' is not this project's"):
        check_files(folder, files_of(folder))
