"""The same table comes out of every format, by path, from bytes and in pieces."""

import pandas as pd
import pyarrow as pa
import pytest

from demo.tables import read_table as read_upload
from labelling.corpus import open_corpus, read
from tables import SUFFIXES, Limits, TableError, read_table
from tests.tables.files import COLUMNS, EVERY, FRAME, ROWS, arrow, delimited, parquet, sqlite, xlsx, zipped


def test_every_suffix_is_among_the_files():
    assert {"." + name.rsplit(".", 1)[1] for name in EVERY} == set(SUFFIXES) - {".sqlite3"}


@pytest.mark.parametrize("name", EVERY)
def test_a_table_is_read_from_a_path_and_from_bytes(tmp_path, name):
    (tmp_path / name).write_bytes(EVERY[name])
    assert read_table(tmp_path / name).select(list(COLUMNS)).to_pydict() == COLUMNS
    assert read_table(EVERY[name], name).select(list(COLUMNS)).to_pydict() == COLUMNS


@pytest.mark.parametrize("name", EVERY)
def test_within_limits_the_same_table_is_read(name):
    limits = Limits(rows=3, columns=3, characters=1000, unpacked=2**20, flat=True)
    assert read_table(EVERY[name], name, limits=limits).select(list(COLUMNS)).to_pydict() == COLUMNS
    with pytest.raises(TableError, match="more than 2 rows"):
        read_table(EVERY[name], name, limits=Limits(rows=2))
    with pytest.raises(TableError, match=r"[23] columns; up to 1"):
        read_table(EVERY[name], name, limits=Limits(columns=1))


@pytest.mark.parametrize("part_rows", [1, 2, 3])
@pytest.mark.parametrize("name", EVERY)
def test_every_format_can_be_labelled_in_parts_of_any_size(tmp_path, name, part_rows):
    (tmp_path / name).write_bytes(EVERY[name])
    corpus = open_corpus(str(tmp_path / name), "text", "id", part_rows, tmp_path / "copies")
    parts = [list(read(corpus.task(part), corpus.id_type)) for part in range(len(corpus.parts))]
    assert [row for part in parts for row in part] == ROWS
    assert {len(part) for part in parts[:-1]} <= {part_rows}


def test_what_cannot_be_sought_is_copied_once(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(EVERY["a.csv.gz"])
    copies = tmp_path / "copies"
    first = open_corpus(str(tmp_path / "a.csv.gz"), "text", "id", 2, copies)
    (copy,) = copies.iterdir()
    before = copy.stat().st_mtime_ns
    assert open_corpus(str(tmp_path / "a.csv.gz"), "text", "id", 2, copies).describe() == first.describe()
    assert [file.stat().st_mtime_ns for file in copies.iterdir()] == [before]


def test_a_table_of_a_database_is_named_behind_two_colons(tmp_path):
    content = sqlite(posts=FRAME, others=pd.DataFrame({"text": ["else"], "n": [1]}))
    (tmp_path / "a.db").write_bytes(content)
    assert read_table(f"{tmp_path}/a.db::others").to_pydict() == {"text": ["else"], "n": [1]}
    with pytest.raises(TableError, match=r"2 tables: .*'posts', 'others'.* Name one of them as 'a.db::posts'"):
        read_table(tmp_path / "a.db")
    with pytest.raises(TableError, match="no table 'nothing'"):
        read_table(f"{tmp_path}/a.db::nothing")
    corpus = open_corpus(f"{tmp_path}/a.db::posts", "text", None, 10, tmp_path / "copies")
    assert [text for _, text in read(corpus.task(0), corpus.id_type)] == COLUMNS["text"]


def test_the_first_sheet_with_rows_is_read_unless_one_is_named(tmp_path, caplog):
    content = xlsx(Empty=[], First=[["text", "n"], ["a", 1], [None, 2.5]], Second=[["text"], ["b"]])
    (tmp_path / "a.xlsx").write_bytes(content)
    assert read_table(tmp_path / "a.xlsx").to_pydict() == {"text": ["a", None], "n": ["1", "2.5"]}
    assert "'First'" in caplog.text
    assert "a.xlsx::Second" in caplog.text
    assert read_table(f"{tmp_path}/a.xlsx::Second").to_pydict() == {"text": ["b"]}
    assert read_upload("a.xlsx", content).sheet == "First"
    assert read_upload("a.xlsx", xlsx(Only=[["text"], ["b"]])).sheet is None
    with pytest.raises(TableError, match="no sheet 'Third'"):
        read_table(f"{tmp_path}/a.xlsx::Third")


def test_fasttext_lines_are_texts_and_lists_of_labels(tmp_path):
    content = b"__label__joy __label__pride we made it\n\n__label__fear what was that\n"
    expected = {"text": ["we made it", "what was that"], "labels": [["joy", "pride"], ["fear"]]}
    assert read_table(content, "a.txt").to_pydict() == expected
    (tmp_path / "a.txt").write_bytes(content)
    corpus = open_corpus(str(tmp_path / "a.txt"), "text", None, 10, tmp_path / "copies")
    assert [text for _, text in read(corpus.task(0), corpus.id_type)] == expected["text"]


def test_a_text_file_of_sentences_has_a_text_a_line():
    assert read_table(b"So glad, really.\nNo!\n", "a.txt").to_pydict() == {"text": ["So glad, really.", "No!"]}
    assert read_table(b'text\n"Hm", he said, and left.\n', "a.txt").to_pydict() == {
        "text": ['"Hm", he said, and left.']
    }


def test_strings_in_json_are_texts_and_types_stay():
    assert read_table(b'["a", "b"]', "a.json").to_pydict() == {"text": ["a", "b"]}
    content = b'{"text": "a", "cats": {"joy": 1}, "labels": ["x"], "n": 2, "b": true}\n'
    assert read_table(content, "a.jsonl").to_pylist() == [
        {"text": "a", "cats": {"joy": 1}, "labels": ["x"], "n": 2, "b": True}
    ]


def test_one_object_with_lists_of_objects_in_it_is_a_row():
    content = b'{"text": "a b", "spans": [{"start": 0}, {"start": 2}]}'
    assert read_table(content, "a.jsonl").to_pydict() == {"text": ["a b"], "spans": [[{"start": 0}, {"start": 2}]]}


@pytest.mark.parametrize("kind", [pa.string_view(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
@pytest.mark.parametrize("write", [parquet, arrow])
def test_strings_of_any_arrow_type_are_read(kind, write):
    table = pa.table({"text": pa.array(["a", None, "a"], pa.string()).cast(kind)})
    name = "a.parquet" if write is parquet else "a.arrow"
    for limits in (None, Limits(characters=100, flat=True)):
        assert read_table(write(table), name, limits=limits).to_pydict() == {"text": ["a", None, "a"]}


@pytest.mark.parametrize(
    ("name", "content", "fact"),
    [
        ("a.csv", EVERY["a.xlsx"], "packed file .*Rename it to .zip or .xlsx"),
        ("a.csv", EVERY["a.csv.gz"], "packed file .*Rename it to .gz"),
        ("a.json", EVERY["a.parquet"], "a Parquet file.*Rename it to .parquet"),
        ("a.xlsx", delimited(","), "cannot be read as an Excel workbook"),
        ("a.db", delimited(","), "cannot be read as an SQLite database"),
        ("a.arrow", delimited(","), "cannot be read as Arrow"),
        ("a.gz", EVERY["a.csv.gz"], "expected a name such as posts.csv.gz"),
        ("a.csv.gz", EVERY["a.csv.gz"][:-9], "cannot be unpacked"),
        ("a.zip", zipped(a__csv=b"text\na", b__csv=b"text\na"), "holds 2 tables"),
        ("a.zip", zipped(a__doc=b"text\na"), "holds 0 tables"),
        ("a.csv", "text\nhm\n".encode("utf-16"), "It is UTF-16.*iconv -f UTF-16 "),
    ],
)
def test_a_file_that_is_something_else_is_refused_with_a_cure(name, content, fact):
    with pytest.raises(TableError, match=fact):
        read_table(content, name)
