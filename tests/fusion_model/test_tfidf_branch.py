"""The TF-IDF branch against scikit-learn's TfidfVectorizer, and with texts that it knows nothing of."""

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from fusion_model.terms import WORD, pieces_of_word
from fusion_model.tfidf import TfidfBranch
from training.tfidf import MIN_PIECE_TEXTS, MIN_WORD_TEXTS, fit_tfidf

UNSEEN = [
    "Did you expect ME to be happy?! happy happy happy",
    "I don’t hate the dark 😂😂",
    "zzzz qqqq",
    "",
    "supercalifragilistic" * 30,
    "THE NIGHT may bring what I've ever seen!!!",
    "line\nbreak\tand\u2028more",
]


def words_of(text: str) -> list[str]:
    words = WORD.findall(text.lower())
    return [f"w:{word}" for word in words] + [f"w:{first} {second}" for first, second in pairwise(words)]


def pieces_of(text: str) -> list[str]:
    return [piece for word in WORD.findall(text.lower()) for piece in pieces_of_word(word)]


@pytest.fixture(scope="module")
def fitted(texts) -> tuple[TfidfBranch, list[str]]:
    train = [*texts * 2, *(f"{a} {b}" for a in texts for b in texts[:3])]
    labels = np.random.default_rng(3).integers(0, 4, len(train))
    return fit_tfidf(train, labels, 4, c=2.0), train


def test_logits_equal_scikit_learns_vectors_times_the_weights_on_unseen_texts(fitted):
    channel, train = fitted
    vectorizers = [
        TfidfVectorizer(analyzer=words_of, min_df=MIN_WORD_TEXTS, sublinear_tf=True),
        TfidfVectorizer(analyzer=pieces_of, min_df=MIN_PIECE_TEXTS, sublinear_tf=True),
    ]
    for vectorizer in vectorizers:
        vectorizer.fit(train)
    vectors = sparse.hstack([vectorizer.transform(UNSEEN) for vectorizer in vectorizers])
    assert vectors.shape[1] == len(channel.idf)
    expected = vectors @ channel.weight.double().numpy() + channel.bias.double().numpy()
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(channel(UNSEEN).numpy(), expected, atol=1e-5)
    terms = [term for vectorizer in vectorizers for term in vectorizer.get_feature_names_out()]
    assert list(channel.index) == terms


def test_texts_without_a_known_term_give_the_bias(fitted):
    channel, _ = fitted
    for text in ("", "   ", "ќ ќ", "\x00"):
        torch.testing.assert_close(channel([text])[0], channel.bias, atol=0, rtol=0)
    assert channel([]).shape == (0, 4)


def test_a_text_scores_the_same_alone_and_in_company(fitted):
    channel, _ = fitted
    together = channel(UNSEEN)
    for row, text in enumerate(UNSEEN):
        torch.testing.assert_close(channel([text])[0], together[row], atol=1e-6, rtol=0)


def test_the_vocabulary_travels_in_the_state_dict_and_its_index_is_built_once(fitted):
    channel, _ = fitted
    twin = TfidfBranch(len(channel.idf), len(channel.vocabulary), 4)
    twin.load_state_dict(channel.state_dict())
    torch.testing.assert_close(twin(UNSEEN), channel(UNSEEN), atol=0, rtol=0)
    assert twin.index is twin.index
    torch.testing.assert_close(copy.deepcopy(channel)(UNSEEN), channel(UNSEEN), atol=0, rtol=0)


def test_half_precision_changes_little(fitted):
    channel, _ = fitted
    torch.testing.assert_close(copy.deepcopy(channel).bfloat16()(UNSEEN), channel(UNSEEN), atol=0.1, rtol=0.05)


def test_the_model_adds_the_weighted_channel(make_model, fitted, texts):
    channel, _ = fitted
    sizes = {"lexical_terms": len(channel.idf), "lexical_bytes": len(channel.vocabulary)}
    labels = {0: "a", 1: "b", 2: "c", 3: "d"}
    model = make_model(id2label=labels, lexical_weight=0.3, temperature=2.0, **sizes)
    model.lexical.load_state_dict(channel.state_dict())
    plain = make_model(id2label=labels)
    expected = (plain.logits(texts) + 0.3 * channel(texts)) / 2
    torch.testing.assert_close(model.logits(texts), expected, atol=1e-5, rtol=0)
    without = model.logits(texts, without="lexical") * 2
    torch.testing.assert_close(without, plain.logits(texts), atol=1e-5, rtol=0)


def test_terms_keep_case_apart_from_nothing_and_signs_apart_from_words():
    assert words_of("Don't STOP!") == ["w:don't", "w:stop", "w:!", "w:don't stop", "w:stop !"]
    assert pieces_of("ok") == ["c: o", "c:ok", "c:k ", "c: ok", "c:ok ", "c: ok "]
    assert not any(set(term) & set("\n\t\r") for term in words_of("a\nb\tc\r\nd") + pieces_of("a\nb\tc\r\nd"))
