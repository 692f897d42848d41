"""Splits that a source lacks, and what they must hold."""

import logging

import numpy as np
import pytest

from common.errors import DataError
from extraction.arguments import DataArguments
from extraction.sources import load_source
from extraction.splits import label_matrix, label_names
from training.arguments import parse

TWO = ["anger", "joy"]


@pytest.fixture
def warnings(caplog):
    caplog.set_level(logging.WARNING)
    return lambda: " ".join(record.getMessage() for record in caplog.records)


def test_a_label_of_validation_that_train_lacks_is_kept_with_a_warning(write_rows, tmp_path, warnings):
    write_rows("data/train.csv", TWO * 10)
    write_rows("data/validation.csv", [*TWO, "pride"])
    data = load_source(str(tmp_path / "data"))
    assert label_names(data) == ["anger", "joy", "pride"]
    assert data["validation"]["labels"][:] == [0, 1, 2]
    assert "The validation split has the label(s) ['pride'], which no training row has" in warnings()


def test_one_class_is_refused(write_rows):
    with pytest.raises(
        DataError, match=r"has only the class \['joy'\]: at least two are expected. Check --label_column"
    ):
        load_source(write_rows("my.csv", ["joy"] * 20))


def test_too_few_rows_are_refused(write_rows):
    with pytest.raises(DataError, match="has 6 usable rows: at least 10 are expected"):
        load_source(write_rows("my.csv", TWO * 3))


def test_a_test_split_whose_labels_are_withheld_is_left_out(tmp_path, write_rows, warnings):
    write_rows("data/train.csv", TWO * 10)
    write_rows("data/test.csv", [""] * 5)
    assert set(load_source(str(tmp_path / "data"))) == {"train", "validation"}
    assert "The test split" in warnings()


def test_a_train_split_without_usable_rows_is_refused(write_rows):
    file = write_rows("my.csv", TWO * 10, texts=[" "] * 20)
    with pytest.raises(DataError, match="has no row with a text and a label: check --text_column"):
        load_source(file)


def test_a_label_with_one_example_stays_in_train(write_rows):
    data = load_source(write_rows("my.csv", TWO * 50 + ["once"]))
    assert label_names(data).index("once") in data["train"]["labels"][:]


def test_each_label_of_multi_label_data_gives_its_share_to_validation(write_rows):
    cells = [["joy"], ["joy", "anger"], ["pride", "joy"], ["anger"]] * 50
    data = load_source(write_rows("my.jsonl", cells))
    share = label_matrix(data["validation"], 3).sum(axis=0) / np.array([100, 150, 50])
    assert share == pytest.approx([0.1] * 3, abs=0.03)


def test_the_label_matrix_has_a_column_a_label(write_rows):
    data = load_source(write_rows("my.jsonl", [["b"], ["a", "c"]] * 10))
    assert label_matrix(data["train"].select(range(2)), 3).tolist() in ([[0, 1, 0], [1, 0, 1]], [[1, 0, 1], [0, 1, 0]])


def test_rows_with_none_of_the_labels_give_their_share_to_validation(write_rows):
    data = load_source(write_rows("my.jsonl", [["joy"], ["joy", "anger"], [], []] * 50))
    assert sum(not row for row in data["validation"]["labels"][:]) == pytest.approx(10, abs=1)


def test_one_text_alone_is_refused(write_rows):
    with pytest.raises(DataError, match="have one text: expected several"):
        load_source(write_rows("my.csv", TWO * 10, texts=["hello there"] * 20))


def test_the_split_seed_and_not_the_seed_draws_the_validation_rows(write_rows):
    file = write_rows("my.csv", TWO * 50)

    def held_out(**options):
        return DataArguments(dataset=file, **options).load()["validation"]["text"][:]

    assert held_out() == held_out() != held_out(split_seed=7)


def test_names_of_ids_are_one_word_with_commas_or_several(write_rows):
    file = write_rows("my.jsonl", [0, 1] * 10)
    for names in (["joy,fear"], ["joy", "fear"]):
        assert label_names(DataArguments(dataset=file, label_names=names).load()) == ["joy", "fear"]


def test_the_names_of_ids_are_those_of_the_data_for_train_too():
    arguments = parse(["--label_names", "joy,fear", "--raters", "any", "--split_seed", "3"])
    assert arguments.data.names == ["joy", "fear"]
    assert (arguments.data.raters, arguments.data.split_seed) == ("any", 3)
    assert arguments.training.label_names is None


def test_more_than_one_file_per_split_is_refused_with_a_pattern_that_works(write_rows, tmp_path):
    for name in ("train/eng.csv", "train/deu.csv", "dev/eng.csv", "dev/deu.csv"):
        write_rows(f"data/{name}", TWO * 10)
    with pytest.raises(DataError, match=r"look like the (train|validation) split.*--dataset 'data/\*/eng.csv'"):
        load_source(str(tmp_path / "data"))
    data = load_source(str(tmp_path / "data" / "*" / "eng.csv"))
    assert {name: len(split) for name, split in data.items()} == {"train": 20, "validation": 20}
    with pytest.raises(DataError, match="No file fits the pattern"):
        load_source(str(tmp_path / "data" / "*" / "fra.csv"))
