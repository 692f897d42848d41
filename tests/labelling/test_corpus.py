"""A corpus is read row by row, in order, whatever its formats and however it is divided."""

import csv
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import DataError
from labelling.corpus import open_corpus, read
from tests.tables.files import EVERY, ROWS


def rows_of(source, id_column=None, part_rows=7, text_column="text"):
    corpus = open_corpus(str(source), text_column, id_column, part_rows, Path(source).parent / "copies")
    parts = [list(read(corpus.task(n), corpus.id_type)) for n in range(len(corpus.parts))]
    assert [len(part) for part in parts[:-1]] == [part_rows] * (len(parts) - 1)
    return [row for part in parts for row in part]


@pytest.mark.parametrize("part_rows", [1, 7, 16, 40, 1000])
def test_mixed_formats_give_every_row_once_and_in_order(corpus_folder, part_rows):
    rows = rows_of(corpus_folder, "key", part_rows)
    assert [key for key, _ in rows] == [f"r{number}" for number in range(40)]
    assert [text.split()[-1] for _, text in rows] == [str(number) for number in range(40)]


def test_rows_without_an_id_column_are_numbered(corpus_folder):
    assert [number for number, _ in rows_of(corpus_folder)] == list(range(40))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0")), min_size=1),
    part_rows=st.integers(1, 9),
)
def test_any_text_survives_in_any_part(tmp_path, texts, part_rows):
    expected = [(str(number), text or None) for number, text in enumerate(texts)]
    with (tmp_path / "x.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["key", "text"], *([key, text or ""] for key, text in expected)])
    (tmp_path / "x.jsonl").write_text(
        "\n".join(json.dumps({"key": key, "text": text}) for key, text in expected), encoding="utf-8"
    )
    pq.write_table(pa.Table.from_pylist([{"key": k, "text": t} for k, t in expected]), tmp_path / "x.parquet")
    for suffix in ("csv", "jsonl", "parquet"):
        assert rows_of(tmp_path / f"x.{suffix}", "key", part_rows) == expected


def test_ids_keep_their_type_and_become_strings_where_files_differ(tmp_path):
    pq.write_table(pa.table({"text": ["a"], "key": pa.array([5], pa.int32())}), tmp_path / "a.parquet")
    assert open_corpus(str(tmp_path), "text", "key", 10, tmp_path / "copies").id_type == pa.int32()
    (tmp_path / "b.jsonl").write_text('{"text": "b", "key": "six"}\n{"text": "c", "key": 7}\n{"text": "d"}')
    assert [key for key, _ in rows_of(tmp_path, "key")] == ["5", "six", "7", None]


def test_an_empty_text_of_a_file_with_one_column_keeps_its_place(tmp_path):
    (tmp_path / "a.csv").write_text('text\nfirst\n""\n\nthird\n" "\n  \nsixth\n')
    assert rows_of(tmp_path, part_rows=2) == [
        (0, "first"), (1, None), (2, "third"), (3, " "), (4, "  "), (5, "sixth"),
    ]  # fmt: skip


def test_hidden_folders_and_an_engines_own_are_left_out(tmp_path):
    for name in ("a.csv", ".ipynb_checkpoints/a-checkpoint.csv", "_temporary/0/a.csv", "year=2020/a.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"text\n{name}\n")
    assert [text for _, text in rows_of(tmp_path)] == ["a.csv", "year=2020/a.csv"]
    assert [text for _, text in rows_of(tmp_path / "**" / "*.csv")] == ["a.csv", "year=2020/a.csv"]


def test_a_column_that_is_there_twice_and_a_pipe_are_refused_in_a_sentence(tmp_path):
    twice = pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(twice, tmp_path / "a.parquet")
    with pytest.raises(DataError, match="has the column 'text' 2 times"):
        rows_of(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="is no ordinary file"):
        rows_of(tmp_path / "pipe")


def test_categories_of_pandas_are_texts(tmp_path):
    pq.write_table(pa.table({"text": pa.array(["a", "b", "a"]).dictionary_encode()}), tmp_path / "a.parquet")
    assert rows_of(tmp_path) == [(0, "a"), (1, "b"), (2, "a")]


def test_a_pattern_takes_the_files_that_fit_in_the_order_of_their_names(tmp_path):
    for name in ("2024-b", "2024-a", "2023-a"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"text": name}))
    assert [text for _, text in rows_of(tmp_path / "2024-*.jsonl")] == ["2024-a", "2024-b"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "id,comment\n1,hi\n", r"has no column 'text': its columns are \['id', 'comment'\].*--text_column"),
        ("a.csv", "texts\nhi\n", "Did you mean 'texts'"),
        ("a.csv", 'text\n"never closed\n', "quotes .* do not fit in the row that begins in line 2"),
        ("a.csv", "id,text\n1,hi\n2,hi, there\n", r"Line 3 .* has 3 cell\(s\), but the header has 2"),
        ("a.csv", "text,text\na,b\n", "the column 'text' 2 times"),
        ("a.csv", b"text\nhi\ncaf\xe9\n", "not UTF-8: byte 0xe9 in line 3"),
        ("a.jsonl", '{"text": "hi"}\n{"text": \n', "Line 2 of .* is not JSON"),
        ("a.jsonl", '[["hi"]]\n', "expected an object"),
        ("a.jsonl", '{"message": "hi"}\n', r"no column 'text': its columns are \['message'\]"),
        ("a.jsonl", "\n\n", "has no rows"),
        ("a.parquet", "PAR1 and nothing else", "cannot be read as Parquet"),
        ("a.csv.gz", "text\nhi\n", "cannot be unpacked"),
        ("a.doc", "text\nhi\n", "ends in '.doc': expected one of"),
    ],
)
def test_what_cannot_be_read_is_named_before_anything_is_labelled(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message):
        open_corpus(str(tmp_path / name), "text", None, 10, tmp_path / "copies")


def test_a_column_of_numbers_is_no_text_column(tmp_path):
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="holds int64: expected strings"):
        open_corpus(str(tmp_path), "text", None, 10, tmp_path / "copies")


def test_nothing_there_is_said(tmp_path):
    for source in (tmp_path, tmp_path / "x.csv", tmp_path / "*.csv"):
        with pytest.raises(DataError, match=r"holds no file|There is no file"):
            open_corpus(str(source), "text", None, 10, tmp_path / "copies")


def test_a_file_that_shrank_since_is_noticed(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "a"}\n{"text": "b"}\n')
    corpus = open_corpus(str(file), "text", None, 10, tmp_path / "copies")
    file.write_text('{"text": "a"}\n')
    with pytest.raises(DataError, match="has changed"):
        list(read(corpus.task(0), corpus.id_type))


def test_a_file_that_cannot_be_sought_and_one_that_can_are_one_corpus(tmp_path):
    for name in ("a.csv.gz", "b.jsonl", "c.xlsx"):
        content = {"a.csv.gz": EVERY["a.csv.gz"], "b.jsonl": EVERY["lines.jsonl"], "c.xlsx": EVERY["a.xlsx"]}[name]
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    (tmp_path / "in" / "readme.txt").write_text("these are ours")
    assert rows_of(tmp_path / "in", "id", 2) == ROWS * 3
