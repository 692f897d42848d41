"""A file that trains a model is labelled by it and uploaded in its demo, with one set of column flags."""

import contextlib
import gzip
import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

import label
import train
from demo.many_texts import ManyTexts
from demo.reader import Reader
from tests.extraction.layout_builders import NUMBERS, ONE, SOME, TEXTS, bits, joined, table
from tests.extraction.layout_examples import EXAMPLES
from tests.standins import standin
from tests.tables.files import sqlite, xlsx

# Small files of these layouts of docs/data.md; what is not a column flag is train.py's alone.
PUBLISHED = ["EmotionLines", "Emotions dataset for NLP (Kaggle)", "ISEAR, emotion and text",
             "Stance (SemEval-2016 Task 6)", "fastText", "Label Studio, JSON", "doccano, JSONL", "Prodigy, choice",
             "Argilla 2, nested", "datasets, lists to CSV"]  # fmt: skip
OWN = {
    "0/1 columns in a .txt file of tabs": (
        "2018-E-c-En-train.txt",
        table({"ID": NUMBERS, "Tweet": TEXTS, **bits(SOME)}, "\t", "\r\n"),
        {},
    ),
    "chosen columns": (
        "a.csv",
        table({"id": NUMBERS, "note": TEXTS, **bits(SOME), "said": [t.upper() for t in TEXTS]}),
        {"text_column": "note", "label_column": "joy,anger"},
    ),
    "names in a cell, packed": ("a.csv.gz", gzip.compress(table(joined(";"))), {}),
    "a first line that names Excel's separator": ("a.csv", b"sep=;\r\n" + table(joined(","), ";", "\r\n"), {}),
    "a workbook of two sheets": (
        "b.xlsx",
        xlsx(Posts=[["comment", "emotion"], *zip(TEXTS, ONE, strict=True)], About=[["b"], ["c"]]),
        {},
    ),
    "a workbook": ("a.xlsx", xlsx(Posts=[["comment", "emotion"], *zip(TEXTS, ONE, strict=True)]), {}),
    "a database": ("a.db", sqlite(posts=pd.DataFrame({"utterance": TEXTS, "emotion": ONE})), {}),
    "EmpatheticDialogues": (
        "train.csv",
        next(e.files["train.csv"] for e in EXAMPLES if e.name == "EmpatheticDialogues"),
        {"text_column": "prompt", "label_column": "context"},
    ),
}
COLUMN_FLAGS = ("text_column", "label_column", "column_names")


def material(name: str) -> tuple[str, bytes, dict, dict]:
    """A file's name and content, the column flags, and what else train.py is told."""
    if name in OWN:
        return *OWN[name], {}
    example = next(example for example in EXAMPLES if example.name == name)
    file = next(iter(example.files))
    columns = {flag: value for flag, value in example.options.items() if flag in COLUMN_FLAGS}
    return file, example.files[file], columns, {k: v for k, v in example.options.items() if k not in columns}


def as_flags(options: dict) -> list[str]:
    listed = {name: [value] if isinstance(value, str) else value for name, value in options.items()}
    return [part for name, values in listed.items() for part in (f"--{name}", *values)]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    """A linear layer on a tiny random BERT."""
    folder = tmp_path_factory.mktemp("recipe")
    backbone = {"name": "tiny", "model_id": str(standin("bert", folder / "bert")), "layers": [-1], "max_length": 32}
    head = {"cooccurrence": False, "linear_skip": True}
    training = {"num_train_epochs": 1, "min_steps": 0, "num_members": 1, "learning_rate": 0.001}
    content = {"description": "For a test.", "backbones": [backbone], "head": head, "training": training}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder / "tiny.yaml"


@pytest.fixture
def without_ray(monkeypatch):
    """label.py's worker in this process, as starting a cluster takes longer than all else."""
    engine = pytest.importorskip("labelling.engine", reason="ray is not installed (requirements-cluster.txt)")

    def run_parts(tasks, worker, job, crew):
        labeller = worker(job)
        for task in tasks:
            yield {name: values[0] for name, values in labeller({"task": [task]}).items()}

    monkeypatch.setattr(engine, "running", lambda address: contextlib.nullcontext())
    monkeypatch.setattr(engine, "choose_crew", lambda *_, **__: engine.Crew(1, 1, False))
    monkeypatch.setattr(engine, "run_parts", run_parts)
    monkeypatch.setattr("labelling.environment.prepare", lambda address: None)


@pytest.mark.parametrize("name", [*PUBLISHED, *OWN])
def test_a_file_is_trained_on_labelled_and_uploaded_with_one_set_of_column_flags(name, recipe, without_ray, tmp_path):
    file_name, content, columns, others = material(name)
    file = tmp_path / "data" / file_name
    file.parent.mkdir()
    file.write_bytes(content)
    out = ["--output_dir", str(tmp_path / "model"), "--cache_dir", str(tmp_path / "cache"), "--use_cpu"]
    flags = as_flags(columns)
    model = train.main(["--dataset", str(file), "--recipe", str(recipe), *out, *flags, *as_flags(others)])

    label.main(["--model", str(model), "--input", str(file), "--output", str(tmp_path / "out"), "--keep_text", *flags])
    labelled = pq.read_table(tmp_path / "out", columns=["text", "labels"]).to_pylist()

    upload = shutil.copy(file, tmp_path / file_name)
    page = ManyTexts(Reader(str(model)), tmp_path)
    names = ",".join(columns.get("column_names", ()))
    summary, _, packed = page.classify_file(
        {"path": str(upload), "orig_name": file_name}, columns.get("text_column"), None, names
    )
    uploaded = pd.read_parquet(packed)["text"].tolist()

    assert [row["text"] for row in labelled] == uploaded
    # A third of some data sets lies in another file.
    assert len({text.replace(",   \n", ", ").strip() for text in uploaded} & set(TEXTS)) >= 12
    counts = pd.Series([one for row in labelled for one in row["labels"] or ()]).value_counts().to_dict()
    assert counts == {one: count for one, count in summary["predicted"].items() if count}
