"""What stands in a label cell."""

import logging
from collections import Counter

import pytest

from common.errors import DataError
from extraction.labels import check_count, in_order
from extraction.layouts import Wanted
from extraction.layouts.one_column import read_cells
from extraction.layouts.separators import find_separator


def names(cells, separator=None, multi=False, label_names=None):
    wanted = Wanted(label_separator=separator, label_mode="multi" if multi else "auto", label_names=label_names)
    return read_cells(cells, "The label column", wanted)


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


@pytest.mark.parametrize("cell", [None, "", "  ", "NaN", "null", "<NA>", float("nan"), [None]])
def test_blank_labels_are_no_labels(cell):
    assert names(["joy", cell])[0][1] is None


def test_an_empty_list_is_none_of_the_labels():
    assert names([["joy"], [], ["pride"]]) == ([["joy"], [], ["pride"]], True)
    assert names(["['joy']", "[]"]) == ([["joy"], []], True)


def test_lists_of_exactly_one_name_are_one_label_per_text():
    assert names([["joy"], ["pride"]]) == ([["joy"], ["pride"]], False)
    assert names(["['joy']", "['pride']"]) == ([["joy"], ["pride"]], False)


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
        (["['joy', 'pride']", "[]", "['anger']"], [["joy", "pride"], [], ["anger"]]),
        (['["joy"]', '["joy", "pride"]', "nan"], [["joy"], ["joy", "pride"], None]),
        (["[2, 5]", "[27]"], [["2", "5"], ["27"]]),
        (["[2 5]", "[14  2]", "[1]"], [["2", "5"], ["14", "2"], ["1"]]),
        (["['joy' 'fear']", "[\"what's\" 'fear']"], [["joy", "fear"], ["what's", "fear"]]),
        (["['joy'\n 'fear']", "['joy']"], [["joy", "fear"], ["joy"]]),
        (["array(['joy', 'fear'], dtype=object)", "array([], dtype=object)"], [["joy", "fear"], []]),
        (["{'joy', 'fear'}", "set()"], [["fear", "joy"], []]),
        (["frozenset({'joy', 'fear'})", "frozenset()"], [["fear", "joy"], []]),
        (["tensor([0, 2])", "tensor([])", "tensor([1], device='cuda:0')"], [["0", "2"], [], ["1"]]),
        (["{'joy', 'fear'}", "{'fear'}"], [["fear", "joy"], ["fear"]]),
        (["('joy', 'fear')", "('fear',)"], [["joy", "fear"], ["fear"]]),
        (["[joy, deep fear]", "[joy]"], [["joy", "deep fear"], ["joy"]]),
        (['{"choices": ["joy", "fear"]}', "joy"], [["joy", "fear"], ["joy"]]),
        (["{'joy': 1, 'fear': 0}", "{'joy': True, 'fear': True}"], [["joy"], ["joy", "fear"]]),
    ],
)
def test_lists_that_a_writer_made_strings_are_lists(cells, expected):
    assert names(cells) == (expected, True)


def test_lists_in_strings_that_cannot_be_read_are_refused():
    with pytest.raises(DataError, match=r"holds lists, but '\['joy', 'pride\]' cannot be read: expected for instance"):
        names(["['joy', 'pride]", "['joy']"])


def test_names_in_brackets_beside_names_without_stay_names():
    assert names(["(none)", "joy"]) == ([["(none)"], ["joy"]], False)


@pytest.mark.parametrize("cell", [[0.05, 0.75], "[.05, .75]", {"joy": 0.05, "fear": 0.75}, "{'joy': 0.5}"])
def test_shares_are_refused_with_a_way_to_make_them_labels(cell):
    with pytest.raises(DataError, match=r"holds shares such as .*0?\.0?5.*s >= 0.5"):
        names([cell])


def test_the_way_from_shares_to_labels_works():
    shares, labels = [[0.05, 0.75], [0.9, 0.8]], ["joy", "fear"]
    assert names([[labels[i] for i, s in enumerate(row) if s >= 0.5] for row in shares])[0] == [
        ["fear"],
        ["joy", "fear"],
    ]


def test_vectors_are_read_by_the_names_of_their_places():
    assert names([[0, 1, 0], [1, 1, 0], [0, 0, 0]], label_names=("joy", "fear", "pride")) == (
        [["fear"], ["joy", "fear"], []],
        True,
    )


def test_hope_or_sadness_beside_hope_and_sadness_are_two_labels():
    assert names(["Hope/Sadness", "Hope", "Sadness"]) == ([["Hope", "Sadness"], ["Hope"], ["Sadness"]], True)


@pytest.mark.parametrize("separator", list(",;|/#+&"))
def test_every_separator_follows_the_same_rule(separator):
    assert find_separator(["joy", "anger", f"joy{separator}anger"], "", False) == separator
    assert find_separator([f"A{separator}B"], "", False) is None
    shades = [f"{name}{separator} {shade}" for name in ("joy", "fear") for shade in ("mild", "strong")]
    assert find_separator([*shades, "joy", "fear"], "", False) is None


def test_a_joined_cell_that_may_be_one_name_is_said_with_its_cure(caplog):
    names(["A#B", "C"])
    assert "'A#B' are read as the name of one label" in caplog.text
    assert "--label_separator '#'" in caplog.text
    assert names(["A#B", "C"], separator="#")[0] == [["A", "B"], ["C"]]


def test_vectors_of_zeros_and_ones_are_refused():
    with pytest.raises(DataError, match=r"0/1 vectors such as \[0, 1, 0\]: expected the names or ids"):
        names([[0, 1, 0], [1, 1, 0]])
    with pytest.raises(DataError, match=r"0/1 vectors such as \[0, 1\]"):
        names([[0, 1], [1, 0]])
    assert names([[0, 1], [1]])[0] == [["0", "1"], ["1"]]


@pytest.mark.parametrize("value", [{"a": "b"}, b"joy", [["joy"]]])
def test_values_that_are_no_names_are_refused(value):
    with pytest.raises(DataError, match=r"values such as .*: expected names or numbers, (or )?lists of them"):
        names([value])


def test_numbers_come_in_their_own_order_and_neutral_last():
    assert in_order(["10", "9", "-1", "0.5"]) == ["-1", "0.5", "9", "10"]
    assert in_order(["surprise", "Neutral", "anger", "²"]) == ["anger", "surprise", "²", "Neutral"]
