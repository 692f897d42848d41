"""Which corpora label.py works on in its own process, by what they and the machine are."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import label
from labelling import here
from labelling.corpus import Corpus, open_corpus
from labelling.here import SMALL_BYTES, SMALL_ROWS, WITHOUT_BACKBONE, why_here
from labelling.model import ModelFacts

BERT = ModelFacts("m", None, "0", ["joy"], {"bert": 24})
WORDS = ModelFacts("m", None, "0", ["joy"], {})


@pytest.fixture
def corpus(tmp_path):
    def write(rows: int, size: int) -> Corpus:
        """A corpus of so many rows in a file of so many bytes."""
        file = tmp_path / "a.parquet"
        pq.write_table(pa.table({"text": ["a"] * rows}), file)
        opened = open_corpus(str(file), "text", None, 8192, tmp_path)
        with file.open("ab") as stream:
            stream.truncate(size)
        return opened

    return write


@pytest.fixture(autouse=True)
def many_cores(monkeypatch):
    monkeypatch.setattr(here, "usable_cores", lambda: 16)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


@pytest.mark.parametrize(
    ("rows", "size", "left", "model", "is_here"),
    [
        (SMALL_ROWS, SMALL_BYTES, SMALL_ROWS, BERT, True),
        (SMALL_ROWS + 1, SMALL_BYTES // 2, SMALL_ROWS + 1, BERT, False),
        (SMALL_ROWS, SMALL_BYTES + 1, SMALL_ROWS, BERT, False),
        # What is left counts, and its share of the bytes.
        (4 * SMALL_ROWS, 4 * SMALL_BYTES, SMALL_ROWS, BERT, True),
        (SMALL_ROWS + 1, WITHOUT_BACKBONE * SMALL_BYTES, SMALL_ROWS + 1, WORDS, True),
        (SMALL_ROWS, WITHOUT_BACKBONE * SMALL_BYTES + 1, SMALL_ROWS, WORDS, False),
    ],
)
def test_rows_and_bytes_that_are_left_decide(corpus, rows, size, left, model, is_here):
    why = why_here(corpus(rows, size), left, model, None)
    assert (why is not None) == is_here
    assert why is None or f"{SMALL_ROWS * (1 if model is BERT else WITHOUT_BACKBONE):,} rows" in why


@pytest.mark.parametrize(
    ("cores", "gpus", "threads", "is_here"),
    [(2, 0, None, True), (3, 0, None, True), (4, 0, None, False), (4, 0, 4, True), (2, 0, 1, False),
     (16, 1, None, True), (16, 2, None, False)],
)  # fmt: skip
def test_a_machine_with_room_for_one_worker_needs_no_ray(corpus, monkeypatch, cores, gpus, threads, is_here):
    monkeypatch.setattr(here, "usable_cores", lambda: cores)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    why = why_here(corpus(SMALL_ROWS + 1, SMALL_BYTES), SMALL_ROWS + 1, BERT, threads)
    assert why == ("this machine has room for one worker" if is_here else None)


def test_a_small_corpus_is_labelled_without_ray_and_gone_on_with(tmp_path, corpus_folder, model_folder, capsys):
    arguments = ["--model", model_folder, "--input", corpus_folder, "--output", tmp_path / "out", "--part_rows", 15]
    arguments = [str(argument) for argument in (*arguments, "--id_column", "key")]
    label.main(arguments)
    said = capsys.readouterr().out
    assert "in this process, " in said
    assert "(--actors N starts Ray)" in said
    whole = pq.read_table(tmp_path / "out")
    assert whole["id"].to_pylist() == [f"r{number}" for number in range(40)]
    (tmp_path / "out" / "part-000001.parquet").unlink()
    kept = (tmp_path / "out" / "part-000000.parquet").stat()
    label.main(arguments)
    assert "2 part(s) with 25 rows are finished already" in capsys.readouterr().out
    assert os.path.samestat(kept, (tmp_path / "out" / "part-000000.parquet").stat())
    assert pq.read_table(tmp_path / "out").equals(whole)


def test_a_part_that_fails_ends_the_run_and_is_named(tmp_path, corpus_folder, model_folder, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr("labelling.worker.write_part", fail)
    arguments = ["--model", model_folder, "--input", corpus_folder, "--output", tmp_path / "out"]
    with pytest.raises(OSError, match="Part 0: no room"):
        label.main([str(argument) for argument in arguments])
