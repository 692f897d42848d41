"""A first line that is data is told from a header by what it holds."""

import pytest

from labelling.corpus import open_corpus, read
from tables import TableError, read_table
from tables.dialect import find_delimiter

DATA = [
    b"i did not feel welcome;sadness\ni am so glad you came;joy\nit was a dull day;sadness\n",
    b"so it goes\t17\tee1\nall is well today\t2,27\tee2\n",
    b'"0","1467","Mon","no query","kim","went home"\n"4","1468","Tue","no query","lee","at last"\n',
    b"joy,hm\nfear,ah\njoy,oh\n",
]
HEADERS = [
    b"Timestamp,What happened to you today?\n1,we went to the sea again\n2,it rained all day long\n",
    b"text,joy,anger\nhi,1,0\n",
    b"ID\tTarget\tTweet\tStance\n1\tx\ta b\tFAVOR\n2\tx\tc d\tNONE\n",
    b",comment\n0,hm\n1,ah\n",
    b"note,mood today\nhm,fine\nah,bad\n",
    b"anger\n0\n1\n",
]


@pytest.mark.parametrize("content", DATA)
def test_a_row_of_data_is_kept_and_its_columns_are_numbered(content, caplog):
    table = read_table(content, "a.csv")
    assert table.num_rows == content.count(b"\n")
    assert table.column_names == [f"column {number}" for number in range(1, table.num_columns + 1)]
    assert "--column_names" in caplog.text


@pytest.mark.parametrize("content", HEADERS)
def test_a_header_is_no_row(content, caplog):
    table = read_table(content, "a.tsv" if b"\t" in content else "a.csv")
    assert table.num_rows == content.count(b"\n") - 1
    assert caplog.text == ""


def test_names_that_are_given_name_the_columns(tmp_path):
    names = ["text", "label"]
    assert read_table(DATA[0], "a.txt", column_names=names)["text"][0].as_py() == "i did not feel welcome"
    # One row more would be one that says "text".
    assert read_table(b"text,emotion\nhm,joy\n", "a.csv", column_names=names).to_pylist() == [
        {"text": "hm", "label": "joy"}
    ]
    with pytest.raises(TableError, match=r"2 column\(s\).*3 name\(s\)"):
        read_table(DATA[0], "a.csv", column_names=["a", "b", "c"])
    with pytest.raises(TableError, match=r"names of its own .*leave out --column_names"):
        read_table(b'{"text": "a"}', "a.jsonl", column_names=names)
    (tmp_path / "a.csv").write_bytes(DATA[0])
    corpus = open_corpus(str(tmp_path / "a.csv"), "text", None, 2, tmp_path / "copies", names)
    rows = [text for part in range(2) for _, text in read(corpus.task(part), corpus.id_type)]
    assert rows == ["i did not feel welcome", "i am so glad you came", "it was a dull day"]


@pytest.mark.parametrize(
    ("text", "candidates", "lines", "sign"),
    [
        ("a,b;c\n1,2;3\n", ",;\t|", False, ","),
        ("text;label\na, b;joy\nc;fear\n", ",;\t|", False, ";"),
        ('text|label\n"a|b"|joy\n', ",;\t|", False, "|"),
        ("text,label\na,b,joy\n", ",;\t|", False, ","),
        ("text\na, b\n", ",;\t|", False, ","),
        ("hm, well\nso, yes\n", "\t,;|", True, ""),
        ("hm, well\tjoy\nso\tfear\n", "\t,;|", True, "\t"),
        ("text,label\na,b,joy\n", "\t,;|", True, ","),
    ],
)
def test_the_delimiter_is_the_one_that_the_rows_agree_on(text, candidates, lines, sign):
    assert find_delimiter(text, candidates, lines) == sign
