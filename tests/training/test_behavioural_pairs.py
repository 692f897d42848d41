"""Behavioural tests: pairs are well-formed, one passes if its score moves far enough, a model's passes are counted."""

from collections import Counter

import pytest
import torch

from extraction.sources import load_source
from extraction.splits import label_names
from fusion_model import FusionConfig, FusionForSequenceClassification
from tests.standins import standin
from training.behaviour import Pair, pass_rates, read_pairs


def test_there_are_150_pairs_15_of_each_of_ten_kinds():
    assert sorted(Counter(pair.kind for pair in read_pairs()).values()) == [15] * 10


def test_labels_are_the_samples_and_scores_have_to_rise_in_some_pairs_and_to_fall_in_others():
    pairs = read_pairs()
    assert {pair.label for pair in pairs} <= set(label_names(load_source("sample")))
    directions = Counter(pair.direction for pair in pairs)
    assert set(directions) == {"up", "down"}
    assert min(directions.values()) >= 50


def test_no_text_occurs_twice():
    texts = Counter(text.lower() for pair in read_pairs() for text in (pair.first, pair.second))
    assert [text for text, count in texts.items() if count > 1] == []


def test_pairs_of_one_word_differ_in_one_word():
    pairs = [pair for pair in read_pairs() if pair.kind == "one changed word"]
    assert pairs
    for pair in pairs:
        first, second = pair.first.split(), pair.second.split()
        assert len(first) == len(second)
        assert sum(a != b for a, b in zip(first, second, strict=True)) == 1


@pytest.mark.parametrize(
    ("direction", "first", "second", "passed"),
    [
        ("up", 0.2, 0.4, True),
        ("up", 0.2, 0.39, False),
        ("up", 0.4, 0.2, False),
        ("down", 0.4, 0.2, True),
        ("down", 0.39, 0.2, False),
        ("down", 0.2, 0.4, False),
    ],
)
def test_a_pair_passes_if_the_score_moves_by_the_factor_in_the_right_direction(direction, first, second, passed):
    assert Pair("negation", "a", "b", "joy", direction).passes(first, second, 2.0) is passed


def make_model(folder, names, several=True, **options):
    """A model of random weights that reads texts with a tiny BERT."""
    torch.manual_seed(0)
    read = {"name": "tiny", "model_id": str(standin("bert", folder)), "hidden_size": 24, "dtype": "float32"}
    config = FusionConfig(
        backbones=[read],
        linear_skip=True,
        problem_type="multi_label_classification" if several else "single_label_classification",
        id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
        thresholds=[0.5] * len(names) if several else None,
        **options,
    )
    return FusionForSequenceClassification(config).eval()


@pytest.mark.parametrize("several", [True, False])
def test_passes_are_counted_by_kind_from_the_scores_that_the_model_gives(tmp_path, several):
    names = sorted({pair.label for pair in read_pairs()})
    model = make_model(tmp_path, [*names, "neutral"], several)
    with torch.no_grad():  # scores that differ much between texts
        for weights in model.parameters():
            weights.mul_(30)
    found = pass_rates(model)
    expected: Counter = Counter()
    for pair in read_pairs():
        answers = model.predict([pair.first, pair.second], top_k=None)
        first, second = (next(one["score"] for one in answer if one["label"] == pair.label) for answer in answers)
        expected[pair.kind] += pair.passes(first, second, found["factor"])
    assert {kind: counts["passed"] for kind, counts in found["kinds"].items() if kind != "all"} == dict(expected)
    assert found["kinds"]["all"] == {"pairs": 150, "passed": expected.total()}
    assert 0 < expected.total() < 150


def test_a_model_that_lacks_a_label_or_reads_pairs_of_texts_is_not_tested(tmp_path):
    names = sorted({pair.label for pair in read_pairs()})
    assert pass_rates(make_model(tmp_path / "lacks", names[1:])) is None
    assert pass_rates(make_model(tmp_path / "pairs", names, text_columns=["said", "answer"])) is None
