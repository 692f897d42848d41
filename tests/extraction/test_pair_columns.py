"""Two columns become pairs of texts, or are refused by name."""

import logging

import pytest

from common.errors import DataError
from extraction.sources import load_source
from extraction.splits import texts_of
from tests.test_pairs import COLUMNS, write


def test_equal_pairs_are_duplicates_and_one_text_in_two_pairs_is_not(tmp_path, caplog):
    rows = [[f"premise {n % 4}", f"hypothesis {n // 2}", "yes" if n % 2 else "no"] for n in range(40)]
    write(tmp_path / "train.csv", rows)
    write(tmp_path / "test.csv", [*rows[:3], ["premise 0", "another", "yes"]])
    data = load_source(str(tmp_path), text_column="premise,hypothesis")
    assert any("3 of the 4 texts of test" in note for note in data.reading.notes)
    held = set(texts_of(data["validation"]))
    assert held
    assert not held & set(texts_of(data["train"]))
    assert data.reading.text_columns == COLUMNS


def test_a_row_without_a_second_text_is_a_single_text_and_one_without_the_first_is_left_out(tmp_path, caplog):
    rows = [[f"premise {n}", "" if n == 3 else f"so {n}", "yes" if n % 2 else "no"] for n in range(20)]
    file = write(tmp_path / "pairs.csv", [*rows, ["", "alone", "no"]])
    with caplog.at_level(logging.WARNING):
        data = load_source(str(file), text_column="premise, hypothesis")
    texts = [text for split in data.values() for text in texts_of(split)]
    assert len(texts) == 20
    assert "premise 3" in texts
    assert ("premise 4", "so 4") in texts
    assert "1 row(s)" in caplog.text
    assert "first text" in caplog.text
    assert "row 21" in caplog.text


@pytest.mark.parametrize(
    ("flag", "facts"),
    [
        ("premise,hypothesis,gold", ["premise,hypothesis,gold", "one column, or two"]),
        ("premise,", ["'premise,'", "one column, or two"]),
        ("premise,premise", ["premise,premise", "two different"]),
        ("premise,hypotesis", ["pairs.csv", "'hypotesis'", "Did you mean 'hypothesis'"]),
        ("premis,hypothesis", ["pairs.csv", "'premis'", "Did you mean 'premise'"]),
    ],
)
def test_columns_that_are_no_pair_are_refused(tmp_path, flag, facts):
    file = write(tmp_path / "pairs.csv", [[f"a {n}", f"b {n}", "yes" if n % 2 else "no"] for n in range(20)])
    with pytest.raises(DataError) as refusal:
        load_source(str(file), text_column=flag)
    assert all(fact in str(refusal.value) for fact in facts)
    # Done as it says.
    assert load_source(str(file), text_column="premise,hypothesis").reading.text_columns == COLUMNS


def test_a_column_whose_own_name_has_a_comma_is_one_column(tmp_path):
    lines = ['"text,raw",label', *(f"so {n},{'joy' if n % 2 else 'fear'}" for n in range(20))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    data = load_source(str(tmp_path / "t.csv"), text_column="text,raw")
    assert "text_pair" not in data["train"].column_names
    assert data.reading.text_columns is None
