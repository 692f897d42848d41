"""A cheap model labels what it is sure of, the large one the rest, from a margin that is chosen on labelled texts."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import label
from fusion_model import FusionConfig, FusionForSequenceClassification
from labelling.cascade import Material, choose, held_out
from labelling.cascade import main as choose_margin
from labelling.deferral import margins, read_cascade
from labelling.model import find_model
from labelling.output import ResumeError
from tests.labelling.conftest import LABELS, TEXTS
from training.folder import write_model
from training.tfidf import fit_tfidf


def write_words(folder, labels=LABELS, thresholds=(0.5, 0.4, 0.3)):
    """A model of words alone, which knows the texts and nothing of their numbers."""
    targets = np.eye(3)[[0, 1, 2, 0, 1]]
    lexical = fit_tfidf(TEXTS * 3, np.tile(targets, (3, 1)), 3, c=5.0)
    config = FusionConfig(
        backbones=[],
        problem_type="multi_label_classification",
        id2label=dict(enumerate(labels)),
        label2id={name: number for number, name in enumerate(labels)},
        thresholds=list(thresholds),
        lexical_terms=len(lexical.idf),
        lexical_bytes=len(lexical.vocabulary),
    )
    model = FusionForSequenceClassification(config).eval()
    model.lexical.load_state_dict(lexical.state_dict())
    write_model(model, folder, bundle_backbones=False)
    return folder


@pytest.fixture(scope="module")
def words_folder(tmp_path_factory):
    return write_words(tmp_path_factory.mktemp("words") / "words")


@pytest.fixture(scope="module")
def words(words_folder):
    return FusionForSequenceClassification.from_pretrained(words_folder).eval()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory, words):
    """Texts with the labels that the model of words predicts, so that it makes hardly a mistake."""
    texts = [f"{TEXTS[number % 5]} {' '.join(TEXTS[number % 3].split()[:2])} {number}" for number in range(200)]
    found = zip(texts, words.predict(texts), strict=True)
    rows = [{"text": text, "labels": [entry["label"] for entry in row]} for text, row in found if row]
    rows += [{"text": f"two at once {number}", "labels": LABELS[:2]} for number in range(5)]
    file = tmp_path_factory.mktemp("data") / "data.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


@pytest.fixture
def cascade_file(tmp_path, model_folder, words_folder, words):
    """A margin that about half of the texts of `corpus_folder` reach."""

    def write(margin=None):
        texts = [f"{text} {number}" for number, text in enumerate(TEXTS)]
        found = margins(texts, words.logits(texts).numpy(), words.config, [5, 3, 1])
        content = {
            "model": find_model(str(model_folder)).describe(),
            "cheap": find_model(str(words_folder)).describe(),
            "cheap_source": str(words_folder),
            "margin": float(np.sort(found)[2]) - 1e-6 if margin is None else margin,
            "label_counts": [5, 3, 1],
        }
        (tmp_path / "cascade.json").write_text(json.dumps(content))
        return tmp_path / "cascade.json"

    return write


def arguments(corpus, model_folder, out, *more):
    flags = ["--model", model_folder, "--input", corpus, "--output", out, "--part_rows", 15, *more]
    return [str(flag) for flag in flags]


def test_a_margin_is_the_distance_in_log_odds_and_smaller_for_a_rare_label_and_a_short_text():
    config = SimpleNamespace(problem_type="multi_label_classification", thresholds=[0.5, 0.2])
    texts, logits, counts = ["a" * 12, ("a" * 40, "b" * 900)], np.array([[1.0, -3.0], [-0.5, 2.0]], np.float32), [10, 2]
    at = [0.0, math.log(0.2 / 0.8)]
    expected = [
        math.log(work / sum(1 / (1 + math.exp(2 * abs(x - t))) / n for x, t, n in zip(row, at, counts, strict=True)))
        for work, row in zip((20, 520), logits.tolist(), strict=True)
    ]
    assert margins(texts, logits, config, counts) == pytest.approx(expected)
    near = np.array([[0.1, -9.0], [-9.0, at[1] + 0.1]])
    assert np.argmin(margins(["a", "a"], near, config, counts)) == 1
    assert np.argmin(margins(["a", "a"], near, config, counts[::-1])) == 0
    assert np.argmin(margins(["a", "longer"], near[[0, 0]], config, counts)) == 0
    assert np.isfinite(margins([""], np.array([[900.0, -900.0]]), config, [0, 0])).all()


def test_where_a_text_has_one_label_the_margin_is_between_the_best_two():
    config = SimpleNamespace(problem_type="single_label_classification", thresholds=None)
    logits = np.array([[3.0, 2.0, -9.0], [3.0, -9.0, 0.0], [5.0, 4.0, -9.0]])
    found = margins(["a"] * 3, logits, config, [1, 1, 1])
    assert found[1] > found[0] == pytest.approx(found[2], abs=1e-3)
    assert found[0] == pytest.approx(math.log(9 / (2 / (1 + math.exp(2)))), abs=1e-3)


def test_each_text_has_the_labels_of_the_model_that_its_margin_says(
    tmp_path, corpus_folder, model_folder, model, words, cascade_file, capsys
):
    (corpus_folder / "d.jsonl").write_text('{"key": "none", "text": null}')
    file = cascade_file()
    given = arguments(corpus_folder, model_folder, tmp_path / "out", "--cascade", file, "--keep_text")
    label.main(given)
    table = pq.read_table(tmp_path / "out")
    *rows, last = table.to_pylist()
    assert [last[name] for name in ("labels", "scores", "deferred")] == [None] * 3
    texts = [row["text"] for row in rows]
    deferred = (
        margins(texts, words.logits(texts).numpy(), words.config, [5, 3, 1])
        < read_cascade(file, find_model(str(model_folder))).margin
    )
    assert [row["deferred"] for row in rows] == deferred.tolist()
    assert 5 < deferred.sum() < 35
    assert f"{deferred.sum()} of them were deferred" in capsys.readouterr().out
    for row, later, *answers in zip(rows, deferred, words.predict(texts), model.predict(texts), strict=True):
        assert row["labels"] == [entry["label"] for entry in answers[int(later)]]
    both = torch.stack([words.logits(texts), model.logits(texts)]).sigmoid().numpy()
    expected = np.where(deferred[:, None], both[1], both[0])
    np.testing.assert_allclose([row["scores"] for row in rows], expected, atol=1e-6)
    # In whatever order parts are worked on.
    (tmp_path / "out" / "part-000000.parquet").unlink()
    label.main(given)
    assert pq.read_table(tmp_path / "out").equals(table)


def test_a_folder_is_not_gone_on_with_by_another_cascade(tmp_path, corpus_folder, model_folder, cascade_file):
    given = arguments(corpus_folder, model_folder, tmp_path / "out")
    label.main([*given, "--cascade", str(cascade_file(margin=1.25))])
    with pytest.raises(ResumeError, match=r"cascade = .*'margin': 1.25.* and this is cascade = None"):
        label.main(given)
    with pytest.raises(ResumeError, match=r"'margin': 1.25.* and this is .*'margin': 1.5"):
        label.main([*given, "--cascade", str(cascade_file(margin=1.5))])
    label.main([*arguments(corpus_folder, model_folder, tmp_path / "other"), "--cascade", str(cascade_file(1.5))])


@pytest.mark.parametrize("flags", [["--top_k", "2"], ["--threshold", "0.4"], ["--features_only"]])
def test_a_rule_of_the_user_s_own_is_refused_beside_a_cascade(flags):
    with pytest.raises(ValueError, match=rf"--cascade.*leave out .*{flags[0]}"):
        label.parse(["--model", "m", "--input", "i", "--output", "o", "--cascade", "c.json", *flags])


@pytest.mark.parametrize("changed", ["model", "cheap"])
def test_models_that_have_changed_since_need_a_margin_of_their_own(
    tmp_path, model_folder, words_folder, cascade_file, dataset, changed
):
    file = cascade_file()
    content = json.loads(file.read_text())
    content[changed]["sha256"] = "0" * 64
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"--{changed} has changed") as refusal:
        read_cascade(file, find_model(str(model_folder)))
    command = str(refusal.value).partition("python -m labelling.cascade ")[2].partition("`")[0]
    choose_margin([*command.replace("DATA", str(dataset)).split(), "--max_loss", "1", "--output", str(file)])
    assert read_cascade(file, find_model(str(model_folder))).cheap == find_model(str(words_folder))


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"model": {}, "cheap": {}, "cheap_source": "a", "margin": null}']
)
def test_a_file_of_another_kind_is_named_with_the_command_that_writes_one(tmp_path, model_folder, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ValueError, match=r"a\.json.*python -m labelling\.cascade"):
        read_cascade(tmp_path / "a.json", find_model(str(model_folder)))


def material(rows=400, labels=3, seed=0):
    """A large model that is right, and a cheap one that is wrong the more often the smaller its margin is."""
    random = np.random.default_rng(seed)
    targets = random.random((rows, labels)) < 0.3
    margin = random.random(rows)
    wrong = random.random((rows, labels)) > 0.5 + margin[:, None]
    return Material(targets, np.stack([targets, targets ^ wrong]), margin, np.full(rows, 10), (8.0, 1.0))


def test_a_curve_goes_from_the_large_model_s_score_to_the_cheap_one_s_and_speed_up():
    curve = material().curve()
    assert (curve[0].share, curve[0].loss, curve[0].macro_f1) == (0, 0, 1)
    assert curve[0].speed_up == pytest.approx(8 / 9)
    assert curve[-1].share == 1
    assert curve[-1].speed_up == pytest.approx(8)
    assert curve[-1].loss > 0.05
    # 40 % of the characters are read by the large model too.
    (point,) = [point for point in curve if point.share == 0.6]
    assert point.speed_up == pytest.approx(8 / (1 + 0.4 * 8))


def test_the_chosen_margin_loses_no_more_and_neither_does_any_surer_one():
    curve = material().curve()
    chosen = choose(curve, 0.02)
    assert 0.4 < chosen.share < 0.9
    assert all(point.loss <= 0.02 for point in curve if point.share <= chosen.share)
    assert curve[curve.index(chosen) + 1].loss > 0.02
    assert choose(curve, -1.0) == curve[0]
    share, loss = held_out(material(), 0.02)
    assert abs(share - chosen.share) < 0.15
    assert 0 < loss < 0.06


def test_the_command_writes_the_curve_and_label_py_reads_its_margin(
    tmp_path, dataset, corpus_folder, model_folder, words_folder, capsys
):
    file = tmp_path / "cascade.json"
    given = [
        "--model",
        str(model_folder),
        "--cheap",
        str(words_folder),
        "--dataset",
        str(dataset),
        "--output",
        str(file),
    ]
    choose_margin([*given, "--max_loss", "0.9"])
    written = json.loads(file.read_text())
    assert written["curve"][-1]["share"] == 1
    assert written["margin"] in [point["margin"] for point in written["curve"] if point["loss"] <= 0.9]
    said = capsys.readouterr().out
    assert f"--cascade {file}" in said
    label.main(arguments(corpus_folder, model_folder, tmp_path / "out", "--cascade", file))
    assert pq.read_schema(tmp_path / "out" / "part-000000.parquet").names == ["id", "labels", "scores", "deferred"]


def test_a_cheap_model_of_no_use_or_of_other_labels_is_refused(tmp_path, dataset, words_folder):
    file = tmp_path / "cascade.json"
    wrong = write_words(tmp_path / "wrong", thresholds=[1e-9] * 3)  # predicts all labels of all texts
    given = ["--model", words_folder, "--cheap", wrong, "--dataset", dataset, "--output", file]
    given = [str(flag) for flag in given]
    with pytest.raises(ValueError, match=r"No text can be left.*larger --max_loss"):
        choose_margin(given)
    assert not file.exists()
    choose_margin([*given, "--max_loss", "1"])
    assert json.loads(file.read_text())["curve"][-1]["loss"] > 0.1
    given[3] = str(write_words(tmp_path / "other", ["joy", "anger", "awe"]))
    with pytest.raises(ValueError, match=r"--cheap .*other.*'awe', 'fear'"):
        choose_margin(given)
    with pytest.raises(ValueError, match=r"--max_loss is 3.0"):
        choose_margin([*given, "--max_loss", "3"])
