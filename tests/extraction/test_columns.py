"""Which columns are used, and which rows."""

import logging

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from common.errors import DataError
from extraction.columns import normalise

TEXTS = ["what a day", "the door stuck again", "seven letters at once", "nobody called"]


def table(**columns) -> DatasetDict:
    return DatasetDict({"train": Dataset.from_dict(columns)})


def test_a_misspelt_column_gets_its_nearest_neighbour():
    with pytest.raises(
        DataError, match=r"has no column 'txet': its columns are \['text', 'label'\]. Did you mean 'text'"
    ):
        normalise(table(text=TEXTS, label=list("abab")), "my.csv", text_column="txet")


def test_a_missing_column_is_named_with_what_there_is():
    with pytest.raises(
        DataError,
        match=r"No label column .* \['text', 'x', 'y'\]. Name it with --label_column, or several .*; the first",
    ):
        normalise(table(text=TEXTS, x=list("abab"), y=list("abab")), "my.csv")
    with pytest.raises(DataError, match=r"No text column .*Name it with --text_column"):
        normalise(table(p=TEXTS, q=TEXTS, label=list("abab")), "my.csv")


def test_a_split_without_the_columns_of_train_is_refused():
    train = Dataset.from_dict({"text": TEXTS, "label": list("abab")})
    test = train.rename_column("label", "feeling")
    with pytest.raises(DataError, match="The test split of 'my' has no column 'label', which train has"):
        normalise(DatasetDict({"train": train, "test": test}), "my")


def test_one_column_cannot_be_both_text_and_label():
    data = table(text=TEXTS, label=list("abab"))
    with pytest.raises(DataError, match="'text' of 'my' is given as text and as label: expected two"):
        normalise(data, "my", text_column="text", label_column="text")
    with pytest.raises(DataError, match="No label column was recognised"):
        normalise(table(text=TEXTS), "my")


def test_a_label_column_named_text_leaves_the_other_to_be_the_text():
    data = normalise(table(text=list("abab"), said=TEXTS), "my", label_column="text")
    assert data["train"]["text"][:] == TEXTS


def test_null_and_blank_texts_are_left_out_with_a_warning(caplog):
    data = normalise(table(text=["one", None, "  ", "\n", "five"], label=list("ababa")), "my")
    assert data["train"]["text"][:] == ["one", "five"]
    assert "3 row(s) of 'my' (train) have no text and are left out, the first is row 2" in caplog.text


def test_rows_without_a_label_are_left_out_with_a_warning(caplog):
    data = normalise(table(text=TEXTS, label=["a", "", None, "b"]), "my")
    assert data["train"]["text"][:] == [TEXTS[0], TEXTS[3]]
    assert "2 row(s) of 'my' (train) have no label and are left out, the first is row 2" in caplog.text


def test_single_numbers_among_texts_are_texts():
    texts = ["42", "007", "ok then", "3.10"]
    assert normalise(table(text=texts, label=list("abab")), "my")["train"]["text"][:] == texts


@pytest.mark.parametrize("column", [list(range(20)), [str(i) for i in range(20)], [i / 2 for i in range(20)]])
def test_a_column_of_numbers_is_not_the_text(column):
    with pytest.raises(DataError, match=r"holds .* values such as .*: expected sentences. Name the right column"):
        normalise(table(text=column, label=["a", "b"] * 10), "my")


def test_lists_of_words_are_not_texts():
    with pytest.raises(DataError, match=r"holds list values such as .*: expected sentences"):
        normalise(table(text=[["a", "b"]] * 4, label=list("abab")), "my")


def test_a_text_of_100000_words_passes():
    data = normalise(table(text=["word " * 100_000, *TEXTS[1:]], label=list("abab")), "my")
    assert len(data["train"]["text"][0]) == 500_000


def test_withheld_class_ids_are_no_labels_and_unknown_ones_are_refused():
    features = Features({"text": Value("string"), "label": ClassLabel(names=["a", "b"])})
    split = Dataset.from_dict({"text": TEXTS, "label": [0, -1, 1, None]}, features=features)
    assert normalise(DatasetDict({"train": split}), "my")["train"]["labels"][:] == [0, 1]
    wrong = split.data.table.set_column(1, "label", [[0, 7, 1, 0]]).replace_schema_metadata(split.data.schema.metadata)
    with pytest.raises(DataError, match=r"holds the class id 7, but names only 2 classes: \['a', 'b'\]"):
        normalise(DatasetDict({"train": Dataset(wrong)}), "my")
    declared = Features({"text": Value("string"), "label": ClassLabel(names=list("abcdefgh"))})
    split = Dataset.from_dict({"text": TEXTS, "label": [0, 7, 1, 0]}, features=declared)
    assert len(normalise(DatasetDict({"train": split}), "my")["train"]) == 4


def test_splits_that_are_not_used_are_named(caplog):
    caplog.set_level(logging.INFO)
    split = table(text=TEXTS, label=list("abab"))["train"]
    assert set(normalise(DatasetDict({"train": split, "extra": split}), "my")) == {"train"}
    assert "The splits ['extra'] of 'my' are not used" in caplog.text


def test_a_selection_of_rows_is_read_as_selected():
    split = table(text=TEXTS, label=list("abab"))["train"].select([3, 0])
    data = normalise(DatasetDict({"train": split}), "my")
    assert (data["train"]["text"][:], data["train"]["labels"][:]) == ([TEXTS[3], TEXTS[0]], [1, 0])
