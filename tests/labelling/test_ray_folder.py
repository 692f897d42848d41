"""Ray starts whatever RAY_TMPDIR and TMPDIR say, or the variable that keeps it from starting is named."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from labelling import environment
from labelling.environment import ray_folder

ROOT = Path(__file__).parents[2]
UNUSABLE = {"empty": "", "long": "/tmp/" + "long" * 30, "no ASCII": "/tmp/Zwischenablage-ü", "relative": "here"}


@pytest.mark.parametrize("variable", ["RAY_TMPDIR", "TMPDIR"])
@pytest.mark.parametrize("value", [*UNUSABLE.values(), "/nowhere"], ids=[*UNUSABLE, "missing"])
def test_a_folder_that_ray_cannot_use_is_named_and_another_taken(monkeypatch, caplog, variable, value):
    for name in ("RAY_TMPDIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    with ray_folder() as folder:
        assert Path(folder).is_dir()
        assert Path(folder).parent == Path("/tmp")
        assert Path(folder).stat().st_mode & 0o777 == 0o700
    assert not Path(folder).exists()
    assert f"{variable} is '{value}'" in caplog.text


def test_a_folder_that_ray_can_use_is_used_without_a_word(monkeypatch, caplog):
    monkeypatch.setenv("RAY_TMPDIR", "/var/tmp")
    monkeypatch.setenv("TMPDIR", "")
    with ray_folder() as folder:
        assert Path(folder).parent == Path("/var/tmp")
    assert caplog.text == ""


def test_without_any_usable_folder_every_variable_is_named(monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", "")
    monkeypatch.setenv("TMPDIR", "ü")
    monkeypatch.setattr(environment.os, "access", lambda *_: False)
    with pytest.raises(OSError, match=r"RAY_TMPDIR is ''.*TMPDIR is 'ü'.*Set RAY_TMPDIR"), ray_folder():
        pass


@pytest.mark.slow
def test_a_corpus_is_labelled_where_both_variables_are_unusable(tmp_path, model_folder):
    pytest.importorskip("ray", reason="ray is not installed (requirements-cluster.txt)")
    (tmp_path / "corpus.jsonl").write_text(json.dumps({"text": "I am so happy"}), encoding="utf-8")
    temporary = tmp_path / ("ü" * 40)
    temporary.mkdir()
    command = [sys.executable, ROOT / "label.py", "--model", model_folder, "--input", tmp_path / "corpus.jsonl"]
    done = subprocess.run(
        [*command, "--output", tmp_path / "out", "--actors", "1", "--threads", "1"],
        env={**os.environ, "RAY_TMPDIR": "", "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "RAY_TMPDIR is ''" in done.stderr
    assert pq.read_table(tmp_path / "out" / "part-000000.parquet").num_rows == 1
