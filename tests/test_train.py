"""train.py from a data set to a model folder, with small data and small backbones."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import AutoModel, pipeline

import train
from common.recipes import names as recipe_names
from tests.standins import standin

REPO = Path(train.__file__).parent
GOOD = ["what a lovely day", "so happy for you", "this made me smile", "best news all week", "i adore this song"]
BAD = ["this is awful", "so angry right now", "worst service ever", "i hate waiting here", "that ruined my evening"]
QUICK = ["--num_train_epochs", "2", "--min_steps", "0", "--per_device_train_batch_size", "16"]
TEXTS = ["so happy today", "i hate this", "", "word " * 500]


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def csv(tmp_path) -> str:
    """Sixty rows, columns of unusual names, string labels."""
    lines = ["id,remark,feeling"]
    for i in range(6):
        lines += [f'{i},"{text}, take {i}",good' for text in GOOD] + [f'{i},"{text}, take {i}",bad' for text in BAD]
    file = tmp_path / "feelings.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    return str(file)


def run(*flags: object) -> dict:
    """Train and read metrics.json."""
    folder = train.main([str(flag) for flag in flags])
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def test_a_csv_with_columns_of_other_names_becomes_a_model_that_tells_its_labels_apart(csv, tmp_path, cache, capsys):
    out = tmp_path / "out"
    report = run(
        "--dataset",
        csv,
        "--text_column",
        "remark",
        "--label_column",
        "feeling",
        "--cache_dir",
        cache,
        "--output_dir",
        out,
        *QUICK,
    )
    assert report["labels"] == ["bad", "good"]
    assert report["dataset"] == "feelings.csv"
    assert report["test"] is None
    assert "There is no test split" in capsys.readouterr().out
    assert set(report["timings"]) == {"extract_seconds", "train_seconds", "total_seconds"}
    model = AutoModel.from_pretrained(out, trust_remote_code=True)
    assert [answer[0]["label"] for answer in model.predict(["so happy for you", "i hate waiting here"])] == [
        "good",
        "bad",
    ]
    assert sorted(p.name for p in out.iterdir() if p.suffix != ".py") == [
        "README.md",
        "config.json",
        "figures",
        "metrics.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


@pytest.mark.parametrize("several", [False, True])
def test_few_rows_without_a_validation_file_are_all_fitted_in_the_end(several, tmp_path, cache, caplog):
    names = {"good": ["joy", "love"], "bad": ["anger"]} if several else {"good": "good", "bad": "bad"}
    lines = [
        json.dumps({"text": f"{text}, take {i}", "labels": names[name]})
        for i in range(6)
        for name, texts in (("good", GOOD), ("bad", BAD))
        for text in texts
    ]
    file = tmp_path / "few.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with caplog.at_level(logging.INFO):
        report = run("--dataset", file, "--cache_dir", cache, "--output_dir", tmp_path / "out")
    held_out = report["rows"]["validation"]
    assert report["reading"]["held_out"] == held_out > 0
    assert f"{60 - held_out} training rows are few" in caplog.text
    assert f"all 60 rows, with the {held_out} of validation" in caplog.text
    model = AutoModel.from_pretrained(tmp_path / "out", trust_remote_code=True)
    best = [answer[0]["label"] for answer in model.predict(["so happy for you", "i hate waiting here"])]
    assert best[0] in names["good"]
    assert best[1] in names["bad"]


def test_comma_separated_names_train_a_multi_label_model_with_a_threshold_each(tmp_path, cache):
    rows = [f"{text} number {i}\t{'joy,love' if i % 3 else 'joy'}" for i in range(6) for text in GOOD]
    rows += [f"{text} number {i}\t{'anger,disgust' if i % 2 else 'anger'}" for i in range(6) for text in BAD]
    file = tmp_path / "several.tsv"
    file.write_text("text\tlabels\n" + "\n".join(rows), encoding="utf-8")
    report = run(
        "--dataset", file, "--label_separator", ",", "--cache_dir", cache, "--output_dir", tmp_path / "out", *QUICK
    )
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert report["labels"] == ["anger", "disgust", "joy", "love"]
    assert config["problem_type"] == "multi_label_classification"
    assert len(config["thresholds"]) == 4
    assert 0 <= report["validation"]["cross_fitted_macro_f1"]["mean"] <= 1


def test_a_second_run_reads_the_features_from_the_cache_and_gives_the_same_figures(csv, tmp_path, caplog):
    flags = [
        "--dataset",
        csv,
        "--text_column",
        "remark",
        "--label_column",
        "feeling",
        "--cache_dir",
        tmp_path / "c",
        *QUICK,
    ]
    first = run(*flags, "--output_dir", tmp_path / "one")
    caplog.clear()
    with caplog.at_level(logging.INFO):
        second = run(*flags, "--output_dir", tmp_path / "two")
    assert sum("read from the cache" in message for message in caplog.messages) == 3  # and the names
    assert second["runs"] == first["runs"]


def test_a_fresh_process_without_the_repository_gives_the_scores_of_the_training_process(csv, tmp_path, cache):
    out = tmp_path / "out"
    run(
        "--dataset",
        csv,
        "--text_column",
        "remark",
        "--label_column",
        "feeling",
        "--cache_dir",
        cache,
        "--output_dir",
        out,
        *QUICK,
    )
    here = pipeline("text-classification", model=str(out), trust_remote_code=True)(TEXTS, top_k=None)
    code = (
        "import json, sys; from transformers import AutoModel, pipeline;"
        "folder, texts = sys.argv[1], json.loads(sys.argv[2]);"
        "a = AutoModel.from_pretrained(folder, trust_remote_code=True).predict(texts, top_k=None);"
        "b = pipeline('text-classification', model=folder, trust_remote_code=True)(texts, top_k=None);"
        "print(json.dumps([a, b]))"
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, str(out), json.dumps(TEXTS)], cwd=empty, capture_output=True, text=True, check=True
    )
    for there in json.loads(done.stdout.splitlines()[-1]):
        for left, right in zip(here, there, strict=True):
            assert [x["label"] for x in left] == [x["label"] for x in right]
            assert [x["score"] for x in left] == pytest.approx([x["score"] for x in right], abs=1e-5)


def test_the_llmembed_recipe_runs_with_stand_ins_over_several_seeds(tmp_path, cache):
    places = {"llama2": "llama", "bert": "bert", "roberta": "roberta"}
    flags = [f"{name}={standin(kind, tmp_path / kind)}" for name, kind in places.items()]
    out = tmp_path / "out"
    report = run(
        "--recipe",
        "llmembed",
        "--dataset",
        "sample",
        "--label_mode",
        "single",
        "--max_rows",
        120,
        "--num_runs",
        2,
        "--num_train_epochs",
        1,
        "--backbone",
        *flags,
        "--cache_dir",
        cache,
        "--output_dir",
        out,
    )
    assert [r["seed"] for r in report["runs"]] == [42, 43]
    assert report["test"]["accuracy"]["std"] >= 0
    model = AutoModel.from_pretrained(out, trust_remote_code=True)
    assert model.config.num_slots == 7
    passed = report["behaviour"]["kinds"]["all"]
    assert passed["pairs"] == 150
    assert f"| **all** | {passed['passed']} of 150 |" in (out / "README.md").read_text(encoding="utf-8")
    assert len(model.predict(TEXTS)) == len(TEXTS)


def test_a_fine_tuned_backbone_travels_in_the_model_folder(csv, tmp_path, cache):
    source, out = standin("distilbert", tmp_path / "distilbert"), tmp_path / "out"
    run(
        "--recipe",
        "distilbert_finetune",
        "--backbone",
        f"distilbert={source}",
        "--dataset",
        csv,
        "--text_column",
        "remark",
        "--label_column",
        "feeling",
        "--finetune",
        "epochs=1",
        "--cache_dir",
        cache,
        "--output_dir",
        out,
    )
    before = AutoModel.from_pretrained(out, trust_remote_code=True).predict(TEXTS, top_k=None)
    moved = out.rename(tmp_path / "moved")
    source.rename(tmp_path / "gone")
    assert AutoModel.from_pretrained(moved, trust_remote_code=True).predict(TEXTS, top_k=None) == before
    assert not list(moved.rglob("*.bin"))
    assert str(tmp_path) not in (moved / "config.json").read_text().replace(str(moved), "")


def test_frozen_and_tuned_backbones_are_fused_into_one_model(csv, tmp_path, cache):
    tuned, out = standin("bert", tmp_path / "bert", layers=4), tmp_path / "out"
    run(
        "--recipe",
        "minilm_tuned",
        "--backbone",
        f"minilm_tuned={tuned}",
        "--dataset",
        csv,
        "--text_column",
        "remark",
        "--label_column",
        "feeling",
        "--finetune",
        "epochs=1",
        "--cache_dir",
        cache,
        "--output_dir",
        out,
        *QUICK,
    )
    model = AutoModel.from_pretrained(out, trust_remote_code=True)
    assert set(model.tuned_heads) == {"minilm_tuned"}
    assert len(model.heads) == model.config.num_members
    assert model.lexical is not None
    assert len(model.predict(TEXTS)) == len(TEXTS)
    assert [folder.name[:20] for folder in Path(cache).glob("minilm_tuned-states*")] == ["minilm_tuned-states1"] * 2
    report = json.loads((out / "metrics.json").read_text())
    assert report["weights"]["heads"] == 1.0
    assert report["weights"]["lexical"] == model.config.lexical_weight
    assert set(report["weights"]) == {"heads", "minilm_tuned", "lexical"}


@pytest.mark.parametrize("recipe", recipe_names())
def test_every_recipe_says_what_it_is_in_a_sentence(recipe):
    from common.recipes import load_recipe

    assert load_recipe(recipe).description.endswith(".")


def test_errors_are_one_sentence_without_a_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "train.py", "--dataset", str(tmp_path / "nothing.csv")],
        cwd=REPO,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: There is no data set")
    assert "Traceback" not in done.stderr
