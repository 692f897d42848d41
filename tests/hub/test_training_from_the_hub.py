"""train.py against a Hub that serves data sets and backbones under their published names."""

import json
import time
from datetime import UTC, datetime

import pytest
from hub.clients import answer
from hub.datasets_served import empathetic_dialogues, go_emotions

from tests.standins import standin

SHORT = ["--num_train_epochs", "1", "--min_steps", "0", "--num_runs", "1"]
# What the Hub's own client makes of the figures: from the file, from the model's page, from the card.
READ_BACK = """
import dataclasses, json, sys, yaml
from huggingface_hub import ModelCard, hf_hub_download, model_info, parse_eval_result_entries
file = hf_hub_download(sys.argv[1], ".eval_results/go_emotions.yaml")
(entry,) = parse_eval_result_entries(yaml.safe_load(open(file, encoding="utf-8")))
(shown,) = model_info(sys.argv[1], expand=["evalResults"]).eval_results
results = ModelCard.load(sys.argv[1]).data.eval_results
results = {(one.dataset_split, one.metric_name): one.metric_value for one in results}
found = {"file": dataclasses.asdict(entry), "shown": dataclasses.asdict(shown), "card": results["test", "Macro F1"]}
print(json.dumps(found))
"""


@pytest.mark.slow
def test_train_on_go_emotions_and_push_in_one_command_then_again_without_the_hub(hub, client, tmp_path):
    hub.app.store.seed("datasets", "google-research-datasets/go_emotions", go_emotions())
    out = tmp_path / "out"
    command = ["train.py", "--dataset", "go_emotions", *SHORT, "--output_dir", str(out)]
    push = ["--push_to_hub", "--hub_model_id", "alice/emotions"]

    refused = client([*command, *push], token="alice-read")
    assert refused.returncode == 1
    assert "The token of 'alice' may only read" in refused.stderr
    assert not out.exists(), "refused before training"

    trained = client([*command, *push], token="alice-write")
    assert trained.returncode == 0, trained.stdout[-2000:] + trained.stderr[-2000:]
    assert "120 train, 120 validation, 120 test texts, 28 labels, several labels per text" in trained.stdout
    assert "scores equal to" in trained.stdout
    repo = hub.app.store.repos["models", "alice/emotions"]
    assert len(repo.commits) == 2
    tree = repo.find("main").tree
    report = json.loads((hub.app.store.objects / tree["metrics.json"].sha256).read_text())
    assert report["dataset"] == "go_emotions"
    card = (hub.app.store.objects / tree["README.md"].sha256).read_text()
    assert "google-research-datasets/go_emotions" in card
    read_back = answer(client(["-c", READ_BACK, "alice/emotions"], home="stranger", isolated=True))
    assert read_back["file"] == read_back["shown"]
    assert read_back["file"]["value"] == read_back["card"] == round(report["test"]["macro_f1"]["mean"], 4)
    assert read_back["file"]["dataset_id"] == "google-research-datasets/go_emotions"
    assert read_back["file"]["task_id"] == "text-classification"
    assert datetime.fromisoformat(read_back["file"]["date"]) <= datetime.now(UTC)
    assert read_back["file"]["source_url"] == f"{hub.app.url}/alice/emotions/blob/main/metrics.json"

    hub.stop()
    began = time.perf_counter()
    warm = client([*command])
    assert warm.returncode == 0, warm.stderr
    started = time.perf_counter()
    cold = client([*command], home="another")
    assert cold.returncode == 1
    assert "is not in the local cache and the Hub" in cold.stderr
    assert "Use `--dataset sample`, which needs no network" in cold.stderr
    assert time.perf_counter() - started < 2 * (started - began), "no minute of retries"


def test_empathetic_dialogues_give_one_situation_a_conversation(hub, client):
    store = hub.app.store
    store.seed("datasets", "facebook/empathetic_dialogues", {"empathetic_dialogues.py": b"raise SystemExit('script')"})
    store.seed("datasets", "facebook/empathetic_dialogues", empathetic_dialogues(), ref="refs/convert/parquet")
    code = """
import json
from extraction.sources import load_source
data = load_source("empathetic_dialogues")
print(json.dumps({"rows": {k: len(v) for k, v in data.items()}, "labels": data["train"].features["labels"].names,
                  "comma": any("_comma_" in t for t in data["train"]["text"])}))
"""
    assert answer(client(["-c", code])) == {
        "rows": {"train": 90, "validation": 90, "test": 90},
        "labels": ["afraid", "joyful", "proud"],
        "comma": False,
    }


@pytest.mark.slow
def test_the_recipe_llmembed_trains_with_access_to_llama_and_says_what_lacks_without(hub, client, tmp_path):
    heads = {}
    for kind, id in (
        ("llama", "meta-llama/Llama-2-7b-chat-hf"),
        ("bert", "google-bert/bert-large-uncased"),
        ("roberta", "FacebookAI/roberta-large"),
    ):
        gated = {"gated": True, "readers": ["alice"]} if kind == "llama" else {}
        heads[id] = hub.app.store.seed("models", id, standin(kind, tmp_path / kind), **gated)[1].id
    out = tmp_path / "out"
    command = ["train.py", "--dataset", "sample", "--max_rows", "60", "--recipe", "llmembed", *SHORT]
    for token in (None, "bob-write"):
        refused = client([*command, "--output_dir", str(out)], token=token)
        assert refused.returncode == 1
        error = refused.stderr.strip().splitlines()[-1]
        assert error.startswith("error: The backbone 'meta-llama/Llama-2-7b-chat-hf' is gated"), refused.stderr
        assert "hf auth login" in error
    trained = client([*command, "--output_dir", str(out)], token="alice-read")
    assert trained.returncode == 0, trained.stdout[-2000:] + trained.stderr[-2000:]
    config = json.loads((out / "config.json").read_text())
    assert {spec["model_id"]: spec["revision"] for spec in config["backbones"]} == heads, "pinned to commits"
    card = (out / "README.md").read_text()
    assert "license: llama2" in card
    assert "Llama 2 is licensed under the LLAMA 2 Community License" in card

    # The backbone moves on; the model keeps reading what it was trained on.
    newer = standin("bert", tmp_path / "newer")
    (newer / "config.json").write_text("{}")
    hub.app.store.seed("models", "google-bert/bert-large-uncased", newer)
    code = f"""
import json
from transformers import pipeline
classify = pipeline("text-classification", model={str(out)!r}, trust_remote_code=True)
print(json.dumps(classify("You did what?! I am so proud of you!")))
"""
    assert answer(client(["-c", code], token="alice-read", home="later", isolated=True))[0]["score"] > 0


def test_features_are_published_as_a_data_set_and_not_those_of_llama(hub, client, tmp_path):
    command = ["-m", "hub_config.feature_set", "--dataset", "sample", "--max_rows", "40", "--repo_id", "alice/features"]
    refused = client([*command, "--recipe", "llmembed"], token="alice-write")
    assert refused.returncode == 1
    assert "'meta-llama/Llama-2-7b-chat-hf' are outputs of a model under the Llama licence" in refused.stderr
    assert ("datasets", "alice/features") not in hub.app.store.repos
    done = client([*command, "--cache_dir", str(tmp_path / "cache")], token="alice-write")
    assert done.returncode == 0, done.stderr[-2000:]
    code = """
import json
from datasets import load_dataset
data = load_dataset("alice/features")
print(json.dumps({"rows": {k: len(v) for k, v in data.items()}, "columns": data["train"].column_names,
                  "width": len(data["train"][0]["minilm"])}))
"""
    assert answer(client(["-c", code], home="stranger", isolated=True)) == {
        "rows": {"train": 40, "validation": 40, "test": 40},
        "columns": ["labels", "minilm"],
        "width": 21 * 384,
    }
