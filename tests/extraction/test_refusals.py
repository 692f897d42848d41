"""Every refusal of data names a way out, and following it works."""

import ast
import contextlib
import gzip
import re
import sqlite3
import subprocess
from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict

from common.errors import DataError
from extraction.sources import load_source
from labelling.corpus import open_corpus
from tables import Limits, TableError, read_table
from tests.extraction.layout_builders import ONE, TEXTS, parquet, table
from tests.extraction.refusals import GOOD, PLAIN, REFUSALS, Refusal
from tests.tables.files import sqlite

ROOT = Path(__file__).parents[2]
# Refusals without a case in these lists, and the tests that they have.
ELSEWHERE = {
    "Check the id, give --dataset_config": "test_sources.py",
    "cannot be reached. Use `--dataset sample`": "test_sources.py",
    "Rename one, or add it": "test_saved_splits_are_renamed_or_removed",
    "two of them are the": "test_saved_splits_are_renamed_or_removed",
    "has changed while it was read": "labelling/test_corpus.py",
    "has no sheet.": "none: Excel writes no workbook without a sheet",
    "Declare all of them": "test_columns.py",
    "read at a time. Split it": "test_what_is_too_much_for_an_upload_is_read_after_what_the_refusal_advises",
    "If it is UTF-16, convert it first": "test_the_command_that_converts_a_file_is_run_and_works",
    "WINDOWS-1252": "test_the_command_that_converts_a_file_is_run_and_works",
    "UTF-16": "test_the_command_that_converts_a_file_is_run_and_works",
}


def write(files: dict[str, bytes], folder: Path, **options):
    """Write files, and load the one that is named, or the only one, or the folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    dataset = options.pop("dataset", next(iter(files)) if len(files) == 1 else "")
    return load_source(str(folder / dataset), **options)


def refused(case: Refusal, folder: Path) -> str:
    """The message."""
    with pytest.raises(DataError) as caught:
        write(case.files, folder, **case.options)
    return str(caught.value)


@pytest.mark.parametrize("case", REFUSALS, ids=[case.facts for case in REFUSALS])
def test_what_a_refusal_advises_is_done_and_works(case, tmp_path):
    assert re.search(case.facts, refused(case, tmp_path / "before"))
    data = write(case.files if case.cured is None else case.cured, tmp_path / "after", **case.then)
    assert len(data["train"]) >= 10


def test_the_command_that_converts_a_file_is_run_and_works(tmp_path):
    whole = table({**PLAIN, "text": [f"{text} – naïve" for text in TEXTS]}).decode()
    for encoding in ("windows-1252", "utf-16", "utf-16-le"):
        folder = tmp_path / encoding
        with pytest.raises(DataError) as caught:
            write({"a.csv": whole.encode(encoding)}, folder)
        command = re.search("`(iconv .*)`", str(caught.value))
        assert command is not None
        subprocess.run(command[1], shell=True, check=True, cwd=folder)
        assert all(text.endswith("– naïve") for text in load_source(str(folder / "utf8.csv"))["train"]["text"])


def test_saved_splits_are_renamed_or_removed(tmp_path):
    rows = Dataset.from_dict(PLAIN)
    for number, (splits, fact, cured) in enumerate(
        [
            ({"test": rows}, r"\['test'\]: expected at least train. Rename one", {"train": rows}),
            (
                {"train": rows, "dev": rows, "val": rows},
                "two of them are the validation split. Remove one",
                {"train": rows},
            ),
        ]
    ):
        DatasetDict(splits).save_to_disk(tmp_path / f"before{number}")
        with pytest.raises(DataError, match=fact):
            load_source(str(tmp_path / f"before{number}"))
        DatasetDict(cured).save_to_disk(tmp_path / f"after{number}")
        assert len(load_source(str(tmp_path / f"after{number}"))["train"]) >= 10


LIMITS = Limits(rows=16, columns=3, characters=2000, unpacked=2**20, flat=True)
LONG = b"text\n" + b"so be it " * 150_000


def no_table() -> bytes:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE VIEW posts AS SELECT 1 AS n")
        return database.serialize()


UPLOADS = [
    ("more than 16 rows.*Split it", "a.csv", table({"text": TEXTS * 2}), "a.csv", table({"text": TEXTS})),
    ("4 columns; up to 3.*Keep the one with the texts", "a.csv", table({**PLAIN, "a": ONE, "b": ONE}), "a.csv",
     table({"text": TEXTS})),
    ("too long texts in 'text'.*Split or shorten", "a.parquet", parquet({"text": ["hm" * 2000]}), "a.parquet",
     parquet({"text": ["hm" * 500]})),
    ("more than 1 MB when unpacked, .*give the file that was in it", "a.csv.gz", gzip.compress(LONG, mtime=0), "a.csv",
     LONG),
    ("Bytes alone do not say .*file's name", None, GOOD["a.csv"], "a.csv", GOOD["a.csv"]),
    ("There is no file 'a.csv'.*Check the path", "a.csv", Path("a.csv"), "a.csv", GOOD["a.csv"]),
    ("0 tables: .*Make a table of what you want read", "a.db", no_table(), "a.db", sqlite()),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "name", "content", "cured_name", "cured"), UPLOADS)
def test_what_is_too_much_for_an_upload_is_read_after_what_the_refusal_advises(fact, name, content, cured_name, cured):
    with pytest.raises(TableError, match=fact):
        read_table(content, name, limits=LIMITS)
    assert read_table(cured, cured_name, limits=LIMITS).num_rows > 0


CORPORA = [
    ("No text column .*hold sentences alike.*--text_column", {"a.csv": table({"a": TEXTS, "b": TEXTS})}, {},
            {"text_column": "a"}),
    ("No text column .*none of them holds sentences", {"a.csv": table({"a": ONE, "b": ONE})}, {}, {"text_column": "a"}),
    ("holds int64: expected strings.*--text_column", {"a.parquet": parquet({"n": [1], "said": ["so be it then"]})},
     {"text_column": "n"}, {"text_column": "said"}),
    ("id column 'ids' .* single values.*another with --id_column", {"a.parquet": parquet({"text": ["a"],
            "ids": [[1]]})},
     {"id_column": "ids"}, {"id_column": None}),
    ("names of its own .*leave out --column_names", {"a.parquet": parquet({"text": ["a"]})}, {"column_names": ["x"]},
            {}),
    ("no column 'txt': .*Did you mean 'text'", {"a.csv": table({"text": TEXTS})}, {"text_column": "txt"}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "files", "options", "then"), CORPORA)
def test_a_corpus_is_labelled_after_what_the_refusal_advises(fact, files, options, then, tmp_path):
    ((name, content),) = files.items()
    (tmp_path / name).write_bytes(content)

    def corpus(text_column=None, id_column=None, **names):
        return open_corpus(str(tmp_path / name), text_column, id_column, 8, tmp_path / "copies", **names)

    with pytest.raises(DataError, match=fact):
        corpus(**options)
    assert corpus(**then).rows > 0


def advised(file: Path) -> list[str]:
    """What each refusal in a file says, without the parts that differ: its longest fixed words."""
    calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    messages = [
        call.args[0] for call in calls if getattr(call.func, "id", "") in ("DataError", "TableError", "refusing")
    ]
    fixed = [
        [part.value for part in ast.walk(message) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        for message in messages
    ]
    return [max(words, key=len) for words in fixed if words]


def test_every_refusal_in_the_readers_is_among_these(tmp_path):
    said = [refused(case, tmp_path / str(number)) for number, case in enumerate(REFUSALS)]
    facts = [part for fact, *_ in (*UPLOADS, *CORPORA) for part in re.split(r"\.\*|'.*?'", fact)]
    known = [*said, *(fact.strip() for fact in facts if len(fact.strip()) > 8)]
    missing = [
        f"{file.name}: {words}"
        for package in ("extraction", "tables")
        for file in sorted((ROOT / package).rglob("*.py"))
        for words in advised(file)
        if not any(words in one or one in words for one in (*known, *ELSEWHERE))
    ]
    assert not missing, "\n".join(missing)
