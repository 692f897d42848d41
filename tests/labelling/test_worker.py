"""A worker labels a part as `predict` does, and gives rows without a text a defined answer."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelling.corpus import open_corpus
from labelling.model import find_model
from labelling.output import Layout, part_file
from labelling.worker import MOST_ATTEMPTS, Job, PartLabeller

HOSTILE = [
    "I hate this.",
    None,
    "",
    5,
    "half a sign \ud83d",
    ["a", "list"],
    " \n\t",
    "x" * 5000,
    "nul \0 and \u202e",
    {"text": "nested"},
    True,
    "\U0001f602" * 50,
]


def work(folder, source, model_folder, **options):
    """One part with everything in `source`; what the worker tells, and the table that it wrote."""
    corpus = open_corpus(str(source), "text", options.pop("id_column", None), 1000, folder)
    facts = find_model(str(model_folder))
    widths = facts.widths if options.pop("features_only", False) else None
    layout = Layout(corpus.id_type, facts.labels, widths, options.pop("keep_text", False), {})
    rule = {"top_k": "predicted", "threshold": None} | options
    job = Job(facts, layout, folder, "text", corpus.id_column, threads=1, device="cpu", **rule)
    told = PartLabeller(job)({"task": np.array([corpus.task(0)])})
    return told, pq.read_table(part_file(folder, 0)).to_pylist() if not told["error"][0] else None


@pytest.fixture
def hostile_file(tmp_path):
    file = tmp_path / "hostile.jsonl"
    file.write_text("\n".join(json.dumps({"text": text, "key": n}) for n, text in enumerate(HOSTILE)))
    return file


def test_labels_and_scores_are_those_of_predict(tmp_path, corpus_folder, model_folder, model):
    told, rows = work(tmp_path, corpus_folder, model_folder, id_column="key", keep_text=True)
    assert (told["rows"], told["without_text"], told["error"]) == ([40], [0], [""])
    predicted = model.predict([row["text"] for row in rows])
    assert [row["labels"] for row in rows] == [[entry["label"] for entry in ranked] for ranked in predicted]
    assert len({len(row["labels"]) for row in rows}) > 1
    everything = model.predict([row["text"] for row in rows], top_k=None)
    for row, ranked in zip(rows, everything, strict=True):
        assert row["scores"] == [{e["label"]: e["score"] for e in ranked}[name] for name in ("joy", "anger", "fear")]


@pytest.mark.parametrize("rule", [{"top_k": 2}, {"top_k": None, "threshold": 0.45}])
def test_the_rule_is_predict_s(tmp_path, corpus_folder, model_folder, model, rule):
    _, rows = work(tmp_path, corpus_folder, model_folder, keep_text=True, **rule)
    predicted = model.predict([row["text"] for row in rows], **rule)
    assert [row["labels"] for row in rows] == [[entry["label"] for entry in ranked] for ranked in predicted]


def test_rows_without_a_string_have_null_labels_and_keep_their_ids(tmp_path, hostile_file, model_folder, model):
    told, rows = work(tmp_path, hostile_file, model_folder, id_column="key", keep_text=True)
    assert [row["id"] for row in rows] == list(range(len(HOSTILE)))
    strings = [isinstance(text, str) for text in HOSTILE]
    assert [row["labels"] is not None for row in rows] == strings
    assert [row["scores"] is not None for row in rows] == strings
    assert told["without_text"] == [strings.count(False)]
    known = [row for row in rows if row["labels"] is not None]
    predicted = model.predict([text for text in HOSTILE if isinstance(text, str)])
    assert [row["labels"] for row in known] == [[entry["label"] for entry in ranked] for ranked in predicted]


def test_features_are_those_of_encode(tmp_path, hostile_file, model_folder, model):
    _, rows = work(tmp_path, hostile_file, model_folder, features_only=True)
    expected = iter(model.encode([text for text in HOSTILE if isinstance(text, str)])["bert"].numpy())
    for row, text in zip(rows, HOSTILE, strict=True):
        assert set(row) == {"id", "features_bert"}
        if isinstance(text, str):
            np.testing.assert_array_equal(np.array(row["features_bert"], np.float16), next(expected))
        else:
            assert row["features_bert"] is None


@pytest.mark.parametrize("features_only", [False, True])
def test_a_part_without_any_text_is_all_null(tmp_path, model_folder, features_only):
    pq.write_table(pa.table({"text": pa.array([None, None], pa.string())}), tmp_path / "a.parquet")
    _, rows = work(tmp_path, tmp_path / "a.parquet", model_folder, features_only=features_only)
    assert [[value for name, value in row.items() if name != "id"] for row in rows] == [
        [None] * (1 if features_only else 2)
    ] * 2


def test_a_part_that_killed_its_worker_again_and_again_is_given_up(tmp_path, corpus_folder, model_folder):
    for number in range(MOST_ATTEMPTS):
        (tmp_path / f"_unfinished-000000-{number}").write_text("")
    told, _ = work(tmp_path, corpus_folder, model_folder)
    assert f"killed {MOST_ATTEMPTS} times while it read part 0" in told["error"][0]


def test_a_model_that_does_not_load_is_told_as_an_error(tmp_path, corpus_folder, model_folder):
    broken = Path(shutil.copytree(model_folder, tmp_path / "broken"))
    (broken / "model.safetensors").write_bytes(b"no weights")
    told, _ = work(tmp_path, corpus_folder, broken)
    assert "model.safetensors" in told["error"][0]
