"""What stands in a label cell."""

import logging
from collections import Counter

import pytest

from common.errors import DataError
from extraction.labels import check_count, find_separator, in_order, read_labels


def names(cells, separator=None, multi=False):
    labels, several = read_labels({"train": cells}, "The label column", separator, multi)
    return labels["train"], several


def test_comma_separated_names_are_split_where_the_names_also_stand_alone():
    assert names(["joy", "anger, joy", "anger", "joy,anger"]) == (
        [["joy"], ["anger", "joy"], ["anger"], ["joy", "anger"]],
        True,
    )


def test_a_class_name_with_a_comma_in_it_stays_whole(caplog):
    cells = ["anger, mild", "anger, strong", "anger", "joy"] * 5
    labels, several = names(cells)
    assert labels[0] == ["anger, mild"]
    assert not several
    assert "If they hold several, add --label_separator ','" in caplog.text


def test_a_rare_name_that_never_stands_alone_does_not_keep_the_others_together():
    assert find_separator(["joy", "anger", "fear", *["joy,anger", "fear,joy"] * 6, "joy,grief"], "", False) == ","


@pytest.mark.parametrize("separator", [";", "|"])
def test_semicolons_and_bars_split_names_that_recur_even_if_none_stands_alone(separator):
    cells = [f"joy{separator}pride", f"pride{separator}anger", f"anger{separator}joy"] * 4
    assert find_separator(cells, "", False) == separator


def test_multi_mode_splits_at_any_separator():
    assert names(["anger,mild", "joy,strong"], multi=True)[0] == [["anger", "mild"], ["joy", "strong"]]


def test_a_given_separator_is_used_and_an_empty_one_splits_nothing():
    assert names(["a/b", "c"], separator="/") == ([["a", "b"], ["c"]], True)
    assert names(["a", "b", "a,b"], separator="") == ([["a"], ["b"], ["a,b"]], False)


def test_how_cells_are_read_is_said(caplog):
    caplog.set_level(logging.INFO)
    names(["a", "b", "a,b"])
    assert "cells such as 'a,b' are read as several labels separated by ','" in caplog.text


def test_repeated_and_blank_names_in_a_cell_count_once_or_not():
    assert names(["joy, ,joy,", "joy"])[0] == [["joy"], ["joy"]]


@pytest.mark.parametrize("cell", [None, "", "  ", "NaN", "null", "<NA>", float("nan"), []])
def test_blank_labels_are_no_labels(cell):
    assert names(["joy", cell])[0][1] is None


def test_none_can_be_the_name_of_a_class():
    assert names(["None", "joy", "n/a"])[0] == [["None"], ["joy"], ["n/a"]]


def test_missing_parts_of_a_list_are_left_out():
    assert names([["joy", None, float("nan"), " "], ["joy"]])[0] == [["joy"], ["joy"]]


def test_whole_floats_are_the_numbers_they_mean():
    assert names([1.0, 2, None, 0.0])[0] == [["1"], ["2"], None, ["0"]]
    assert names(["1.0", "2", "", "0.00"])[0] == [["1"], ["2"], None, ["0"]]
    assert names([[1.0], [2.0, 1.0]])[0] == [["1"], ["2", "1"]]
    assert names(["1.0", "joy"])[0] == [["1.0"], ["joy"]]


def test_a_few_fractions_are_classes_and_many_are_a_measurement():
    check_count(Counter(names([0.5, 1.5, 2.0] * 5)[0][i][0] for i in range(15)), 15, "")
    values = [str(i / 100) for i in range(1, 80)]
    with pytest.raises(DataError, match=r"79 different values in 1000 rows, such as .*hardly classes. Name the label"):
        check_count(Counter(values), 1000, "The label column")


def test_5000_different_labels_are_refused():
    with pytest.raises(DataError, match="5000 different values"):
        check_count(Counter(f"name {i}" for i in range(5000)), 100_000, "The label column")


def test_labels_that_hardly_repeat_are_refused():
    with pytest.raises(DataError, match="hardly classes"):
        check_count(Counter(f"a sentence about {i}" for i in range(60)), 70, "The label column")


def test_no_label_at_all_is_refused():
    with pytest.raises(DataError, match="holds no label at all: expected a name or number in each row"):
        check_count(Counter(), 0, "The label column")


def test_labels_that_differ_in_case_stay_apart_with_a_warning(caplog):
    check_count(Counter(["Joy", "joy", "anger"]), 30, "The label column")
    assert "differ only in case: ['Joy', 'joy']" in caplog.text


def test_booleans_are_two_classes():
    assert names([True, False])[0] == [["true"], ["false"]]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["['joy', 'pride']", "[]", "['anger']"], [["joy", "pride"], None, ["anger"]]),
        (['["joy"]', "nan"], [["joy"], None]),
        (["[2, 5]", "[27]"], [["2", "5"], ["27"]]),
    ],
)
def test_lists_that_a_csv_writer_made_strings_are_lists(cells, expected):
    assert names(cells) == (expected, True)


def test_lists_in_strings_that_cannot_be_read_are_refused():
    with pytest.raises(DataError, match=r"holds lists, but '\[2 5\]' cannot be read: expected for instance"):
        names(["[2 5]", "[1]"])


def test_vectors_of_zeros_and_ones_are_refused():
    with pytest.raises(DataError, match=r"0/1 vectors such as \[0, 1, 0\]: expected the names or ids"):
        names([[0, 1, 0], [1, 1, 0]])
    with pytest.raises(DataError, match=r"0/1 vectors such as \[0, 1\]"):
        names([[0, 1], [1, 0]])
    assert names([[0, 1], [1]])[0] == [["0", "1"], ["1"]]


@pytest.mark.parametrize("value", [{"a": 1}, b"joy", [["joy"]]])
def test_values_that_are_no_names_are_refused(value):
    with pytest.raises(DataError, match=r"values such as .*: expected names or numbers, or lists of them"):
        names([value])


def test_numbers_come_in_their_own_order_and_neutral_last():
    assert in_order(["10", "9", "-1", "0.5"]) == ["-1", "0.5", "9", "10"]
    assert in_order(["surprise", "Neutral", "anger", "²"]) == ["anger", "surprise", "²", "Neutral"]
