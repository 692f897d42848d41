"""From a source's name to splits of texts and labels."""

import time

import datasets
import pyarrow as pa
import pyarrow.parquet
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from common.errors import DataError
from extraction.sources import _situations, load_source
from extraction.splits import is_multi_label, label_names

TWO = ["anger", "joy"]


def first_labels(data: DatasetDict, count: int) -> list:
    """Names of the first labels of train."""
    names = label_names(data)
    labels = data["train"]["labels"][:count]
    return [[names[i] for i in row] if isinstance(row, list) else names[row] for row in labels]


def test_the_sample_needs_nothing():
    data = load_source("sample")
    assert len(data["train"]) > len(data["validation"]) == len(data["test"]) > 500
    assert len(label_names(data)) == 28
    assert label_names(data)[-1] == "neutral"
    assert is_multi_label(data)


def test_a_csv_with_columns_of_other_names_is_read_by_naming_them(write_rows):
    file = write_rows("my.csv", TWO * 10, text="what they wrote", label="how it felt")
    data = load_source(file, text_column="what they wrote", label_column="how it felt")
    assert label_names(data) == TWO
    assert data["train"].features["labels"] == ClassLabel(names=TWO)
    assert set(data["train"].column_names) == {"text", "labels"}


def test_columns_with_usual_names_are_found_in_any_case(write_rows):
    assert label_names(load_source(write_rows("my.csv", TWO * 10, text="Comment", label=" Emotion "))) == TWO


def test_the_only_other_column_is_the_label(write_rows):
    assert label_names(load_source(write_rows("my.csv", TWO * 10, text="text", label="xyz"))) == TWO


def test_a_single_file_is_split_stratified_and_reproducibly(write_rows):
    file = write_rows("my.csv", ["joy"] * 90 + ["anger"] * 30)
    data = load_source(file, seed=1)
    labels = data["validation"]["labels"][:]
    assert set(data) == {"train", "validation"}
    assert (labels.count(1), labels.count(0)) == (9, 3)
    texts = {name: set(split["text"]) for name, split in data.items()}
    assert len(texts["train"] | texts["validation"]) == 120
    assert not texts["train"] & texts["validation"]
    assert set(load_source(file, seed=1)["validation"]["text"]) == texts["validation"]
    assert set(load_source(file, seed=2)["validation"]["text"]) != texts["validation"]


def test_list_labels_in_json_lines_are_multi_label(write_rows):
    data = load_source(write_rows("my.jsonl", [["joy"], ["joy", "pride"], ["anger"]] * 6))
    assert data["train"].features["labels"] == List(ClassLabel(names=["anger", "joy", "pride"]))


def test_integer_labels_are_in_the_order_of_numbers(write_rows):
    assert label_names(load_source(write_rows("my.jsonl", [10, 9, 1] * 6))) == ["1", "9", "10"]


def test_a_tsv_file_is_separated_by_tabs(write_rows):
    data = load_source(write_rows("my.tsv", TWO * 10))
    assert label_names(data) == TWO
    assert all("," in text for text in data["train"]["text"])


def test_parquet_keeps_the_class_names_it_declares(tmp_path):
    features = Features({"text": Value("string"), "labels": List(ClassLabel(names=["b", "a", "never"]))})
    rows = {"text": [f"line {i}" for i in range(20)], "labels": [[0], [0, 1]] * 10}
    Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "my.parquet")
    data = load_source(str(tmp_path / "my.parquet"))
    assert label_names(data) == ["b", "a", "never"]
    assert first_labels(data, 2) == [["b"], ["b", "a"]]


def test_categories_that_pandas_wrote_to_parquet_are_names(tmp_path):
    column = pa.array(TWO * 10).dictionary_encode()
    pa.parquet.write_table(
        pa.table({"text": [f"line {i}" for i in range(20)], "label": column}), tmp_path / "my.parquet"
    )
    assert label_names(load_source(str(tmp_path / "my.parquet"))) == TWO


def test_a_save_to_disk_folder_is_read(tmp_path):
    rows = Dataset.from_dict({"text": [f"line {i}" for i in range(20)], "label": TWO * 10})
    DatasetDict({"train": rows, "dev": rows}).save_to_disk(tmp_path / "saved")
    data = load_source(str(tmp_path / "saved"))
    assert {name: len(split) for name, split in data.items()} == {"train": 20, "validation": 20}
    rows.save_to_disk(tmp_path / "one")
    assert set(load_source(str(tmp_path / "one"))) == {"train", "validation"}


def test_splits_may_declare_their_classes_in_different_orders(tmp_path):
    def rows(names):
        features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
        return Dataset.from_dict({"text": [f"line {i}" for i in range(12)], "label": [0, 1] * 6}, features=features)

    DatasetDict({"train": rows(["joy", "anger"]), "test": rows(["anger", "joy"])}).save_to_disk(tmp_path / "saved")
    data = load_source(str(tmp_path / "saved"))
    assert [label_names(data)[i] for i in data["test"]["labels"][:2]] == ["anger", "joy"]


def test_a_folder_with_a_file_a_split_is_read_whatever_their_formats(write_rows, tmp_path):
    write_rows("data/my.train.csv", TWO * 10)
    write_rows("data/dev.jsonl", TWO * 2)
    write_rows("data/my_test.tsv", TWO * 3)
    write_rows("data/notes.csv", TWO)
    write_rows("data/.hidden/train.csv", TWO)
    data = load_source(str(tmp_path / "data"))
    assert {name: len(split) for name, split in data.items()} == {"train": 20, "validation": 4, "test": 6}


def test_numbered_parts_of_a_split_are_put_together(write_rows, tmp_path):
    write_rows("hub/data/train-00000-of-00002.csv", ["joy"] * 10)
    part = write_rows("hub/data/train-00001-of-00002.csv", ["anger"] * 5)
    data = load_source(str(tmp_path / "hub"))
    assert len(data["train"]) + len(data["validation"]) == 15
    (tmp_path / part).unlink()
    with pytest.raises(DataError, match="1 of its 2 files"):
        load_source(str(tmp_path / "hub"))


def test_single_mode_keeps_examples_with_exactly_one_label_that_is_not_neutral(write_rows):
    cells = [["joy"], ["joy", "anger"], ["neutral"], ["anger"], ["joy", "neutral"]] * 6
    data = load_source(write_rows("my.jsonl", cells), label_mode="single")
    assert label_names(data) == TWO
    assert not is_multi_label(data)
    assert sum(map(len, data.values())) == 12


def test_single_mode_drops_neutral_from_declared_names_and_keeps_their_order(tmp_path):
    features = Features(
        {"text": Value("string"), "labels": List(ClassLabel(names=["joy", "Neutral", "anger", "rare"]))}
    )
    rows = {"text": [f"line {i}" for i in range(30)], "labels": [[0], [1], [2]] * 10}
    Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "my.parquet")
    data = load_source(str(tmp_path / "my.parquet"), label_mode="single")
    assert label_names(data) == ["joy", "anger", "rare"]
    assert sum(map(len, data.values())) == 20


def test_multi_mode_makes_lists_of_single_labels(write_rows):
    data = load_source(write_rows("my.csv", TWO * 10), label_mode="multi")
    assert first_labels(data, 2) == [["anger"], ["joy"]]


def test_max_rows_keeps_the_labels_of_all_rows(write_rows):
    data = load_source(write_rows("my.csv", TWO * 10 + ["pride"] * 5), max_rows=12)
    assert sum(map(len, data.values())) == 12
    assert label_names(data) == ["anger", "joy", "pride"]


@pytest.mark.parametrize("rows", [0, -3])
def test_max_rows_below_one_is_refused(rows):
    with pytest.raises(DataError, match=f"max_rows is {rows}: expected at least 1"):
        load_source("sample", max_rows=rows)


def test_an_unknown_label_mode_is_refused():
    with pytest.raises(DataError, match="label_mode is 'Multi': expected one of"):
        load_source("sample", label_mode="Multi")


def test_the_hub_schema_of_empathetic_dialogues_becomes_one_situation_a_conversation():
    split = Dataset.from_dict(
        {
            "conv_id": ["c1", "c1", "c2", "c1"],
            "utterance_idx": [1, 2, 1, 3],
            "context": ["proud", "proud", "afraid", "proud"],
            "prompt": ["first_comma_ a medal", "first_comma_ a medal", "a noise upstairs", "first_comma_ a medal"],
            "utterance": ["hi", "oh", "psst", "yes"],
        }
    )
    result = _situations(DatasetDict({"train": split}))["train"]
    assert result.to_dict() == {"text": ["first, a medal", "a noise upstairs"], "label": ["proud", "afraid"]}


def test_utterances_can_be_asked_for_instead_of_situations(write):
    rows = "\n".join(f"c{i // 3},context {i % 2},a prompt,utterance {i}" for i in range(30))
    file = write("my.csv", f"conv_id,context,prompt,utterance\n{rows}\n")
    data = load_source(file, text_column="utterance", label_column="context")
    assert sum(map(len, data.values())) == 30


@pytest.mark.data
@pytest.mark.parametrize(("mode", "rows", "labels"), [("auto", (43410, 5426), 28), ("single", (23485, 2956), 27)])
def test_go_emotions_has_its_published_sizes(data_dir, mode, rows, labels):
    data = load_source(str(data_dir / "go_emotions"), label_mode=mode)
    assert (len(data["train"]), len(data["validation"])) == rows
    assert len(label_names(data)) == labels
    assert is_multi_label(data) == (mode == "auto")


@pytest.mark.data
def test_empathetic_dialogues_has_32_labels(data_dir):
    data = load_source(str(data_dir / "empathetic_dialogues"))
    assert (len(data["train"]), len(data["validation"]), len(label_names(data))) == (17802, 2761, 32)
    assert not is_multi_label(data)


def test_a_folder_without_train_is_refused(write_rows, tmp_path):
    write_rows("data/validation.csv", TWO * 10)
    write_rows("data/other.csv", TWO * 10)
    with pytest.raises(DataError, match=r"has no train split among \['other.csv', 'validation.csv'\]: expected a"):
        load_source(str(tmp_path / "data"))


def test_two_files_that_claim_one_split_are_refused(write_rows, tmp_path):
    write_rows("data/train.csv", TWO * 10)
    write_rows("data/train.jsonl", TWO * 10)
    with pytest.raises(DataError, match="look like the train split: expected one file per split"):
        load_source(str(tmp_path / "data"))


def test_two_saved_splits_of_one_name_are_refused(tmp_path):
    rows = Dataset.from_dict({"text": ["a"], "label": ["b"]})
    DatasetDict({"train": rows, "dev": rows, "valid": rows}).save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match="two of them are the validation split"):
        load_source(str(tmp_path / "saved"))


def test_a_broken_save_to_disk_folder_is_refused(tmp_path):
    Dataset.from_dict({"text": ["a"], "label": ["b"]}).save_to_disk(tmp_path / "saved")
    next((tmp_path / "saved").glob("*.arrow")).write_bytes(b"half")
    with pytest.raises(DataError, match="cannot be read"):
        load_source(str(tmp_path / "saved"))


def test_a_saved_folder_without_train_is_refused(tmp_path):
    DatasetDict({"test": Dataset.from_dict({"text": ["a"], "label": ["b"]})}).save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match=r"has the splits \['test'\]: expected at least train"):
        load_source(str(tmp_path / "saved"))


def test_files_of_one_split_with_different_columns_are_refused(write_rows, tmp_path):
    write_rows("data/train-0-of-2.csv", TWO * 10)
    write_rows("data/train-1-of-2.jsonl", [1, 2] * 10)
    with pytest.raises(DataError, match="look like the train split"):
        load_source(str(tmp_path / "data"))
    (tmp_path / "data" / "train-1-of-2.jsonl").unlink()
    write_rows("data/train-1-of-2.csv", TWO * 10, text="words")
    with pytest.raises(DataError, match=r"has the columns .* but .*: expected the same in all files"):
        load_source(str(tmp_path / "data"))


def test_an_unknown_extension_is_refused(write):
    with pytest.raises(DataError, match=r"ends in '.docx': expected one of .*Save it as CSV"):
        load_source(write("my.docx", "PK"))


@pytest.mark.parametrize(
    "name", ["go_emotion", "nothing", "./nothing.csv", "a/b/c", "data/nothing.csv", "/x", "", "a/"]
)
def test_a_name_that_is_nothing_is_refused_at_once_with_what_there_is(name):
    started = time.perf_counter()
    with pytest.raises(DataError, match=r"There is no data set '.*'sample', 'go_emotions'.*by its path"):
        load_source(name)
    assert time.perf_counter() - started < 2


def test_a_misspelt_short_name_gets_its_nearest_neighbour():
    with pytest.raises(DataError, match=r"Did you mean 'go_emotions'\?"):
        load_source("goemotions")


def test_without_a_hub_the_message_names_the_sample_and_local_files(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    started = time.perf_counter()
    with pytest.raises(DataError, match=r"cannot be reached. Use `--dataset sample`.*path of a local CSV"):
        load_source("go_emotions")
    assert time.perf_counter() - started < 10


def test_files_of_one_split_with_different_types_are_refused(write_rows, tmp_path):
    write_rows("data/train-0-of-2.jsonl", [["joy"], ["anger"]] * 5)
    write_rows("data/train-1-of-2.jsonl", ["joy", "anger"] * 5)
    with pytest.raises(DataError, match=r"differ in type .*the same in all files"):
        load_source(str(tmp_path / "data"))


@pytest.mark.data
@pytest.mark.parametrize(("folder", "shared"), [("go_emotions", 43), ("go_emotions_27", 30)])
def test_texts_of_goemotions_that_stand_in_train_and_validation_are_counted(data_dir, folder, shared):
    notes = load_source(str(data_dir / folder)).reading.notes
    assert any(note.startswith(f"{shared} of the ") and "stand in train too" in note for note in notes)


@pytest.mark.data
def test_goemotions_27_has_its_published_sizes(data_dir):
    data = load_source(str(data_dir / "go_emotions_27"))
    assert (len(data["train"]), len(data["validation"]), len(label_names(data))) == (23485, 2956, 27)
    assert str(data.reading) == "texts: 'text' · labels: 'label', one per text"
