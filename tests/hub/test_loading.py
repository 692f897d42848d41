"""What loading asks of the Hub, what it says when the Hub refuses, and the handler of an endpoint."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hub.clients import answer, environment

from hub_config.checks import check_card
from tests.gguf_files import llama_folder, write_gguf
from tests.standins import standin


@pytest.fixture
def served(hub, trained):
    """`alice/plain` and `alice/bundled` as they are after publishing, and `alice/secret`, private."""
    store = hub.app.store
    for name in ("plain", "bundled"):
        if ("models", f"alice/served-{name}") not in store.repos:
            store.seed("models", f"alice/served-{name}", trained[name])
    if ("models", "alice/secret") not in store.repos:
        store.seed("models", "alice/secret", trained["bundled"], private=True)
        store.seed("models", "alice/gated", trained["plain"], gated=True)
    return store


def downloads(hub) -> list[str]:
    return [path for method, path, status in hub.app.log if method == "GET" and status == 200]


def test_loading_downloads_what_is_needed_and_no_more(hub, client, served):
    code = """
import json, torch
from transformers import AutoConfig, AutoModel
config = AutoConfig.from_pretrained("alice/served-bundled", trust_remote_code=True)
model = AutoModel.from_pretrained("alice/served-bundled", trust_remote_code=True, dtype=torch.float32, device_map="cpu")
spec = config.backbones[0]
width = spec.width
logits = model(features={spec.name: torch.zeros(2, width)}).logits
print(json.dumps({"shape": list(logits.shape), "device": str(model.device), "dtype": str(model.dtype)}))
"""
    only_config = code[: code.index("model =")] + "print(json.dumps(config.num_labels))"
    assert answer(client(["-c", only_config], isolated=True)) == 28
    assert not any("safetensors" in path or path.startswith("/content") for path in downloads(hub))
    outcome = answer(client(["-c", code], isolated=True))
    assert outcome == {"shape": [2, 28], "device": "cpu", "dtype": "torch.float32"}
    assert len([path for path in downloads(hub) if path.startswith("/content")]) == 1, "the head, not the backbone"
    assert not any("/backbones/" in path for path in downloads(hub))


REFUSED = """
import json, os, sys
from transformers import AutoModel
errors = []
for repo, revision, token in json.loads(sys.argv[1]):
    try:
        AutoModel.from_pretrained(repo, revision=revision, trust_remote_code=True, token=token)
        errors.append("loaded")
    except OSError as error:
        errors.append(str(error))
print(json.dumps(errors))
"""


def test_private_gated_and_missing_are_told_apart(hub, client, served):
    cases = [
        ("alice/secret", None, False),
        ("alice/secret", None, "alice-read"),
        ("alice/gated", None, False),
        ("alice/gated", None, "bob-write"),
        ("alice/served-plain", "v9", False),
        ("alice/nothing", None, False),
    ]
    errors = answer(client(["-c", REFUSED, json.dumps(cases)], isolated=True))
    assert "alice/secret" in errors[0]
    assert "private" in errors[0]
    assert errors[1] == "loaded"
    assert "gated repo" in errors[2]
    assert "gated repo" in errors[3]
    assert "v9 is not a valid git identifier" in errors[4]
    assert "alice/nothing" in errors[5]


def test_a_token_and_a_cache_that_are_given_in_python_hold_for_bundled_backbones_too(hub, client, served, tmp_path):
    code = f"""
import json
from pathlib import Path
from transformers import AutoModel, pipeline
options = {{"token": "alice-read", "trust_remote_code": True}}
model = AutoModel.from_pretrained("alice/secret", cache_dir={str(tmp_path / "cache")!r}, **options)
found = [model.predict(["I love it!"], top_k=1)[0][0]["label"]]
found.append(pipeline("text-classification", model="alice/secret", **options)("I love it!")[0]["label"])
there = [path.parent.name for path in Path({str(tmp_path / "cache")!r}).rglob("backbones/minilm/model.safetensors")]
print(json.dumps({{"labels": found, "backbone": there, "commit": model.hub_revision}}))
"""
    outcome = answer(client(["-c", code], token=None, isolated=True))
    assert outcome["labels"][0] == outcome["labels"][1]
    assert outcome["backbone"] == ["minilm"]
    assert outcome["commit"] == served.repos["models", "alice/secret"].branches["main"]


def test_a_tag_names_the_bundled_backbone_too(hub, client, served, trained, tmp_path):
    """The backbone of a tag comes from that tag, not from what main has become since."""
    repo = served.repos["models", "alice/served-bundled"]
    repo.tags["v1"] = repo.branches["main"]
    served.seed("models", "alice/served-bundled", {"backbones/minilm/config.json": b"{}"})
    code = """
import json
from transformers import pipeline
classify = pipeline("text-classification", model="alice/served-bundled", revision="v1", trust_remote_code=True)
print(json.dumps(classify("You did what?! I am so proud of you!")))
"""
    try:
        assert answer(client(["-c", code], isolated=True))[0]["score"] > 0
    finally:
        repo.branches["main"] = repo.tags["v1"]


def test_a_warm_cache_works_without_the_hub(hub, client, served):
    code = """
import json, time
started = time.perf_counter()
from transformers import pipeline
classify = pipeline("text-classification", model="alice/served-bundled", trust_remote_code=True)
print(json.dumps(classify("You did what?! I am so proud of you!")))
"""
    first = answer(client(["-c", code], isolated=True))
    hub.stop()
    assert answer(client(["-c", code], isolated=True, HF_HUB_OFFLINE="1")) == first
    cold = client(["-c", code], isolated=True, home="cold", HF_HUB_OFFLINE="1")
    assert cold.returncode == 1
    assert "offline mode" in cold.stderr


def test_code_of_a_backbone_is_refused_unless_asked_for(hub, client, tmp_path):
    folder = standin("bert", tmp_path / "custom")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "unheard_of", "auto_map": {"AutoConfig": "evil.EvilConfig", "AutoModel": "evil.Evil"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("raise SystemExit('code of the backbone was run')")
    hub.app.store.seed("models", "bob/custom", folder)
    run = client(
        ["train.py", "--max_rows", "60", "--backbone", "minilm=bob/custom", "--output_dir", str(tmp_path / "out")]
    )
    assert run.returncode == 1
    assert "'bob/custom' brings code of its own, which is not run unasked" in run.stderr
    assert "code of the backbone was run" not in run.stderr + run.stdout
    assert not any(path.endswith("evil.py") for path in downloads(hub))


@pytest.mark.skipif(shutil.which("unshare") is None, reason="a small file system needs unshare")
def test_a_full_disk_is_named_and_a_second_run_with_room_works(hub, client, tmp_path):
    mount = ["unshare", "-Urm", "sh", "-c"]
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run([*mount, f"mount -t tmpfs -o size=1m none {small}"], capture_output=True).returncode != 0:
        pytest.skip("this machine does not let users mount a file system of their own")
    # A configuration and a tokenizer fit, the weights do not.
    hub.app.store.seed("models", "google-bert/tiny", standin("bert", tmp_path / "bert", layers=16))
    train = ["train.py", "--max_rows", "60", "--num_train_epochs", "1", "--min_steps", "0"]
    train += ["--backbone", "minilm=google-bert/tiny", "--output_dir", str(tmp_path / "out")]
    train += ["--cache_dir", str(tmp_path / "cache")]
    run = subprocess.run(
        [*mount, f"mount -t tmpfs -o size=256k none {small} && exec {sys.executable} {' '.join(train)}"],
        env=environment(small, hub.app.url, None) | {"HF_DATASETS_CACHE": str(tmp_path / "datasets")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 1
    assert "free some space" in run.stderr
    assert "Traceback" not in run.stderr
    again = client(train)
    assert again.returncode == 0, again.stderr


HANDLE = """
import importlib.util, json, sys
from huggingface_hub import snapshot_download
folder = snapshot_download("alice/handled")
spec = importlib.util.spec_from_file_location("handler", folder + "/handler.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
handler = module.EndpointHandler(folder)
answers = []
for data in json.loads(sys.argv[1]):
    try:
        answers.append(handler(data))
    except ValueError as error:
        answers.append(str(error))
print(json.dumps(answers))
"""


def test_the_endpoint_handler_answers_what_the_service_sends(hub, client, trained):
    from hub_config.handler import __file__ as handler

    store = hub.app.store
    store.seed("models", "alice/handled", trained["plain"])
    store.seed("models", "alice/handled", {"handler.py": Path(handler).read_bytes()})
    text = "You did what?! I am so proud of you!"
    requests = [
        {"inputs": text},
        {"inputs": [text, "ok"], "parameters": {"top_k": 3}},
        {"inputs": text, "parameters": {"top_k": None}},
        {"inputs": text, "parameters": {"threshold": 0.0, "top_k": 2}},
        {"inputs": []},
        {"inputs": text, "parameters": {"topk": 3}},
        {"inputs": text, "parameters": {"top_k": 0}},
        {"inputs": text, "parameters": {"threshold": 2}},
        {"inputs": 5},
        {"inputs": [5]},
        {},
    ]
    answers = answer(client(["-c", HANDLE, json.dumps(requests)], isolated=True))
    one, several, every, limited, none, *errors = answers
    assert [len(one), len(several), len(several[0]), len(every), len(limited), none] == [1, 2, 3, 28, 2, []]
    assert set(one[0]) == {"label", "score"}
    for other in (several[0][0], every[0], limited[0]):
        assert other == {"label": one[0]["label"], "score": pytest.approx(one[0]["score"], abs=1e-5)}
    wanted = ["topk", "top_k", "threshold", "inputs is int", "int", "expected {"]
    for error, part in zip(errors, wanted, strict=True):
        assert isinstance(error, str)
        assert part in error


def test_the_card_of_a_trained_model_follows_its_pattern(trained):
    card = check_card(trained["plain"] / "README.md")
    data = card.data.to_dict()
    assert data["library_name"] == "transformers"
    assert data["pipeline_tag"] == "text-classification"
    assert data["base_model"] == ["sentence-transformers/all-MiniLM-L6-v2"]
    (result,) = {
        json.dumps(r["dataset"]): r for r in data["model-index"][0]["results"] if r["dataset"]["split"] == "test"
    }.values()
    assert {m["name"] for m in result["metrics"]} >= {"Macro F1", "Micro F1", "Accuracy", "Loss", "Macro recall"}
    assert all({"std", "seeds"} <= set(m["args"]) for m in result["metrics"])
    sections = re.findall(r"^## (.+)$", card.text, re.M)
    assert sections == [
        "What it is",
        "Training data",
        "Results on test",
        "Behavioural tests",
        "Limits",
        "How it was made",
        "Citation",
    ]
    assert re.search(r"about\s+\d[\d.e+-]* Wh, estimated at 100 W", card.text)
    assert "{{" not in card.text.replace("{{LLMEmbed}", "")


GGUF = """
import json, sys, torch
from extraction.features import pin
from fusion_model.backbones import Backbone
from fusion_model.encoder import BackboneEncoder
pinned = pin(Backbone(name="tiny", model_id=sys.argv[1], max_length=16, dtype="float32"))
features = BackboneEncoder(pinned).encode(["I am so happy"])
print(json.dumps({"revision": pinned.revision, "sum": float(features.float().abs().sum())}))
"""


@pytest.mark.slow
def test_of_a_repository_with_gguf_files_one_is_downloaded_and_found_again_without_the_hub(hub, client, tmp_path):
    pytest.importorskip("gguf", reason="gguf is not installed (requirements-gguf.txt)")
    folder = llama_folder(tmp_path / "llama")
    (tmp_path / "repo").mkdir()
    for name, quantised in (("tiny-q8_0", True), ("tiny-f32", False)):
        write_gguf(folder, tmp_path / "repo" / f"{name}.gguf", quantised)
    (tmp_path / "repo" / "tokenizer.json").write_text("{}")
    _, commit = hub.app.store.seed("models", "alice/tiny-gguf", tmp_path / "repo")
    first = answer(client(["-c", GGUF, "alice/tiny-gguf:tiny-q8_0.gguf"]))
    assert first["revision"] == commit.id
    assert {Path(path).name for _, path, _ in hub.app.log if "/resolve/" in path} == {"tiny-q8_0.gguf"}
    gone = {"HF_ENDPOINT": "http://127.0.0.1:1"}
    assert answer(client(["-c", GGUF, "alice/tiny-gguf:tiny-q8_0.gguf"], **gone)) == first
    here = answer(client(["-c", GGUF, str(tmp_path / "repo" / "tiny-q8_0.gguf")], **gone))
    assert here == {**first, "revision": None}
    refused = client(["-c", GGUF, "alice/tiny-gguf:tiny-f32.gguf"], **gone)
    assert "is not on this machine and the Hub cannot be reached" in refused.stderr
    missing = client(["-c", GGUF, "alice/tiny-gguf:other.gguf"])
    assert "other.gguf" in missing.stderr.splitlines()[-1]
