"""`python -m benchmarks.behaviour` counts the pairs that a model tells apart, by kind."""

import json
from collections import Counter

import pytest
from standins import NAMES, small_model

from benchmarks.behaviour import main
from training.behaviour import read_pairs


def test_the_command_counts_passed_pairs_by_kind(tmp_path, capsys):
    flags = ["--json", str(tmp_path / "out.json"), "--failures", "--factor", "1.01"]
    main(["--model", str(small_model(tmp_path)), *flags])
    written = json.loads((tmp_path / "out.json").read_text())
    rows = {row["kind"]: row for row in written["rows"]}
    known = Counter(pair.kind for pair in read_pairs() if pair.label in NAMES)
    assert {kind: row["pairs"] for kind, row in rows.items()} == {**known, "all": known.total()}
    assert written["pairs_left_out_as_the_model_lacks_their_label"] == 150 - known.total()
    # Random weights tell some pairs apart and others not; those are printed with their texts.
    failed = known.total() - rows["all"]["passed"]
    assert 0 < failed < known.total()
    assert rows["all"]["passed"] == sum(row["passed"] for kind, row in rows.items() if kind != "all")
    assert sum("up: 0." in line or "down: 0." in line for line in capsys.readouterr().out.splitlines()) == failed


def test_a_model_without_any_of_the_labels_is_refused(tmp_path):
    folder = small_model(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    names = ["sport", "politics", "weather"]
    config |= {"id2label": dict(enumerate(names)), "label2id": {name: number for number, name in enumerate(names)}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(SystemExit, match=r"sport, politics, weather[\s\S]*--dataset sample"):
        main(["--model", str(folder)])


def test_a_factor_that_asks_for_no_move_is_refused():
    with pytest.raises(SystemExit, match="--factor is 1"):
        main(["--model", "none", "--factor", "1"])
