"""A small file does not fill the memory, whatever it says that it holds."""

import bz2
import gzip
import sqlite3
from contextlib import closing

import pyarrow as pa
import pytest

from tables import Limits, TableError, read_table
from tests.tables.files import arrow, parquet, xlsx, zipped

UPLOAD = Limits(rows=10_000, columns=200, characters=50_000_000, unpacked=200 * 2**20, flat=True)
ZEROS = b"text\n" + b"a" * (300 * 2**20)
PACKED_WORDS = pa.DictionaryArray.from_arrays(pa.array([0] * 9000, pa.int32()), ["x" * 1_000_000])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", lambda: gzip.compress(ZEROS, 1)),
        ("a.csv.bz2", lambda: bz2.compress(ZEROS, 1)),
        ("a.zip", lambda: zipped(a__csv=ZEROS)),
        ("a.arrow", lambda: arrow(pa.table({"n": [0] * 30_000_000}), compression="zstd")),
        ("a.feather", lambda: arrow(pa.table({"n": [0] * 30_000_000}), stream=True, compression="lz4")),
        ("a.xlsx", lambda: xlsx(A=[["text"], *([["x" * 100_000]] * 9000)])),
    ],
)
def test_a_file_that_unpacks_to_too_much_is_refused(name, content):
    with pytest.raises(TableError, match="MB when unpacked"):
        read_table(content(), name, limits=UPLOAD)


def test_without_limits_of_the_caller_a_bomb_is_refused_all_the_same():
    content = gzip.compress(b"\0" * (100 * 2**20))
    with pytest.raises(TableError, match="more than 74 MB when unpacked"):
        read_table(content, "a.csv.gz")


@pytest.mark.parametrize(("name", "write"), [("a.parquet", parquet), ("a.arrow", arrow)])
def test_one_long_text_in_many_rows_is_refused_before_it_is_written_out(name, write):
    with pytest.raises(TableError, match=r"too long texts in 'text'|when unpacked"):
        read_table(write(pa.table({"text": PACKED_WORDS})), name, limits=UPLOAD)


def test_columns_that_no_number_of_rows_bounds_are_left_out_of_uploads():
    table = pa.table({"text": ["a"], "list": [[1, 2]], "n": [1], "s": [{"a": 1}]})
    for name, write in (("a.parquet", parquet), ("a.arrow", arrow)):
        assert read_table(write(table), name, limits=UPLOAD).to_pydict() == {"text": ["a"], "n": [1]}


@pytest.mark.parametrize("content", [b"x" * 5_000_000, b"a" * 500 + b",b" * 100 + b"\n1\n", b"k" * 9000 + b"\n"])
def test_a_sentence_is_short_however_long_the_names_are(content):
    with pytest.raises(TableError) as error:
        read_table(content, "a.csv")
    assert len(str(error.value)) < 2500


def test_a_database_that_computes_its_cells_without_end_is_refused():
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE posts (n, text AS (hex(zeroblob(20000000))))")
        database.executemany("INSERT INTO posts (n) VALUES (?)", [(n,) for n in range(12)])
        database.commit()
        content = database.serialize()
    with pytest.raises(TableError, match="MB when unpacked"):
        read_table(content, "a.db", limits=UPLOAD)


def test_an_arrow_file_that_lies_about_its_texts_is_refused():
    content = arrow(pa.table({"text": ["abc", "def"]}))
    offsets, lies = b"\0\0\0\0\3\0\0\0\6\0\0\0", b"\0\0\0\0\xff\xff\xff\x0f\xff\xff\xff\x0f"
    assert content.count(offsets) == 1
    with pytest.raises(TableError, match="cannot be read as Arrow"):
        read_table(content.replace(offsets, lies), "a.arrow")
