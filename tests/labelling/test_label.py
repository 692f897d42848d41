"""label.py as a command: killed and run again, every row is labelled exactly once."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import label
from common.command import end_with_status
from labelling.environment import prepare

TEXTS = ["I am so happy to see you!", "Why did nobody tell me? I hate this.", "it is cold, isn't it", "ok", "no 😂"]
ROOT = Path(__file__).parents[2]


def command(*arguments) -> list[str]:
    return [sys.executable, str(ROOT / "label.py"), *map(str, arguments)]


def run(*arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300, **options)


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    return {file.name: (file.stat().st_ino, file.stat().st_mtime_ns) for file in sorted(folder.glob("part-*.parquet"))}


@pytest.mark.slow
@pytest.mark.parametrize("with_ray", [True, False])
def test_killed_half_way_and_run_again_labels_every_row_once_as_predict_does(tmp_path, model_folder, model, with_ray):
    if with_ray:
        pytest.importorskip("ray", reason="ray is not installed (requirements-cluster.txt)")
    rows = [{"key": f"r{n}", "text": None if n % 50 == 7 else f"{TEXTS[n % 5]} {n % 9}"} for n in range(600)]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    out = tmp_path / "out"
    arguments = ("--model", model_folder, "--input", tmp_path / "corpus.jsonl", "--output", out, "--id_column", "key",
                 "--part_rows", 10, "--threads", 1, *(("--actors", 1) if with_ray else ()))  # fmt: skip

    with (tmp_path / "log").open("w") as log:
        first = subprocess.Popen(command(*arguments), stdout=log, stderr=log, cwd=tmp_path)
        while first.poll() is None and not (out / "part-000002.parquet").exists():
            time.sleep(0.005)
        assert first.poll() is None, (tmp_path / "log").read_text()
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    # The worker may write the part that it has in hand before it notices.
    time.sleep(3)
    before = stamps(out)
    assert 3 <= len(before) < 60

    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert ("1 actor(s) with 1 thread(s) each" in done.stdout) == with_ray
    assert ("in this process, 1 thread(s)" in done.stdout) != with_ray
    assert f"{len(before)} part(s) with {len(before) * 10} rows are finished already" in done.stdout
    after = stamps(out)
    assert len(after) == 60
    assert before == {name: after[name] for name in before}
    assert [path.name for path in out.glob("_unfinished-*")] == []
    table = pq.read_table(out)
    assert table["id"].to_pylist() == [row["key"] for row in rows]
    known = {row["text"] for row in rows if row["text"] is not None}
    expected = dict(zip(known, model.predict(list(known)), strict=True))
    for row, labels in zip(rows, table["labels"].to_pylist(), strict=True):
        assert labels == (None if row["text"] is None else [entry["label"] for entry in expected[row["text"]]])

    started = time.monotonic()
    again = run(*arguments, cwd=tmp_path)
    assert again.returncode == 0
    assert stamps(out) == after, f"a finished job was worked on again ({time.monotonic() - started:.0f} s)"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--text_column", "comment"], "error: .* has no column 'comment'"),
        (["--model", "no/such/folder"], "error: There is no folder 'no/such/folder', and it is no Hub id"),
        (["--threshold", "2"], "error: threshold is 2.0: expected a probability"),
        (["--features_only", "--top_k", "3"], "error: --features_only writes no labels"),
        (["--part_rows", "0"], "error: --part_rows is 0: expected 1 or more"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path, corpus_folder, model_folder, flags, message, capsys):
    arguments = ["--model", str(model_folder), "--input", str(corpus_folder), "--output", str(tmp_path / "out")]
    assert end_with_status(label.main, [*arguments, *flags], advice="") == 1
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_a_client_address_is_refused_before_anyone_waits():
    pytest.importorskip("ray", reason="ray is not installed (requirements-cluster.txt)")
    from labelling import engine

    with pytest.raises(ValueError, match="does not run through Ray's client"):
        engine.running("ray://somewhere:10001").__enter__()


@pytest.mark.parametrize(
    ("address", "saved", "mode"), [(None, False, "token"), ("auto", False, None), ("auto", True, "token")]
)
def test_a_local_ray_has_a_token_of_its_own_and_a_cluster_s_is_used(monkeypatch, tmp_path, address, saved, mode):
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_BACKEND_LOG_LEVEL"):
        monkeypatch.setenv(name, "")  # so that what is set below is taken back at the end
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    if saved:
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray" / "auth_token").write_text("a token")
    prepare(address)
    assert os.environ.get("RAY_AUTH_MODE") == mode
    assert ("RAY_AUTH_TOKEN" in os.environ) == (address is None)
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
