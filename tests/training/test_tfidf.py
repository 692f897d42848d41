"""The TF-IDF branch: scikit-learn's logistic regression, found faster."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from training.tfidf import fit_linear, fit_tfidf

SENTENCES = {
    "joy": ["what a happy lovely day", "so happy and glad today", "lovely lovely news, I am glad"],
    "anger": ["this makes me furious", "I hate this awful mess", "furious, I hate it so much"],
    "fear": ["I am scared of the dark", "so afraid and scared tonight", "the dark makes me afraid"],
}
TEXTS = [text for texts in SENTENCES.values() for text in texts] * 4
IDS = np.repeat(np.arange(3), 3).tolist() * 4


@pytest.fixture
def vectors() -> sparse.csr_matrix:
    random = np.random.default_rng(0)
    dense = random.random((150, 30)) * (random.random((150, 30)) < 0.2)
    return sparse.csr_matrix(dense.astype(np.float32))


@pytest.mark.parametrize("c", [0.1, 2.0])
def test_one_label_a_text_is_scikit_learns_softmax_regression(vectors, c):
    labels = (vectors.toarray()[:, :4] + np.random.default_rng(1).random((150, 4))).argmax(axis=1)
    weight, bias = fit_linear(vectors, np.eye(4, dtype=np.float32)[labels], c, multi_label=False)
    expected = LogisticRegression(C=c, tol=1e-8, max_iter=2000).fit(vectors.astype(np.float64), labels)
    np.testing.assert_allclose(weight, expected.coef_.T, atol=2e-3)
    np.testing.assert_allclose(bias - bias.mean(), expected.intercept_ - expected.intercept_.mean(), atol=2e-3)


@pytest.mark.parametrize("c", [0.1, 2.0])
def test_several_labels_are_scikit_learns_regression_for_each(vectors, c):
    random = np.random.default_rng(2)
    targets = (vectors.toarray()[:, :4] + random.random((150, 4)) > 0.9).astype(np.float32)
    weight, bias = fit_linear(vectors, targets, c, multi_label=True)
    expected = OneVsRestClassifier(LogisticRegression(C=c, tol=1e-8, max_iter=2000)).fit(
        vectors.astype(np.float64), targets.astype(int)
    )
    np.testing.assert_allclose(weight, np.hstack([e.coef_.T for e in expected.estimators_]), atol=2e-3)
    np.testing.assert_allclose(bias, np.hstack([e.intercept_ for e in expected.estimators_]), atol=2e-3)


def test_fitting_twice_gives_the_same(vectors):
    targets = np.eye(3, dtype=np.float32)[np.arange(150) % 3]
    first, second = fit_linear(vectors, targets, 2.0, False), fit_linear(vectors, targets, 2.0, False)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


@pytest.mark.parametrize("multi_label", [True, False])
def test_a_label_without_an_example_gets_finite_weights_and_a_low_score(vectors, multi_label):
    targets = np.zeros((150, 3), dtype=np.float32)
    targets[np.arange(150), np.arange(150) % 2] = 1
    weight, bias = fit_linear(vectors, targets, 2.0, multi_label)
    assert np.isfinite(weight).all()
    assert (vectors @ weight + bias)[:, 2].max() < -3


def test_a_label_that_every_text_has_gets_a_high_score(vectors):
    weight, bias = fit_linear(vectors, np.ones((150, 1), dtype=np.float32), 2.0, multi_label=True)
    assert (vectors @ weight + bias).min() > 3


@pytest.mark.parametrize("several", [True, False])
def test_the_channel_learns_from_words_and_is_the_same_each_time(several):
    labels = np.eye(3, dtype=np.float32)[IDS] if several else np.asarray(IDS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        channel, again = (fit_tfidf(TEXTS, labels, 3, c=2.0) for _ in range(2))
    logits = channel(["glad and happy", "I hate it", "scared of the dark"]).numpy()
    np.testing.assert_array_equal(logits.argmax(axis=1), [0, 1, 2])
    for name, value in channel.state_dict().items():
        assert (value == again.state_dict()[name]).all()


@pytest.mark.parametrize("texts", [["unlike", "anything", "else"], ["", " ", "\n"], ["one word"] * 4])
def test_texts_without_a_common_vocabulary_are_refused(texts):
    with pytest.raises(ValueError, match=r"finds no vocabulary in .* training texts.*--lexical false"):
        fit_tfidf(texts, np.zeros(len(texts), dtype=int), 2, c=2.0)
