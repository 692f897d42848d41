"""Texts longer than a backbone reads: cut and counted, or read in windows, from extraction to labelling."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import extraction.__main__
import label
import train
from fusion_model import FusionForSequenceClassification
from hub_config.export import export
from tests.standins import standin

LONG = "it is cold and nobody told me why it is so cold and I hate this "
LENGTH = 16
RECIPE = """
backbones:
  - {name: bert, model_id: BERT, layers: [-1], pooling: [mean, max, cls], max_length: 16, dtype: float32}
head: {fusion_dim: 8, hidden_sizes: [8], standardise: true}
training: {num_train_epochs: 1, min_steps: 0}
"""
# One of so many texts is long.
EVERY = 5


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> Path:
    return standin("bert", tmp_path_factory.mktemp("bert"))


@pytest.fixture
def split_files(tmp_path) -> Path:
    """A folder with 40 training and 20 validation texts, of which 8 and 4 are long."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, rows in (("train", 40), ("validation", 20)):
        ends = [f"{n % 7} {'happy' if n % 2 else 'I hate'}" for n in range(rows)]
        texts = [f"{LONG * 3 if n % EVERY == 0 else 'so'} {end}" for n, end in enumerate(ends)]
        lines = [json.dumps({"text": text, "label": "joy" if n % 2 else "anger"}) for n, text in enumerate(texts)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture
def command(tmp_path, bert, split_files):
    """A function that gives train.py's arguments for the recipe, with some of its words replaced."""

    def arguments(name: str, *replaced: str) -> list[str]:
        content = RECIPE.replace("BERT", str(bert))
        for old, new in zip(replaced[::2], replaced[1::2], strict=True):
            content = content.replace(old, new)
        (tmp_path / f"{name}.yaml").write_text(content, encoding="utf-8")
        places = {"recipe": f"{name}.yaml", "cache_dir": "cache", "output_dir": name}
        return ["--dataset", str(split_files), *(w for k, v in places.items() for w in (f"--{k}", str(tmp_path / v)))]

    return arguments


def train_with(arguments: list[str], caplog) -> tuple[Path, dict, str]:
    """The model's folder, metrics.json, and what was warned of."""
    caplog.clear()
    folder = train.main(arguments)
    report = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return folder, report, "\n".join(record.getMessage() for record in caplog.records)


def test_cut_texts_are_counted_and_said_once_a_split_from_the_cache_too_and_windows_are_the_cure(command, caplog):
    for _ in ("computed", "from the cache"):
        folder, report, said = train_with(command("cut"), caplog)
        assert report["cut_texts"] == {"train": {"bert": 8}, "validation": {"bert": 4}}
        assert said.count("were cut") == 2
        assert f"train: 8 of 40 texts are longer than {LENGTH} tokens and were cut for 'bert'" in said
        assert "validation: 4 of 20 texts" in said
        assert "long_texts: windows" in said
    for name, cure in (("windows", "16, long_texts: windows"), ("longer", "200")):
        folder, report, said = train_with(command(name, "max_length: 16", f"max_length: {cure}"), caplog)
        assert report["cut_texts"] == {"train": {"bert": 0}, "validation": {"bert": 0}}
        assert "were cut" not in said
        assert ("longer texts in windows" in (folder / "README.md").read_text(encoding="utf-8")) == (name == "windows")


def test_cut_texts_of_a_fine_tuned_backbone_are_counted_and_it_has_no_windows(command, caplog):
    finetune = "dtype: float32, finetune: {epochs: 1}"
    no_head = ("training: {num_train_epochs: 1, min_steps: 0}", "")
    _, report, said = train_with(command("tuned", "dtype: float32", finetune, *no_head), caplog)
    assert report["cut_texts"] == {"train": {"bert": 8}, "validation": {"bert": 4}}
    assert "train: 8 of 40 texts" in said
    assert said.count("were cut") == 2
    assert "Raise its max_length" in said
    assert "windows" not in said
    with pytest.raises(ValueError, match=r"bert.*long_texts.*expected cut for a backbone that is fine-tuned"):
        train.main(command("both", "dtype: float32", f"{finetune}, long_texts: windows", *no_head))


def test_extraction_says_what_it_cut(command, caplog):
    arguments = command("cut")
    extraction.__main__.main([*arguments[: arguments.index("--output_dir")], "--use_cpu"])
    assert "train: 8 of 40 texts are longer" in caplog.text


def test_pairs_are_not_read_in_windows_and_the_cure_reads_them(command, tmp_path):
    rows = [f"{LONG},and then {n},{'joy' if n % 2 else 'anger'}" for n in range(40)]
    (tmp_path / "pairs.csv").write_text("\n".join(["premise,hypothesis,label", *rows]), encoding="utf-8")
    pairs = ["--dataset", str(tmp_path / "pairs.csv"), "--text_column", "premise,hypothesis"]
    with pytest.raises(ValueError, match=r"pair of texts.*long_texts: cut"):
        train.main([*command("windows", "max_length: 16", "max_length: 16, long_texts: windows"), *pairs])
    folder = train.main([*command("cut"), *pairs])
    counts = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["cut_texts"]
    assert sum(counts[name]["bert"] for name in counts) == 40


def test_labelling_reads_windows_as_predict_does_and_tells_what_a_model_that_cuts_has_cut(
    command, split_files, tmp_path, capsys
):
    cut = train.main(command("cut"))
    windows = train.main(command("windows", "max_length: 16", "max_length: 16, long_texts: windows"))
    texts = [json.loads(line)["text"] for line in (split_files / "train.jsonl").read_text().splitlines()]
    for folder, expected in ((cut, 8), (windows, 0)):
        arguments = ["--model", str(folder), "--input", str(split_files / "train.jsonl"), "--part_rows", "10"]
        out = tmp_path / f"labelled-{folder.name}"
        capsys.readouterr()
        label.main([*arguments, "--output", str(out)])
        said = f"{expected} texts of all parts are longer than the backbone 'bert' reads, and were cut"
        assert (said in capsys.readouterr().out) == bool(expected)
        assert json.loads((out / "_manifest.json").read_text())["cut_texts"] == {"bert": expected}
        predicted = FusionForSequenceClassification.from_pretrained(folder).predict(texts)
        labels = pq.read_table(out)["labels"].to_pylist()
        assert labels == [[entry["label"] for entry in ranked] for ranked in predicted]
        # A part is gone: the others are kept, and counted.
        (out / "part-000001.parquet").unlink()
        label.main([*arguments, "--output", str(out)])
        assert (said in capsys.readouterr().out) == bool(expected)
        assert json.loads((out / "_manifest.json").read_text())["cut_texts"] == {"bert": expected}


@pytest.mark.slow
def test_an_export_refuses_windows_and_its_cure_is_exported(command, tmp_path):
    pytest.importorskip("onnxscript", reason="onnxscript is not installed (requirements-export.txt)")
    windows = train.main(command("windows", "max_length: 16", "max_length: 16, long_texts: windows"))
    with pytest.raises(ValueError, match=r"in windows \(bert\).*Train it with long_texts: cut"):
        export(str(windows), tmp_path / "onnx")
    export(str(train.main(command("cut"))), tmp_path / "onnx", "float32")
    assert (tmp_path / "onnx" / "model.onnx").exists()
