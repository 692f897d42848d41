"""Files as people have them, whole and broken."""

import gzip
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from common.errors import DataError
from extraction.files import read_file
from extraction.sources import load_source
from tests.tables.files import sqlite, xlsx


def read(file: str) -> dict:
    return read_file(Path(file)).to_dict()


def test_csv_cells_are_what_was_written(write):
    file = write("a.csv", 'text,label\n007,1\nnull,1.0\n"a, ""b""\nc",\n')
    assert read(file) == {"text": ["007", "null", 'a, "b"\nc'], "label": ["1", "1.0", None]}


def test_an_index_column_without_a_name_gets_one(write):
    assert read(write("a.csv", ",text,label\n0,hm,joy\n")) == {"column 1": ["0"], "text": ["hm"], "label": ["joy"]}


@pytest.mark.parametrize(
    "content", ["text;label\na, b;joy\n", "text\tlabel\na, b\tjoy\n", '\ntext,label\n"a, b",joy\n\n']
)
def test_a_csv_may_use_semicolons_or_tabs_and_have_blank_lines(write, content):
    assert read(write("a.csv", content)) == {"text": ["a, b"], "label": ["joy"]}


def test_a_byte_order_mark_is_no_part_of_the_first_column(write):
    assert read(write("a.csv", b"\xef\xbb\xbftext,label\nhm,joy\n")) == {"text": ["hm"], "label": ["joy"]}
    assert read(write("a.jsonl", b'\xef\xbb\xbf{"text": "hm"}\n')) == {"text": ["hm"]}


def test_windows_line_ends_are_read(write):
    for name, sign in (("a.csv", ","), ("a.tsv", "\t")):
        assert read(write(name, f"text{sign}label\r\nhm{sign}joy\r\n")) == {"text": ["hm"], "label": ["joy"]}


def test_a_text_of_100000_words_is_read(write):
    assert read(write("a.csv", "text,label\n" + "word " * 100_000 + ",joy\n"))["text"] == ["word " * 100_000]


def test_quotes_in_a_tsv_belong_to_the_text_unless_a_writer_put_them(write):
    lines = ["text\tlabel", '"quite" the day\tjoy', 'he said "no\tanger', '"a ""b"" c"\tjoy']
    assert read(write("a.tsv", "\n".join(lines)))["text"] == ['"quite" the day', 'he said "no', 'a "b" c']


def test_a_tsv_with_tabs_in_quotes_is_read(write):
    assert read(write("a.tsv", 'text\tlabel\n"a\tb"\tjoy\n')) == {"text": ["a\tb"], "label": ["joy"]}


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.json", "a.jsonl", "a.parquet"])
def test_an_empty_file_is_refused(write, name):
    with pytest.raises(DataError, match=f"{name}' is empty: expected a header line and rows"):
        read(write(name, ""))


def test_a_header_alone_is_refused(write):
    with pytest.raises(DataError, match=r"has the columns \['text', 'label'\], but no rows"):
        read(write("a.csv", "text,label\n"))
    with pytest.raises(DataError, match="only blank lines"):
        read(write("a.csv", "\n \n"))
    with pytest.raises(DataError, match="but no rows"):
        read(write("a.json", "[]"))


@pytest.mark.parametrize("row", ["a,b,joy", "a"])
def test_a_ragged_row_is_refused_with_its_line(write, row):
    cells = row.count(",") + 1
    with pytest.raises(DataError, match=rf"Line 4 of .* has {cells} cell\(s\), but the header has 2: .*double quotes"):
        read(write("a.csv", f'text,label\n"two\nlines",joy\n{row}\n'))


@pytest.mark.parametrize("rows", ['"never closed,joy\nok,joy\n', '"no" she said,joy\n'])
def test_quotes_that_do_not_fit_are_refused_with_the_line_they_begin_in(write, rows):
    with pytest.raises(DataError, match=r"quotes in .* begins in line 3 .*: expected that a quoted text is closed"):
        read(write("a.csv", f"text,label\nok,joy\n{rows}"))


def test_column_names_that_occur_twice_are_refused(write):
    with pytest.raises(DataError, match=r"has the column name\(s\) \['text'\] more than once: .* Rename"):
        read(write("a.csv", "text,label,text\na,b,c\n"))


def test_column_names_that_occur_twice_in_parquet_are_refused(tmp_path):
    table = pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pa.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"\['text'\] more than once"):
        read(str(tmp_path / "a.parquet"))


@pytest.mark.parametrize(
    ("content", "place", "cure"),
    [
        ("text,label\nok,joy\nna\u00efve,joy\n".encode("latin-1"), "byte 0xef in line 3", "iconv -f WINDOWS-1252"),
        ("text,label\nok,joy\n".encode("utf-16"), "byte 0xff in line 1", "iconv -f UTF-16"),
        (b"\xef\xbb\xbftext,label\n\xff,joy\n", "byte 0xff in line 2", "iconv"),
    ],
)
def test_a_file_that_is_not_utf8_is_refused_with_the_place_and_the_cure(write, content, place, cure):
    with pytest.raises(DataError, match=f"is not UTF-8: {place}. .*{cure}"):
        read(write("a.csv", content))


def test_json_may_be_one_list(write):
    assert read(write("a.json", '[{"text": "hm", "label": ["joy"]}]')) == {"text": ["hm"], "label": [["joy"]]}


def test_json_rows_may_lack_keys_and_lines(write):
    assert read(write("a.jsonl", '{"a": 1}\n\n{"b": "x"}\r\n')) == {"a": [1, None], "b": [None, "x"]}


def test_dates_in_json_stay_texts(write):
    assert read(write("a.jsonl", '{"text": "2024-01-01"}')) == {"text": ["2024-01-01"]}


def test_json_columns_of_mixed_types_become_lists_or_strings(write):
    assert read(write("a.jsonl", '{"l": "joy"}\n{"l": ["joy", 3]}\n{"l": null}')) == {
        "l": [["joy"], ["joy", "3"], None]
    }
    assert read(write("a.jsonl", '{"l": "joy"}\n{"l": 3}\n{"l": {"a": 1}}')) == {"l": ["joy", "3", '{"a": 1}']}


def test_halves_of_signs_in_json_are_replaced(write):
    assert read(write("a.jsonl", '{"text": "cut \\ud83d", "l": ["\\ude00"]}')) == {
        "text": ["cut \ufffd"],
        "l": [["\ufffd"]],
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a"}\n{"text": \n', "Line 2 of .* is not JSON .*expected one object a line"),
        ('{"text": "a"}\n["b"]\n', r"""Line 2 of .* is '\["b"\]': expected an object such as"""),
        ('[{"text": "a"}', "is not JSON"),
        ("[1, 2]", "Record 1 of .* is '1': expected an object"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_json_that_is_not_rows_is_refused(write, content, message):
    with pytest.raises(DataError, match=message):
        read(write("a.jsonl", content))


def test_a_file_that_only_calls_itself_parquet_is_refused(write):
    with pytest.raises(DataError, match=r"cannot be read as Parquet .*Write it again"):
        read(write("a.parquet", "text,label\n"))


def test_zero_bytes_as_in_utf16_without_a_mark_are_refused(write):
    with pytest.raises(DataError, match=r"holds a zero byte in line 1: expected text in UTF-8. If it is UTF-16"):
        read(write("a.csv", "text,label\nok,joy\n".encode("utf-16-le")))


def test_odd_signs_in_json_keys_do_no_harm(write):
    file = write("a.jsonl", '{"text": "hm", "\\ud83d": 1, "a\\u0000": 2}')
    assert read(file) == {"text": ["hm"], "\ufffd": [1], "a": [2]}


def test_columns_of_types_that_have_no_place_in_a_data_set_are_refused(write, tmp_path):
    column = pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))
    pa.parquet.write_table(pa.table({"text": ["a"], "map": column}), tmp_path / "a.parquet")
    deep = write("a.jsonl", '{"text": "a", "deep": ' + "[" * 300 + "]" * 300 + "}")
    for file in (str(tmp_path / "a.parquet"), deep):
        with pytest.raises(
            DataError, match=r"cannot be used as they are .*Keep only the columns with texts and labels"
        ):
            read(file)


LABELLED = pd.DataFrame({"text": [f"day {n} was long" for n in range(20)], "label": ["joy", "fear"] * 10})


@pytest.mark.parametrize(
    ("name", "part", "content"),
    [
        ("a.csv.gz", "", gzip.compress(LABELLED.to_csv(index=False).encode(), mtime=0)),
        ("a.json", "", LABELLED.to_json().encode()),
        ("a.xlsx", "::Two", xlsx(One=[["n"], [1]], Two=[["text", "label"], *LABELLED.to_numpy().tolist()])),
        ("a.db", "::posts", sqlite(posts=LABELLED, others=LABELLED.head(1))),
        ("a.txt", "", LABELLED.to_csv(index=False, header=False, sep=";").encode()),
    ],
)
def test_a_data_set_is_loaded_from_packed_files_workbooks_and_databases(write, name, part, content):
    names = ["text", "label"] if name == "a.txt" else None
    data = load_source(write(name, content) + part, column_names=names)
    assert sum(map(len, data.values())) == 20
    assert data["train"].features["labels"].names == ["fear", "joy"]
