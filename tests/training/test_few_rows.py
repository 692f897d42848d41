import numpy as np
import pytest
import torch
from datasets import Dataset, Features, List, Value
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from fusion_model import Backbone
from training.arguments import parse
from training.feed import FeatureColumn, FeatureDataset
from training.few_rows import TRIED_C, adapt, fit_head
from training.head import build_config, build_model, predict_logits
from training.prior import Prior, log_prior
from training.tfidf import fit_tfidf

BACKBONE = Backbone(name="tiny", model_id="tiny", layers=(0, -1), pooling=("mean",), hidden_size=20)


def made(rows: int, noise: float, seed: int) -> tuple[FeatureDataset, np.ndarray]:
    """Texts' features that tell which of four labels they have, the more noise the less."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, rows)
    features = np.random.default_rng(9).normal(0, 1, (4, BACKBONE.width))[labels] + rng.normal(
        0, noise, (rows, BACKBONE.width)
    )
    return FeatureDataset({"tiny": column_of(features)}, labels), labels


def column_of(features: np.ndarray) -> FeatureColumn:
    """Features as they come from the cache."""
    kind = Features({"tiny": List(Value("float16"), length=BACKBONE.width)})
    return FeatureColumn(Dataset.from_dict({"tiny": features.astype(np.float16)}, features=kind))


def fitted(train: FeatureDataset, labels: np.ndarray, start: torch.Tensor | None = None):
    """A model of one linear layer, and the C that was chosen."""
    arguments = parse(["--few_rows", "500", "--lexical", "false"])
    arguments.backbones = [BACKBONE]
    adapt(arguments, len(train))
    several = labels.ndim == 2
    config = build_config(arguments, [BACKBONE], list("abcd"), several)
    train.labels = labels
    prior = Prior(log_prior(labels, 4), {} if start is None else {"tiny": start})
    model = build_model(config, train.columns, None, {}, prior)
    return model, fit_head(model, train, [], 2.0)[0]


def test_the_layer_is_the_optimum_that_scikit_learn_finds():
    train, labels = made(120, 3.0, 0)
    model, c = fitted(train, labels)
    assert c in TRIED_C
    x = train.columns["tiny"].take(np.arange(120)).astype(np.float64)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    x /= np.sqrt((x**2).sum(axis=1).mean())
    expected = LogisticRegression(C=c, tol=1e-10, max_iter=10_000).fit(x, labels).predict_log_proba(x)
    assert log_softmax(predict_logits(model, train, 50), axis=1) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("several", [False, True])
def test_labels_of_texts_that_were_not_fitted_are_found(several):
    train, labels = made(100, 1.0, 1)
    unseen, truth = made(200, 1.0, 2)
    model, _ = fitted(train, np.eye(4, dtype=np.float32)[labels] if several else labels)
    assert (predict_logits(model, unseen, 50).argmax(axis=1) == truth).mean() > 0.9


@pytest.mark.parametrize("told", [False, True])
def test_words_count_where_they_tell_what_features_do_not(told):
    train, labels = made(200, 1.0 if not told else 50.0, 3)
    shown = labels if told else np.random.default_rng(0).permutation(labels)
    texts = [f"word{label} and others" for label in shown]
    tfidf = fit_tfidf(texts, labels, 4, 2.0)
    arguments = parse(["--few_rows", "500", "--lexical_weight", "0.6"])
    arguments.backbones = [BACKBONE]
    adapt(arguments, len(train))
    config = build_config(arguments, [BACKBONE], list("abcd"), False)
    model = build_model(config, train.columns, tfidf, {}, Prior(log_prior(labels, 4), {}))
    fit_head(model, train, texts, 2.0)
    assert model.config.lexical_weight == pytest.approx(0.6 if told else 0.3)


def test_logits_of_the_other_folds_are_worse_than_those_of_the_fit_and_better_than_chance():
    train, labels = made(150, 4.0, 6)
    arguments = parse(["--few_rows", "500", "--lexical", "false"])
    arguments.backbones = [BACKBONE]
    adapt(arguments, len(train))
    config = build_config(arguments, [BACKBONE], list("abcd"), False)
    model = build_model(config, train.columns, None, {}, Prior(log_prior(labels, 4), {}))
    _, apart = fit_head(model, train, [], 2.0)
    right = [(logits.argmax(axis=1) == labels).mean() for logits in (apart, predict_logits(model, train, 50))]
    assert 0.35 < right[0] < right[1] - 0.1


def test_the_layer_starts_from_the_names_and_keeps_what_rows_do_not_speak_against():
    every, labels = made(40, 1.0, 4)
    start = torch.from_numpy(np.random.default_rng(9).normal(0, 1, (4, BACKBONE.width))).float()
    known = np.flatnonzero(labels != 3)  # of the last label there is no example
    few = FeatureDataset({"tiny": column_of(every.columns["tiny"].take(known))}, labels[known])
    unseen, truth = made(200, 1.0, 5)
    hits = [
        (predict_logits(fitted(few, labels[known], one)[0], unseen, 50)[truth == 3].argmax(axis=1) == 3).mean()
        for one in (None, start)
    ]
    assert hits[0] < 0.2
    assert hits[1] > 0.5


def test_rows_decide_and_the_terminal_says_so(caplog):
    caplog.set_level("INFO")
    many, few = (parse(["--few_rows", "100", "--num_runs", "3"]) for _ in range(2))
    adapt(many, 101)
    assert (many.training.few_rows, many.training.num_runs) == (0, 3)
    assert many.head.cooccurrence
    assert not caplog.text
    adapt(few, 100)
    # Another seed would fit the same layer.
    assert (few.training.few_rows, few.training.num_runs) == (100, 1)
    assert "one run" in caplog.text
    assert (few.head.cooccurrence, few.head.num_members) == (False, 1)
    assert "100 training rows" in caplog.text
    assert "--few_rows 0" in caplog.text


@pytest.mark.parametrize(
    "flag", [["--learning_rate", "1e-4"], ["--learning-rate=1e-4"], ["--num_members=3"], ["--loss", "focal"]]
)
def test_who_sets_what_only_trained_heads_obey_gets_trained_heads(flag):
    assert parse([]).training.few_rows > 0
    assert parse(flag).training.few_rows == 0
    assert parse([*flag, "--few_rows", "50"]).training.few_rows == 50


def test_a_recipe_without_a_frozen_backbone_has_no_layer_to_fit():
    words = parse(["--recipe", "words", "--few_rows", "100"])
    adapt(words, 10)
    assert words.training.few_rows == 0
