"""Whatever is sent, the answer is an answer or a sentence."""

import io
import zipfile

import httpx
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from demo.downloads import harmless
from demo.limits import RefusalError
from demo.tables import read_table, texts_of


@pytest.fixture(scope="module")
def client(app):
    return Client(app.url, verbose=False)


STRANGE = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "template": "${alert(1)} {{constructor.constructor('alert(1)')()}} {% raw %}",
    "control characters": "a\x00b\x07c\x1b[31md\x7f\u200b\u2028e",
    "right to left": "أنا سعيد جدا \u202e evil \u202c היום",
    "only emoji": "😂😭👩‍👩‍👧‍👦🏳️‍🌈",
    "one endless word": "a" * 5000,
    "a lone surrogate": "so \ud83d sad",
    "formula": '=cmd|"/C calc"!A0',
    "combining marks": "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
}


@pytest.mark.parametrize("kind", STRANGE)
def test_a_strange_text_is_read_and_explained(client, kind):
    if kind == "a lone surrogate":  # gradio_client cannot send it; the function is what is asked
        from demo.limits import check_text

        assert check_text(STRANGE[kind]) == "so \ufffd sad"
        return
    answer = client.predict(STRANGE[kind], api_name="/classify")
    assert answer["text"] == STRANGE[kind]
    assert all(0 <= emotion["score"] <= 1 for emotion in answer["emotions"])
    words = client.predict(STRANGE[kind], api_name="/explain")["words"]
    assert 1 <= len(words) <= 64


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["", None, None], "There is nothing to read yet"),
        ([" \n\t ", None, None], "There is nothing to read yet"),
        (["x" * 100_000, None, None], "This text has 100,000 characters; up to 5,000"),
        (["x", 1.5, None], "The threshold is 1.5: expected a probability"),
        (["x", "high", None], "The threshold is 'high'"),
        (["x", None, 0], "top_k is 0: expected a number of labels from 1 on"),
        ([["x"], None, None], "Expected a text, got list"),
        ([None, None, None], "Expected a text, got NoneType"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(client, arguments, sentence):
    with pytest.raises(AppError, match=sentence):
        client.predict(*arguments, api_name="/classify")


def test_too_many_texts_and_too_long_ones_are_refused(client):
    with pytest.raises(AppError, match=r"more than 10,000 texts"):
        client.predict(["a"] * 10_001, None, None, api_name="/classify_many")
    with pytest.raises(AppError, match=r"Text 2 has 5,001 characters"):
        client.predict(["a", "b" * 5001], None, None, api_name="/classify_many")
    with pytest.raises(AppError, match="There is no emotion 'rage'"):
        client.predict("a", "rage", api_name="/explain")


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("a.csv", "text\nhello\n")
    return packed.getvalue()


def _parquet(table: pa.Table) -> bytes:
    packed = io.BytesIO()
    pq.write_table(table, packed)
    return packed.getvalue()


BAD_FILES = {
    "a zip renamed to csv": ("a.csv", _zip, "is a packed file"),
    "a million rows": ("a.csv", lambda: b"text\n" + b"a\n" * 1_000_000, "more than 10,000 rows"),
    "a line of 10 MB": ("a.csv", lambda: b"x" * (10 * 2**20 - 1), "but no rows"),
    "JSON in a line of 9 MB": ("a.jsonl", lambda: b'{"text": "' + b"x" * 9_000_000 + b'"}', "9,000,000 characters"),
    "more than 10 MB": ("a.csv", lambda: b"x" * (10 * 2**20 + 1), "up to 10 MB are read"),
    "no kind that is read": ("a.exe", lambda: b"MZ", "ends in '.exe': expected one of"),
    "empty": ("a.csv", lambda: b" \n", "is empty"),
    "a header alone": ("a.csv", lambda: b"text\n", "but no rows"),
    "not UTF-8": ("a.csv", lambda: "text\ncafé\n".encode("latin-1"), "is not UTF-8: byte 0xe9 in line 2"),
    "UTF-16": ("a.csv", lambda: "text\nhello\n".encode("utf-16"), "It is UTF-16"),
    "zero bytes": ("a.csv", lambda: b"text\n\0\0\0\n", "holds a zero byte in line 2"),
    "ragged rows": ("a.csv", lambda: b"id,text\n1,a,b\n", r"Line 2 of 'a.csv' has 3 cell\(s\), but the header has 2"),
    "a column twice": ("a.csv", lambda: b"text,text\na,b\n", r"\['text'\] more than once"),
    "an open quote": ("a.csv", lambda: b'text\n"abc\n', "quotes in .* do not fit in the row that begins in line 2"),
    "broken JSON": ("a.jsonl", lambda: b'{"text": \n', "Line 1 of 'a.jsonl' is not JSON"),
    "deep JSON": ("a.jsonl", lambda: b"[" * 100_000, "nested too deeply"),
    "JSON numbers": ("a.jsonl", lambda: b"1\n2\n", "Line 1 of 'a.jsonl' is '1': expected an object"),
    "no Parquet": ("a.parquet", lambda: b"PAR1 not really PAR1", "cannot be read as Parquet"),
    "Parquet of a million rows": (
        "a.parquet",
        lambda: _parquet(pa.table({"text": ["a"] * 1_000_000})),
        "more than 10,000 rows",
    ),
    "Parquet that unpacks to gigabytes": (
        "a.parquet",
        lambda: _parquet(pa.table({"text": pa.DictionaryArray.from_arrays([0] * 9_000, ["x" * 1_000_000])})),
        "has too long texts|when unpacked",
    ),
    "Parquet without texts": ("a.parquet", lambda: _parquet(pa.table({"n": [1, 2]})), "has no column of texts"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(kind):
    name, data, sentence = BAD_FILES[kind]

    def read() -> list[str]:
        table = read_table(name, data())
        return texts_of(table, table.likely_column())

    with pytest.raises(RefusalError, match=sentence):
        read()


def test_a_refused_file_is_a_sentence_for_a_client_too(client, tmp_path):
    for name, data, sentence in (BAD_FILES["a zip renamed to csv"], BAD_FILES["a million rows"]):
        source = tmp_path / name
        source.write_bytes(data())
        with pytest.raises(AppError, match=sentence):
            client.predict(handle_file(source), "", None, api_name="/classify_file")


def test_an_upload_of_more_than_10_mb_is_stopped_on_its_way(app):
    answer = httpx.post(f"{app.url}/gradio_api/upload", files={"files": ("a.csv", b"x" * (10 * 2**20 + 1))}, timeout=60)
    assert answer.status_code == 413
    assert "File size exceeded maximum allowed size of 10485760 bytes" in answer.text
    assert not [file for file in app.files.rglob("a.csv") if file.is_file()]


def test_a_cell_that_is_a_formula_comes_out_harmless(client, tmp_path):
    cells = ["=cmd|'/C calc'!A0", "+1+1", "-2", "@SUM(A1)", "\t=1", " =1", "＝1", "good = better"]
    source = tmp_path / "a.jsonl"
    pd.DataFrame({"text": cells}).to_json(source, orient="records", lines=True)
    _, table, packed = client.predict(handle_file(source), "text", None, api_name="/classify_file")
    shown = pd.read_csv(table, keep_default_na=False)["text"].tolist()
    assert shown == [f"'{cell}" for cell in cells[:-1]] + cells[-1:]
    assert pd.read_parquet(packed)["text"].tolist() == cells
    assert harmless("plain") == "plain"
