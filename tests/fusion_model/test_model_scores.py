"""Scores of raw texts: those of their features, whatever the company, the thread or the input's oddity."""

import threading
import time

import pytest
import torch

from fusion_model.modeling_fusion import PREDICT_CHUNK

LONG = "the night may bring what it did not expect and I hate it so much " * 36  # 500 words
ODD = [
    "",
    "   \n\t",
    "😂😂😂",
    "\ud83d half a pair \udc00",
    "[PAD] [SEP] </s> <s>",
    "a" * 5000,
    "\x00\x01",
    "é" * 40,
    "مرحبا",
]


def test_features_given_to_forward_score_as_the_texts_do(make_model, texts):
    for problem in ("multi_label_classification", "single_label_classification"):
        model = make_model(problem_type=problem, num_members=2, temperature=1.3)
        logits = model(model.encode(texts)).logits
        torch.testing.assert_close(model.logits(texts), logits.detach(), atol=1e-6, rtol=0)
        scores = logits.sigmoid() if problem.startswith("multi") else logits.softmax(dim=1)
        for row, found in enumerate(model.predict(texts, top_k=None)):
            expected = {model.config.id2label[i]: scores[row, i].item() for i in range(5)}
            assert {item["label"]: item["score"] for item in found} == pytest.approx(expected, abs=1e-6)
            assert [item["score"] for item in found] == sorted((item["score"] for item in found), reverse=True)


@pytest.mark.parametrize("backbones", ["tiny", "minilm"])
def test_a_texts_scores_do_not_depend_on_its_neighbours(make_model, texts, backbones):
    minilm = {"name": "minilm", "model_id": "sentence-transformers/all-MiniLM-L6-v2", "hidden_size": 384}
    options = {"backbones": [{**minilm, "layers": [0, 3, 6], "pooling": ["mean", "max"], "dtype": "float32"}]}
    model = make_model() if backbones == "tiny" else make_model(**options, average_backbone=None)
    together = model.logits([texts[0], LONG, *texts[1:], *ODD]).sigmoid()
    # One of the thousands of float16 features that rounds the other way moves these random heads' scores by some 1e-6.
    close = {"atol": 2e-5, "rtol": 0}
    for row, text in ((0, texts[0]), (1, LONG), (4, texts[3]), (len(texts) + 1, ODD[0])):
        torch.testing.assert_close(model.logits([text]).sigmoid()[0], together[row], **close)
        torch.testing.assert_close(model.logits([text, LONG]).sigmoid()[0], together[row], **close)
    order = torch.randperm(len(texts)).tolist()
    torch.testing.assert_close(model.logits([texts[i] for i in order]), model.logits(texts)[order], atol=1e-4, rtol=0)


def test_odd_texts_are_scored_and_no_texts_give_no_scores(make_model):
    model = make_model()
    assert torch.isfinite(model.logits(ODD)).all()
    assert model.predict([]) == []
    assert model.logits([]).shape == (0, 5)
    assert all(x.shape[0] == 0 for x in model.encode([]).values())
    started = time.perf_counter()
    assert torch.isfinite(model.logits(["happy word " * 50_000])).all()
    assert time.perf_counter() - started < 10


def test_more_texts_than_one_chunk_keep_their_order(make_model):
    model = make_model(average_backbone=None, backbones=make_model().config.backbones[1:2])
    texts = ["ok", "I hate this", "no"] * (PREDICT_CHUNK // 3 + 2)
    logits = model.logits(texts)
    assert logits.shape == (len(texts), 5)
    torch.testing.assert_close(logits, logits[:3].repeat(len(texts) // 3, 1), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("one text", r"Expected a list of texts, got str. For one text, pass \[text\]"),
        (None, "Expected a list of texts, got NoneType"),
        (iter(["a"]), "Expected a list of texts, got list_iterator"),
        (["a", None], r"Input 1 is NoneType \('None'\): expected a text"),
        (["a", "b", 3.5], r"Input 2 is float \('3.5'\)"),
        ([b"bytes"], "Input 0 is bytes"),
        ([["nested"]], "Input 0 is list"),
    ],
)
def test_what_is_no_text_is_named(make_model, inputs, message):
    model = make_model()
    for method in (model.predict, model.logits, model.encode):
        with pytest.raises(ValueError, match=message):
            method(inputs)


def test_logits_are_ordinary_tensors_and_leave_the_model_as_it_was(make_model, texts):
    model = make_model(dropout=0.5).train()
    expected = model.logits(texts)
    assert model.training
    torch.testing.assert_close(model.logits(texts), expected)
    with pytest.raises(ValueError, match="expected a text"):
        model.logits([3])
    assert model.training
    assert not expected.is_inference()
    assert not any(p.is_inference() for p in model.encoder("bert").model.parameters())
    twin = make_model()
    with torch.inference_mode():
        twin.predict(texts[:1])
    assert not any(p.is_inference() for p in twin.encoder("bert").model.parameters())
    assert not any(x.is_inference() for x in twin.encode(texts[:1]).values())


def test_threads_may_share_a_model_that_has_loaded_nothing_yet(make_model, specs, texts):
    expected = make_model().predict(texts, top_k=None)
    model = make_model(backbones=[specs[0] | {"dtype": "float32"}, *specs[1:]])
    results: dict[int, list] = {}
    errors: list[BaseException] = []
    barrier = threading.Barrier(6)

    def work(number: int) -> None:
        try:
            barrier.wait(timeout=30)
            for _ in range(3):
                results[number] = model.predict(texts, top_k=None)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not errors
    for found in results.values():
        for first, second in zip(found, expected, strict=True):
            assert [item["label"] for item in first] == [item["label"] for item in second]
            assert [item["score"] for item in first] == pytest.approx([item["score"] for item in second], abs=1e-6)
    assert len(results) == 6
