"""Behavioural tests: pairs are well-formed, one passes if its score moves far enough, the command counts them."""

import json
from collections import Counter

import pytest
from standins import NAMES, small_model

from benchmarks.behaviour import Pair, main, read_pairs
from extraction.sources import load_source
from extraction.splits import label_names


def test_there_are_150_pairs_15_of_each_of_ten_kinds():
    assert sorted(Counter(pair.kind for pair in read_pairs()).values()) == [15] * 10


def test_labels_are_the_samples_and_scores_have_to_rise_in_some_pairs_and_to_fall_in_others():
    pairs = read_pairs()
    assert {pair.label for pair in pairs} <= set(label_names(load_source("sample")))
    directions = Counter(pair.direction for pair in pairs)
    assert set(directions) == {"up", "down"}
    assert min(directions.values()) >= 50


def test_no_text_occurs_twice():
    texts = Counter(text.lower() for pair in read_pairs() for text in (pair.first, pair.second))
    assert [text for text, count in texts.items() if count > 1] == []


def test_pairs_of_one_word_differ_in_one_word():
    pairs = [pair for pair in read_pairs() if pair.kind == "one word"]
    assert pairs
    for pair in pairs:
        first, second = pair.first.split(), pair.second.split()
        assert len(first) == len(second)
        assert sum(a != b for a, b in zip(first, second, strict=True)) == 1


@pytest.mark.parametrize(
    ("direction", "first", "second", "passed"),
    [
        ("up", 0.2, 0.4, True),
        ("up", 0.2, 0.39, False),
        ("up", 0.4, 0.2, False),
        ("down", 0.4, 0.2, True),
        ("down", 0.39, 0.2, False),
        ("down", 0.2, 0.4, False),
    ],
)
def test_a_pair_passes_if_the_score_moves_by_the_factor_in_the_right_direction(direction, first, second, passed):
    assert Pair("negation", "a", "b", "joy", direction).passes(first, second, 2.0) is passed


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
