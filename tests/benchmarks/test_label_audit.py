"""The benchmarks of labels: what is replaced, what counts as found, and rows that picked ones save."""

import numpy as np
import pytest

pytest.importorskip("cleanlab", reason="cleanlab is not installed (requirements-audit.txt)")
pytest.importorskip("sentence_transformers", reason="not installed (requirements-benchmarks.txt)")
from benchmarks.label_audit import found, replaced, taken_for
from benchmarks.suggestions import rows_for


def test_one_label_of_so_many_rows_is_replaced_by_one_that_the_row_lacked():
    given = np.eye(4)[np.arange(200) % 4]
    given[::10, 0] = 1  # two labels, or one
    changed, rows = replaced(given, 0.1, 3, lambda random, old, free: random.choice(free))
    assert len(set(rows)) == 20
    assert set(np.flatnonzero((changed != given).any(axis=1))) == set(rows)
    assert (changed.sum(axis=1) == given.sum(axis=1)).all()
    again, _ = replaced(given, 0.1, 3, lambda random, old, free: random.choice(free))
    assert (again == changed).all()


def test_the_label_that_another_is_taken_for_most_comes_first_and_never_itself():
    given = np.eye(3)[[0, 0, 1, 2]]
    probabilities = np.array([[0.5, 0.2, 0.3], [0.9, 0.0, 0.1], [0.6, 0.3, 0.1], [0.0, 0.1, 0.9]])
    assert taken_for(given, probabilities, probabilities).tolist() == [[2, 1], [0, 2], [1, 0]]


def test_found_is_the_share_of_changed_rows_among_as_many_of_the_lowest_scores():
    assert found(np.array([0.9, 0.1, 0.2, 0.8, 0.3]), np.array([1, 3])) == 0.5


def test_rows_are_read_off_a_curve_between_its_points_and_are_infinite_above_it():
    rows, scores = np.array([100.0, 200, 300]), np.array([0.1, 0.3, 0.25])
    assert rows_for(0.2, rows, scores) == 150
    assert rows_for(0.31, rows, scores) == float("inf")
