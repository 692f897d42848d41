"""A token goes to the Hub and nowhere else; the whole suite runs with one that may not get out (tests/conftest.py)."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from canary import files_with
from huggingface_hub import constants, get_token
from huggingface_hub.errors import HfHubHTTPError

import app
import train
from demo.reader import Shelf
from hub_config import publish
from hub_config.errors import explain
from tests.standins import CORPUS, standin

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def csv(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("data") / "feelings.csv"
    rows = [f"{text.replace(',', '')} {number},{'ab'[number % 2]}" for number in range(8) for text in CORPUS]
    file.write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return file


def test_the_suite_runs_with_a_token(canary):
    assert get_token() == canary == os.environ["HF_TOKEN"]


RECIPE = """
backbones: [{name: tiny, model_id: MODEL, max_length: 32}]
head: {fusion_dim: 8, hidden_sizes: [8]}
training: {num_train_epochs: 1, lexical: true}
"""


def test_training_with_a_token_writes_it_nowhere(csv, tmp_path, capfd, canary):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(RECIPE.replace("MODEL", str(standin("bert", tmp_path / "bert"))), encoding="utf-8")
    flags = ["--dataset", csv, "--recipe", recipe, "--use_cpu", "--hub_token", canary]
    status = train.run(
        [str(flag) for flag in [*flags, "--output_dir", tmp_path / "out", "--cache_dir", tmp_path / "c"]]
    )
    printed = "".join(capfd.readouterr())
    leaked = canary in printed
    assert status == 0, printed.replace(canary, "")
    assert not leaked
    assert (tmp_path / "out" / "model.safetensors").is_file()
    assert files_with(canary, tmp_path) == []


@pytest.mark.parametrize(
    "flags", [["--dataset", "gone.csv"], ["--push_to_hub"], ["--no_such_flag"], ["--recipe", "gone"], ["--seed", "x"]]
)
def test_a_run_that_fails_does_not_show_its_token(flags, capfd, canary, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SystemExit):
        sys.exit(train.run([*flags, "--hub_token", canary]))
    printed = "".join(capfd.readouterr())
    assert "error" in printed
    assert canary not in printed


def test_publishing_that_fails_does_not_show_its_token(tmp_path, capfd, canary):
    assert publish.main([str(tmp_path), "--repo_id", "user/name", "--dry_run"]) == 1
    printed = "".join(capfd.readouterr())
    assert "no complete model folder" in printed
    assert canary not in printed


@pytest.mark.parametrize("status", [401, 403, 404, 409, 500])
def test_an_error_of_the_hub_is_told_without_the_token_that_it_was_asked_with(status, canary):
    request = httpx2.Request("GET", "https://hub.example/api", headers={"Authorization": f"Bearer {canary}"})
    response = httpx2.Response(status, request=request, text="no")
    assert canary not in explain(HfHubHTTPError("refused", response=response), "The upload", "user/name")


def test_a_token_in_a_model_folder_is_named_before_it_goes_out(folder, canary):
    (folder / "metrics.json").write_text("{}", encoding="utf-8")
    (folder / "README.md").write_text(f"my token is {canary}", encoding="utf-8")
    with pytest.raises(publish.PublishError, match=r"'README.md' holds what looks like an access token") as error:
        publish.check_files(folder, publish.files_of(folder))
    assert canary not in str(error.value)
    (folder / "README.md").unlink()


def test_the_demo_sends_no_token_to_its_visitors(original, tmp_path, capfd, canary):
    page = app.build_page(Shelf(str(original)), tmp_path)
    assert canary not in repr(page.get_config_file())
    assert canary not in repr(page.get_api_info())
    assert app.main(["--model", str(tmp_path / "gone")]) == 1
    assert canary not in "".join(capfd.readouterr())


LEAKS = """
import logging, os, sys
def test_print(): print(os.environ["HF_TOKEN"])
def test_log(): logging.getLogger("x").warning(os.environ["HF_TOKEN"])
def test_error(): raise ValueError(os.environ["HF_TOKEN"])
def test_quiet(): pass
"""


def test_the_watch_over_the_suite_notices_what_is_printed_logged_raised_and_written(tmp_path, canary):
    for name in ("conftest.py", "canary.py"):
        shutil.copy(TESTS / name, tmp_path)
    (tmp_path / "test_leaks.py").write_text(LEAKS, encoding="utf-8")
    (tmp_path / "test_file.py").write_text(
        "import os\ndef test_write(tmp_path): (tmp_path / 'x').write_text(os.environ['HF_TOKEN'])\n", encoding="utf-8"
    )

    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--basetemp", str(tmp_path / "temp"), str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert canary not in run.stdout + run.stderr
    assert "3 failed, 2 passed" in run.stdout
    assert "was written to 1 file(s)" in run.stdout
    for file in files_with(canary, tmp_path / "temp"):
        file.unlink()


def test_a_token_in_a_pickle_or_a_binary_file_is_found(tmp_path, canary):
    (tmp_path / "a.bin").write_bytes(b"\x00" * 5000 + pickle.dumps({"token": canary}))
    (tmp_path / "empty").touch()
    assert files_with(canary, tmp_path) == [tmp_path / "a.bin"]
    (tmp_path / "a.bin").unlink()
