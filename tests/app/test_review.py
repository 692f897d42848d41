"""Many texts that a person looks through: their order, the labels that are put right, and the files of these."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from demo.downloads import write_labelled
from demo.review import AS_THEY_CAME, LEAST_SURE, MAX_SHOWN, Review, closest
from demo.review_panel import ReviewPanel
from extraction.sources import load_source
from tables.formulas import harmless

NAMES = ["joy", "love", "anger, mild", "=fear"]
TEXTS = ["so glad", " ", "=1+1 is love", "no; never", "I adore it", "what was that?!"]


def make_reader(several: bool) -> SimpleNamespace:
    return SimpleNamespace(labels=NAMES, multi_label=several, thresholds=[0.5, 0.5, 0.05, 0.5] if several else None)


SCORES = np.array(
    [
        [0.90, 0.30, 0.001, 0.01],
        [np.nan] * 4,
        [0.44, 0.20, 0.001, 0.01],
        [0.01, 0.02, 0.049, 0.02],
        [0.80, 0.90, 0.001, 0.01],
        [0.20, 0.10, 0.010, 0.10],
    ]
)
GIVEN = [["joy"], [], [], [], ["love", "joy"], []]


def make_review(several: bool = True) -> Review:
    sure, calls = closest(make_reader(several), SCORES, None)
    return Review("texts", TEXTS, NAMES, several, SCORES, GIVEN, sure, calls)


def test_the_model_is_least_sure_where_a_label_is_nearest_to_its_threshold_in_log_odds():
    sure, calls = closest(make_reader(True), SCORES, None)
    assert calls == [
        "love 0.30 of 0.50",
        "",
        "joy 0.44 of 0.50",
        "anger, mild 0.05 of 0.05",
        "joy 0.80 of 0.50",
        "joy 0.20 of 0.50",
    ]
    assert np.isnan(sure[1])
    assert sure[2] == pytest.approx(np.log(0.56 / 0.44))
    review = make_review()
    assert review.row == 0
    review.sort(LEAST_SURE)
    # By distance alone, row 5 ("anger, mild" 0.01 of 0.05) would be the second; rows without any characters come last.
    assert review.order == [3, 2, 0, 5, 4, 1]
    assert review.row == 3
    assert [row - 1 for row in review.table()["row"]] == review.order


def test_one_threshold_for_all_counts_in_place_of_the_labels_own():
    sure, calls = closest(make_reader(True), SCORES, 0.9)
    assert calls[0] == "joy 0.90 of 0.90"
    assert sure[0] == 0


def test_where_a_text_has_one_label_the_lead_of_the_best_over_the_second_counts():
    sure, calls = closest(make_reader(False), SCORES, None)
    assert calls[2] == "joy 0.44, love 0.20"
    assert sure[2] == pytest.approx(0.24)
    review = make_review(several=False)
    review.sort(LEAST_SURE)
    assert review.order == [3, 4, 5, 2, 0, 1]
    assert review.current == ["anger, mild"]


def test_saving_confirms_or_corrects_a_row_and_goes_on_to_the_next_that_is_open():
    review = make_review()
    review.save(["joy"])
    assert (review.mark(0), review.row) == ("confirmed", 2)
    review.save(["=fear", "joy"])
    assert (review.mark(2), review.row) == ("corrected", 3)
    review.look_at(5)
    review.save([])
    assert (review.mark(5), review.row) == ("confirmed", 3)
    assert review.counts == {"confirmed": 2, "corrected": 1}
    table = review.table().set_index("row")
    assert table["emotions"].to_dict() == {1: "joy", 2: "", 3: "joy; =fear", 4: "", 5: "love; joy", 6: ""}
    assert table["checked"].to_dict() == {1: "confirmed", 2: "", 3: "corrected", 4: "", 5: "", 6: "confirmed"}
    review.look_at(2)
    assert review.current == ["joy", "=fear"]
    review.forget()
    assert (review.mark(2), review.row, review.current) == ("", 2, [])
    for _ in range(3):
        review.save(review.current)
    assert review.labelled() == ([text for text in TEXTS if text.strip()], [["joy"], [], [], ["joy", "love"], []])


def test_steps_pass_over_rows_without_any_characters_and_end_at_both_ends():
    review = make_review()
    review.step(-1)
    assert review.row == 0
    review.step(1)
    assert review.row == 2
    review.look_at(1)
    assert review.row == 2
    review.step(-1)
    assert review.row == 0
    for _ in range(9):
        review.step(1)
    assert review.row == 5
    review.sort(AS_THEY_CAME)
    assert review.row == 0


def test_the_table_shows_the_first_rows_of_the_order_and_the_beginning_of_a_long_text():
    count = MAX_SHOWN + 5
    scores = np.tile(SCORES[0], (count, 1))
    sure = np.arange(count, 0, -1).astype(float)
    review = Review("t", ["long " * 99] * count, NAMES, True, scores, [["joy"]] * count, sure, ["joy"] * count)
    review.sort(LEAST_SURE)
    table = review.table()
    assert len(table) == MAX_SHOWN
    assert table["row"].tolist()[:2] == [count, count - 1]
    assert table["text"][0].endswith("long  …")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("several", [True, False])
def test_saved_rows_are_read_by_dataset_with_the_labels_that_were_saved(tmp_path, several, kind):
    texts = [f"{beginning} {number}" for number in range(4) for beginning in ("=1+1", "@you", "no; never", "so glad")]
    labels = [[NAMES[place % 4]] for place in range(len(texts))]
    if several:
        labels = [[], NAMES[:2], *labels[2:]]
    files = write_labelled(texts, labels, several, tmp_path, "my file.csv")
    file = next(file for file in files if file.endswith(kind))
    assert file.endswith(f"/my_file-labelled.{kind}")
    data = load_source(file)
    feature = data["train"].features["labels"]
    assert hasattr(feature, "names") is not several
    names = (feature.feature if several else feature).names
    found = {
        row["text"]: [names[one] for one in row["labels"]] if several else [names[row["labels"]]]
        for split in data.values()
        for row in split
    }
    if kind == "csv":
        # No cell begins a formula; a label's name within a list does not, either.
        assert not any(cell.startswith(("=", "@")) for cell in pd.read_csv(file, dtype=str).to_numpy().ravel())
        texts = [harmless(text) for text in texts]
        labels = labels if several else [[harmless(names[0])] for names in labels]
    assert {text: set(names) for text, names in found.items()} == {
        text: set(names) for text, names in zip(texts, labels, strict=True)
    }


def test_pairs_are_saved_in_two_columns(tmp_path):
    files = write_labelled([("a dog", "an animal"), "alone"], [["joy"], ["love"]], False, tmp_path, "texts")
    assert pq.read_table(files[1]).to_pylist() == [
        {"text": "a dog", "text_pair": "an animal", "label": "joy"},
        {"text": "alone", "text_pair": "", "label": "love"},
    ]
    assert pd.read_csv(files[0])["text_pair"].tolist()[0] == "an animal"


def test_with_one_label_a_text_an_empty_choice_is_not_saved(tmp_path):
    panel, review = ReviewPanel(make_reader(False), tmp_path), make_review(several=False)
    panel.save(review, None)
    assert review.saved == {}
    panel.save(review, "love")
    assert review.saved == {0: ["love"]}
    files = [update["value"] for update in panel.all(review)[-2:]]
    assert pd.read_csv(files[0]).to_dict("records") == [{"text": "so glad", "label": "love"}]
    panel.look(review)
    review.look_at(0)
    panel.forget(review)
    assert [update["interactive"] for update in panel.all(review)[-2:]] == [False, False]


def test_results_that_are_no_longer_kept_are_told_in_a_sentence(tmp_path):
    panel = ReviewPanel(make_reader(True), tmp_path)
    for outputs in (panel.save(None, ["joy"])[2:], panel.step(None, 1), panel.sort(None, LEAST_SURE)[1:]):
        assert "read the texts again" in outputs[0]
