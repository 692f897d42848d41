"""Inputs that were once read wrongly without a word: each is read rightly, or refused with a way out that works."""

import json

import pytest

from common.errors import DataError
from extraction.sources import load_source
from extraction.splits import is_multi_label, label_names
from tests.extraction.layout_builders import FOUR, IDS, ONE, ROWS, TEXTS, lines, table


@pytest.fixture
def load(tmp_path, caplog):
    """Write files and load their folder, or the only one."""

    def load_files(files: dict[str, bytes], **options):
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
        return load_source(str(tmp_path / (next(iter(files)) if len(files) == 1 else "")), **options)

    return load_files


def rows(data) -> int:
    return sum(map(len, data.values()))


def test_two_columns_of_zeros_and_ones_are_two_labels(load):
    data = load({"a.csv": table({"text": TEXTS, "joy": [1, 0] * 8, "anger": [0, 0, 1, 1] * 4})})
    assert label_names(data) == ["joy", "anger"]
    assert is_multi_label(data)
    assert rows(data) == ROWS
    assert str(data.reading) == "texts: 'text' · labels: 2 columns (joy … anger), several per text"


def test_a_stance_is_the_label_and_its_target_is_named_as_another_that_would_fit(load, caplog):
    columns = {"ID": range(ROWS), "Target": ["tea", "cake"] * 8, "Tweet": TEXTS, "Stance": ["FAVOR", "AGAINST"] * 8}
    data = load({"a.tsv": table(columns, "\t")})
    assert label_names(data) == ["AGAINST", "FAVOR"]
    assert "['Target'] would fit as labels as well as 'Stance'" in caplog.text
    assert "not used: 'ID', 'Target'" in str(data.reading)
    assert label_names(load({"a.tsv": table(columns, "\t")}, label_column="Target")) == ["cake", "tea"]


def test_a_category_beside_a_polarity_is_named_as_another_that_would_fit(load, caplog):
    columns = {"sentence": TEXTS, "category": ["food", "staff"] * 8, "polarity": ["good", "bad"] * 8}
    assert label_names(load({"a.csv": table(columns)})) == ["bad", "good"]
    assert "['category'] would fit as labels as well as 'polarity'" in caplog.text


def test_a_label_text_never_becomes_the_text(load):
    content = lines([{"input_ids": [1, i], "label": IDS[i], "label_text": ONE[i]} for i in range(ROWS)])
    with pytest.raises(DataError, match=r"No text column .*input_ids.*no other column holds sentences.*--text_column"):
        load({"a.jsonl": content})


def test_the_text_column_that_a_refusal_asks_for_is_taken(load):
    columns = {"one": TEXTS, "two": [f"{text} again" for text in TEXTS], "label": ONE}
    with pytest.raises(DataError, match=r"\['one', 'two'\] hold sentences alike.*--text_column"):
        load({"a.csv": table(columns)})
    assert rows(load({"a.csv": table(columns)}, text_column="two")) == ROWS


def test_what_an_annotator_rejected_is_no_example(load, caplog):
    accepted = [{"text": text, "label": name, "answer": "accept"} for text, name in zip(TEXTS, ONE, strict=True)]
    data = load({"a.jsonl": lines([*accepted, {"text": "mud", "label": "JOY", "answer": "reject"}])})
    assert label_names(data) == FOUR
    assert rows(data) == ROWS
    assert "1 row(s) whose answer is not 'accept'" in caplog.text


def test_a_split_column_parts_the_rows(load):
    data = load({"a.csv": table({"text": TEXTS, "label": ONE, "split": ["train"] * 12 + ["test"] * 4})})
    assert data["test"]["text"][:] == TEXTS[12:]
    assert "split" not in str(data.reading)


def test_a_table_of_a_test_split_alone_is_refused(load):
    columns = {"text": TEXTS, "label": ONE, "split": ["test"] * ROWS}
    with pytest.raises(DataError, match=r"'split' of .* names only the split\(s\) \['test'\].*Rename the column"):
        load({"a.csv": table(columns)})
    columns["kept apart"] = columns.pop("split")
    assert rows(load({"a.csv": table(columns)})) == ROWS


def test_lists_that_numpy_wrote_are_not_glued_into_one_name(load):
    data = load({"a.csv": table({"text": TEXTS, "labels": ["['joy' 'fear']", "['joy']"] * 8})})
    assert label_names(data) == ["fear", "joy"]


def test_a_slash_separates_names_that_also_stand_alone(load):
    data = load({"a.csv": table({"text": TEXTS, "label": ["Hope/Sadness", "Hope", "Sadness", "Hope"] * 4})})
    assert label_names(data) == ["Hope", "Sadness"]
    assert is_multi_label(data)


def test_a_joined_name_whose_parts_never_stand_alone_is_said_with_its_cure(load, caplog):
    columns = {"text": TEXTS, "label": ["A#B", "C"] * 8}
    assert label_names(load({"a.csv": table(columns)})) == ["A#B", "C"]
    assert "--label_separator '#'" in caplog.text
    assert label_names(load({"a.csv": table(columns)}, label_separator="#")) == ["A", "B", "C"]


def test_ids_in_single_mode_say_that_neutral_is_not_known_and_drop_it_by_name(load, caplog):
    columns = {"text": TEXTS, "label": IDS}
    assert label_names(load({"a.csv": table(columns)}, label_mode="single")) == ["0", "1", "2", "3"]
    assert "neutral, if it is among them, cannot be told and is kept" in caplog.text
    names = ["anger", "fear", "joy", "neutral"]
    data = load({"a.csv": table(columns)}, label_mode="single", label_names=names)
    assert label_names(data) == ["anger", "fear", "joy"]
    assert rows(data) == 12


def test_eval_is_validation_and_files_that_name_no_split_are_said(load, caplog):
    columns = {"text": TEXTS, "label": ONE}
    data = load({"train.csv": table(columns), "eval.csv": table(columns), "notes.csv": table(columns)})
    assert {name: len(split) for name, split in data.items()} == {"train": ROWS, "validation": ROWS}
    assert "['notes.csv']" in caplog.text


def test_equal_texts_stay_on_one_side_of_a_split_that_is_made(load):
    columns = {"text": TEXTS * 3, "label": ONE * 3}
    for seed in range(5):
        data = load({"a.csv": table(columns)}, seed=seed)
        held_out = data["validation"]["text"][:]
        assert not set(held_out) & set(data["train"]["text"][:])
        assert len(held_out) == 3 * len(set(held_out))


def test_texts_of_one_split_that_stand_in_another_are_counted(load, caplog):
    columns = {"text": TEXTS, "label": ONE}
    test = {"text": [*TEXTS[:3], "Nobody said this before"], "label": ONE[:4]}
    data = load({"train.csv": table(columns), "test.csv": table(test)})
    assert any(note.startswith("3 of the 4 texts of test") or "of test stand in" in note for note in data.reading.notes)
    assert "texts of test stand in train too" in caplog.text


def test_a_withheld_label_is_no_class(load, caplog):
    columns = {"text": TEXTS, "labels": [*IDS[:-2], -1, -1]}
    data = load({"a.csv": table(columns)})
    assert label_names(data) == ["0", "1", "2", "3"]
    assert rows(data) == ROWS - 2
    assert "2 row(s) of train have '-1', which says that the label is withheld" in caplog.text
    assert label_names(load({"b.csv": table({"text": TEXTS, "label": [*ONE[:-1], "-"]})})) == FOUR


def test_a_dialogue_has_the_emotions_of_its_utterances_and_not_its_topic(load):
    turns = [{"emotion": name, "act": "inform", "text": text} for text, name in zip(TEXTS, ONE, strict=True)]
    data = load(
        {"a.json": lines([{"fold": "train", "topic": "Work", "dialogue": turns[i : i + 4]} for i in range(0, 16, 4)])}
    )
    assert label_names(data) == FOUR
    assert rows(data) == ROWS


def test_measurements_are_refused_with_bands_that_work(load):
    values = [round(1 + i / 7, 2) for i in range(30)]
    columns = {
        "id": range(30),
        "V": values,
        "A": values,
        "D": values,
        "text": [f"Somebody knocked {i} times" for i in range(30)],
    }
    columns.pop("id")
    with pytest.raises(
        DataError, match=r"\['V', 'A', 'D'\] of .* hold measurements such as 1.0.*pandas.cut\(table\['V'\]"
    ):
        load({"a.csv": table(columns)})
    with pytest.raises(DataError, match=r"'V' of .* has 30 different values .*measurements.*pandas.cut"):
        load({"a.csv": table(columns)}, label_column="V")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(columns)
    frame["label"] = pandas.cut(frame["V"], 3, labels=["low", "middle", "high"])
    assert label_names(load({"b.csv": frame.to_csv(index=False).encode()})) == ["high", "low", "middle"]


def test_strengths_that_are_never_zero_are_refused_with_a_way_that_works(load):
    columns = {"text": TEXTS, "V": [1 + i / 8 for i in range(ROWS)], "A": [2.5, 3] * 8}
    with pytest.raises(DataError, match=r"'V' of .* from 1 to 2.875 and never 0.*>= 1.9375\)"):
        load({"a.csv": table(columns)}, label_column="V,A")
    columns |= {"V": [int(v >= 1.9375) for v in columns["V"]], "A": [int(a >= 2.75) for a in columns["A"]]}
    assert label_names(load({"a.csv": table(columns)}, label_column="V,A")) == ["V", "A"]


def test_vectors_are_refused_until_their_places_have_names(load):
    content = lines([{"text": text, "labels": [int(i % 2), int(i % 3 == 0), 0]} for i, text in enumerate(TEXTS)])
    with pytest.raises(DataError, match=r"0/1 vectors .*names of the 3 places with --label_names"):
        load({"a.jsonl": content})
    assert label_names(load({"a.jsonl": content}, label_names=["joy", "fear", "pride"])) == ["joy", "fear", "pride"]


def test_names_that_do_not_reach_an_id_are_refused(load):
    with pytest.raises(DataError, match=r"holds the id 2, but --label_names gives only 2 names"):
        load({"a.csv": table({"text": TEXTS, "label": IDS})}, label_names=["joy", "fear"])
    with pytest.raises(DataError, match=r"holds \['anger', 'sadness'\], which --label_names does not name"):
        load({"a.csv": table({"text": TEXTS, "label": ONE})}, label_names=["joy", "fear"])


def test_an_empty_list_is_kept_as_none_of_the_labels_and_null_is_not(load):
    labels = [[], None, ["joy"], ["joy", "fear"]] * 4
    data = load({"a.jsonl": lines([{"text": t, "labels": row} for t, row in zip(TEXTS, labels, strict=True)])})
    assert rows(data) == 12
    assert sum(not row for split in data.values() for row in split["labels"][:]) == 4


def test_two_controls_of_label_studio_are_told_apart_by_name(load):
    about = {"annotation_id": range(ROWS), "annotator": [1] * ROWS, "lead_time": [2.5] * ROWS}
    columns = {"text": TEXTS, "mood": ONE, "topic": ["tea", "cake"] * 8, **about}
    with pytest.raises(DataError, match=r"controls \['mood', 'topic'\].*--label_column"):
        load({"a.csv": table(columns)})
    assert label_names(load({"a.csv": table(columns)}, label_column="mood")) == FOUR


def test_two_questions_of_argilla_are_told_apart_by_name(load):
    answer = {"user_id": "u", "status": "submitted"}
    records = [
        {
            "fields": {"text": text},
            "responses": {"mood": [{"value": name, **answer}], "topic": [{"value": "tea", **answer}]},
        }
        for text, name in zip(TEXTS, ONE, strict=True)
    ]
    with pytest.raises(DataError, match=r"questions \['mood', 'topic'\].*--label_column"):
        load({"a.json": json.dumps(records).encode()})
    assert label_names(load({"a.json": json.dumps(records).encode()}, label_column="mood")) == FOUR


def test_several_annotations_of_a_task_are_said_and_joined_where_each_has_a_row(load, caplog):
    def task(i: int, names: tuple[str, ...]) -> dict:
        chosen = [{"result": [{"value": {"choices": [name]}}]} for name in names]
        return {"id": i, "data": {"text": TEXTS[i]}, "annotations": chosen}

    tasks = [task(i, (ONE[i], ONE[i], "joy") if i == 1 else (ONE[i],)) for i in range(ROWS)]
    load({"a.json": json.dumps(tasks).encode()})
    assert "1 task(s) have several annotations, of which the last counts" in caplog.text
    assert "--raters majority" in caplog.text
    told = [(i, name) for i in range(ROWS) for name in ((ONE[i], ONE[i], "joy") if i == 1 else (ONE[i],))]
    columns = {"text": [TEXTS[i] for i, _ in told], "mood": [name for _, name in told]}
    columns |= {"annotation_id": range(len(told)), "annotator": range(len(told)), "lead_time": [1] * len(told)}
    data = load({"a.csv": table(columns)}, raters="majority")
    pairs = [pair for split in data.values() for pair in zip(split["text"], split["labels"], strict=True)]
    assert {text: label_names(data)[label] for text, label in pairs} == dict(zip(TEXTS, ONE, strict=True))
