"""`python -m labels.suggest`: what it picks, the files it writes, and that they come back as labelled data."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from extraction.sources import load_source
from labels.annotation_tools import Suggestion, write_all
from labels.suggest import Pool, doubt, run
from tests.standins import NAMES, small_model

BEGINNINGS = ["I am so happy that", "I hate this, why did", "it is cold, and", "nobody told me that"]
ENDS = ["you came today", "you see me", "they tell nobody", "it is so", "the bus left", "we wait"]
UNLABELLED = [f"{one} {other} {n}" for n in range(3) for one in BEGINNINGS for other in ENDS]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def corpus(tmp_path) -> str:
    """72 texts, a blank one and two that come again, in two files."""
    (tmp_path / "corpus").mkdir()
    pd.DataFrame({"key": range(40), "text": UNLABELLED[:40]}).to_csv(tmp_path / "corpus" / "a.csv", index=False)
    rest = [*UNLABELLED[40:], " ", UNLABELLED[0], UNLABELLED[1].upper()]
    lines = "".join(json.dumps({"key": 40 + n, "text": text}) + "\n" for n, text in enumerate(rest))
    (tmp_path / "corpus" / "b.jsonl").write_text(lines, encoding="utf-8")
    return str(tmp_path / "corpus")


def suggest(model: Path, corpus: str, output: Path, *flags: str) -> pd.DataFrame:
    arguments = ["--model", str(model), "--input", corpus, "--output", str(output), "--id_column", "key", *flags]
    assert run(arguments) == 0
    return pd.read_parquet(output / "suggestions.parquet")


def test_it_picks_as_many_different_texts_as_asked_and_says_how_many_there_were(model, corpus, tmp_path, capsys):
    picked = suggest(model, corpus, tmp_path / "next", "--rows", "12")
    assert len(set(picked.text)) == 12
    assert set(picked.text) <= set(UNLABELLED)
    assert "12 of 72 different texts" in capsys.readouterr().out
    assert [UNLABELLED[int(key)] for key in picked.id] == picked.text.tolist()
    assert all(set(names) <= set(NAMES) and len(names) for names in picked.label)


def test_all_texts_are_picked_where_there_are_no_more(model, corpus, tmp_path):
    assert len(suggest(model, corpus, tmp_path / "next", "--rows", "500")) == 72


def as_label_studio_exports(file: Path) -> list[dict]:
    """Each task's pre-annotation taken over as its annotation, as an export in JSON has it."""
    tasks = json.loads(file.read_text(encoding="utf-8"))
    return [
        task | {"id": n, "annotations": [{"id": n, "was_cancelled": False, "result": task["predictions"][0]["result"]}]}
        for n, task in enumerate(tasks)
    ]


@pytest.mark.parametrize("layout", ["label_studio", "doccano", "csv"])
def test_what_comes_back_from_a_tool_is_read_as_labelled_data(model, corpus, tmp_path, layout):
    picked = suggest(model, corpus, tmp_path / "next", "--rows", "60")
    back = tmp_path / "back"
    back.mkdir()
    if layout == "label_studio":
        exported = as_label_studio_exports(tmp_path / "next" / "label_studio.json")
        (back / "project-1.json").write_text(json.dumps(exported), encoding="utf-8")
        source = back / "project-1.json"
    else:
        source = tmp_path / "next" / {"doccano": "doccano.jsonl", "csv": "suggestions.csv"}[layout]
    data = load_source(str(source), label_mode="multi")
    names = data["train"].features["labels"].feature.names
    found = {row["text"]: {names[label] for label in row["labels"]} for split in data.values() for row in split}
    assert found == {text: set(labels) for text, labels in zip(picked.text, picked.label, strict=True)}


def test_label_studio_is_told_the_labels_and_whether_a_text_can_have_several(tmp_path):
    given = [Suggestion(0, ("a premise", 'its "end" & more'), ["a<b"], 0.6)]
    write_all(given, ["a<b", 'say "x"'], False, "m", tmp_path)
    view = ElementTree.parse(tmp_path / "label_studio.xml").getroot()
    (choices,) = view.iter("Choices")
    assert choices.attrib == {"name": "label", "toName": "text", "choice": "single"}
    assert [choice.get("value") for choice in choices] == ["a<b", 'say "x"']
    assert [text.get("value") for text in view.iter("Text")] == ["$text", "$text_pair"]
    (task,) = json.loads((tmp_path / "label_studio.json").read_text(encoding="utf-8"))
    assert task["data"] == {"id": 0, "text": "a premise", "text_pair": 'its "end" & more'}
    (result,) = task["predictions"][0]["result"]
    assert (result["from_name"], result["to_name"], result["type"]) == ("label", "text", "choices")


def test_doubt_is_the_lead_of_the_best_label_or_the_distance_to_a_threshold():
    unsure, label = doubt(np.array([[0.5, 0.45, 0.05], [0.9, 0.06, 0.04]]), None)
    assert unsure.tolist() == pytest.approx([0.95, 0.16])
    assert label.tolist() == [1, 1]
    unsure, label = doubt(np.array([[0.2, 0.9], [0.01, 0.52]]), [0.2, 0.5])
    assert unsure[0] == pytest.approx(1)
    assert label.tolist() == [0, 1]
    assert unsure[1] == pytest.approx(0.48 / 0.52)


def test_a_pool_keeps_what_is_worth_most_and_picks_one_of_each_kind():
    pool = Pool(6)
    kinds = np.eye(3, dtype=np.float32)
    for start in (0, 6):
        worth = np.array([0.9, 0.8, 0.7, 0.1, 0.2, 0.3]) + start / 100
        meaning = np.concatenate([kinds + 0.01, kinds])
        pool.add([(start + n, f"t{start + n}") for n in range(6)], worth, meaning, meaning)
    assert [identity for identity, _ in pool.rows] == [0, 1, 2, 6, 7, 8]
    assert {pool.rows[place][0] for place in pool.pick(3, seed=0)} == {6, 7, 8}


def test_rare_labels_come_first_if_asked_and_the_flag_needs_their_numbers(model, corpus, tmp_path, capsys):
    flags = ["--model", str(model), "--input", corpus, "--rows", "5", "--rare_first"]
    assert run([*flags, "--output", str(tmp_path / "none")]) == 1
    assert re.search(r"--rare_first.*metrics\.json.*Leave the flag out", capsys.readouterr().err)
    picked = {}
    for rare in NAMES:
        support = {name: {"support": 1 if name == rare else 4000} for name in NAMES}
        report = {"runs": [{"validation": {"per_label": support}}]}
        (model / "metrics.json").write_text(json.dumps(report), encoding="utf-8")
        suggest(model, corpus, tmp_path / rare, "--rows", "5", "--rare_first")
        picked[rare] = set(pd.read_parquet(tmp_path / rare / "suggestions.parquet").text)
    (model / "metrics.json").unlink()
    assert len({frozenset(texts) for texts in picked.values()}) > 1


def test_suggestions_that_may_be_labelled_by_now_are_not_overwritten(model, corpus, tmp_path, capsys):
    suggest(model, corpus, tmp_path / "next", "--rows", "3")
    flags = ["--model", str(model), "--input", corpus, "--rows", "3"]
    assert run([*flags, "--output", str(tmp_path / "next")]) == 1
    assert "another --output" in capsys.readouterr().err
    assert run([*flags, "--output", str(tmp_path / "another")]) == 0
    assert run([*flags[:-1], "0", "--output", str(tmp_path / "third")]) == 1
    assert "--rows is 0" in capsys.readouterr().err
