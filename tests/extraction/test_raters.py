"""Several raters of one text, joined."""

import pytest

from common.errors import DataError
from extraction.raters import join_raters
from extraction.sources import load_source
from extraction.splits import label_matrix, label_names
from tests.extraction.layout_builders import FOUR, ONE, ROWS, TEXTS, raw_goemotions, table


def joined(labels: list, how: str = "majority", several: bool = True) -> list:
    return next(iter(join_raters(["one text"] * len(labels), labels, how, several).values()))


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ([["joy"], ["joy"], ["fear"]], ["joy"]),
        ([["joy", "fear"], ["fear", "joy"], []], ["joy", "fear"]),
        ([["joy"], ["fear"], ["anger"]], None),
        ([["joy"], None, None], ["joy"]),
        ([[], [], ["joy"]], []),
        ([None, None], None),
        ([["joy"], ["joy"], ["fear"], ["fear"], ["anger"]], ["joy", "fear"]),
    ],
)
def test_a_label_that_two_raters_chose_is_kept(votes, expected):
    assert joined(votes) == expected


def test_one_label_per_text_is_the_one_with_most_votes_and_a_tie_is_none():
    assert joined([["joy"], ["joy"], ["joy"], ["fear"], ["fear"]], several=False) == ["joy"]
    assert joined([["joy"], ["joy"], ["fear"], ["fear"]], several=False) is None


def test_any_keeps_what_one_rater_chose():
    assert joined([["joy"], ["fear"], []], "any") == ["joy", "fear"]


def load(tmp_path, files, **options):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return load_source(str(tmp_path / next(iter(files))), **options)


def test_two_votes_make_of_raw_files_what_goemotions_authors_made_of_theirs(tmp_path):
    data = load(tmp_path, raw_goemotions(), raters="majority")
    found = {
        t: label_names(data)[i] for split in data.values() for t, i in zip(split["text"], split["labels"], strict=True)
    }
    assert found == dict(zip(TEXTS, ONE, strict=True))
    assert any(f"{3 * ROWS} raters' rows of train are joined to {ROWS} texts" in note for note in data.reading.notes)


def test_without_raters_the_rows_stay_and_the_flag_is_named(tmp_path, caplog):
    data = load(tmp_path, raw_goemotions())
    assert sum(map(len, data.values())) == 3 * ROWS
    assert f"{3 * ROWS} rows of several raters ('rater_id') hold {ROWS} texts" in caplog.text
    assert "--raters majority" in caplog.text


def test_soft_count_weighs_labels_by_votes_in_train_and_joins_what_is_held_out(tmp_path):
    data = load(tmp_path, raw_goemotions(), raters="soft-count", label_mode="multi")
    texts = data["train"]["text"][:]
    votes = label_matrix(data["train"], 5)[[text == texts[0] for text in texts]].sum(axis=0)
    assert sorted(votes) == [0, 0, 0, 1, 2]
    assert len(set(data["validation"]["text"][:])) == len(data["validation"])
    assert "neutral" not in {label_names(data)[i] for row in data["validation"]["labels"][:] for i in row}


def test_unclear_rows_and_texts_without_agreement_are_left_out_and_counted(tmp_path, caplog):
    rows = [(TEXTS[i], f"id{i}", str(r), "False", ONE[i]) for i in range(ROWS) for r in range(2)]
    rows += [("Nobody agrees here", "x", "0", "False", "joy"), ("Nobody agrees here", "x", "1", "False", "fear")]
    rows += [("Who could tell", "y", "0", "True", "")]
    names = ("text", "id", "rater_id", "example_very_unclear")
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    columns |= {name: [int(row[4] == name) for row in rows] for name in FOUR}
    data = load(tmp_path, {"raw.csv": table(columns)}, raters="majority")
    assert sum(map(len, data.values())) == ROWS
    assert "1 row(s) that their rater found unclear have no label" in caplog.text
    assert "2 without a label that raters agree on are left out" in caplog.text


def test_texts_are_joined_by_id_where_two_comments_have_one_text(tmp_path):
    same = ["Thanks a lot for that", "Thanks a lot for that"]
    columns = {
        "text": [*TEXTS * 2, *same * 2],
        "id": [*range(ROWS)] * 2 + ["a", "b"] * 2,
        "rater_id": [0] * 34 + [1, 1],
    }
    columns["label"] = ONE * 2 + ["joy", "fear"] * 2
    data = load(tmp_path, {"raw.csv": table(columns)}, raters="majority")
    assert sum(map(len, data.values())) == ROWS + 2


def test_an_unknown_rule_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"raters is 'most': expected one of \['majority', 'any', 'soft-count'\]"):
        load(tmp_path, raw_goemotions(), raters="most")
