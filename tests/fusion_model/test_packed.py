"""Backbones laid out for the processor: the features of transformers' own forward, from few kernels."""

import copy
import logging
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import torch
from torch import nn

from fusion_model.buckets import bucket_by_length
from fusion_model.packed import (
    MOST_ROWS,
    PackedLayers,
    PackedLinear,
    attend_by_products,
    can_pack,
    pack,
    round_up_rows,
)
from fusion_model.pooling import PooledLayers
from tests.fusion_model.architectures import build
from tests.fusion_model.test_encoder import encoder_of
from tests.standins import standin

DTYPES = [
    pytest.param(dtype, marks=pytest.mark.skipif(not can_pack(dtype), reason=f"torch's own way is as fast in {dtype}"))
    for dtype in (torch.float32, torch.bfloat16)
]
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
SLOTS = {"layers": [0, 1, -1], "pooling": ["mean", "max", "cls", "last"]}
TEXTS = ["no", "so happy that you came " * 3, "I hate it", "so happy that you came " * 9, "oh no", "I hate it", ""]
PAIRS = [("no", "I hate it"), ("so happy that you came " * 9, "oh no"), ("oh no", "so happy"), ("I hate it", "no")]


def name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def plain(folder, monkeypatch, **changes):
    """The encoder, loaded as on a processor where nothing is packed."""
    encoder = encoder_of(folder, **SLOTS, **changes)
    with monkeypatch.context() as patch:
        patch.setattr("fusion_model.packed.can_pack", lambda dtype: False)
        assert encoder.layers is not None
    assert not packed(encoder)
    return encoder


def packed(encoder) -> bool:
    return isinstance(encoder.layers, PackedLayers)


def least_cosine(features: torch.Tensor, others: torch.Tensor, width: int) -> float:
    slots = (len(features), -1, width)
    return float(nn.functional.cosine_similarity(features.float().view(slots), others.float().view(slots), dim=2).min())


@pytest.mark.parametrize("dtype", DTYPES)
def test_packed_layers_give_what_the_layers_gave_side_by_side(dtype):
    torch.manual_seed(0)
    linears = [nn.Linear(24, width).to(dtype).requires_grad_(False) for width in (40, 8, 16)]
    product, x, residual = PackedLinear(*linears), torch.randn(48, 24, dtype=dtype), torch.randn(48, 64, dtype=dtype)
    expected = torch.cat([linear(x) for linear in linears], dim=1).float()
    close = {"atol": 1e-5, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 0.02, "rtol": 0.02}
    torch.testing.assert_close(product(x).float(), expected, **close)
    torch.testing.assert_close(product(x, "gelu").float(), nn.functional.gelu(expected), **close)
    torch.testing.assert_close(product.plus(x, residual).float(), expected + residual.float(), **close)


@pytest.mark.parametrize("with_bias", [False, True])
def test_attention_by_products_is_torchs_own_however_many_texts_fit_in_the_cache(with_bias, monkeypatch):
    torch.manual_seed(0)
    qkv = torch.randn(3, 7, 4, 9, 8).bfloat16()
    bias = torch.randn(1, 4, 9, 9).bfloat16() if with_bias else None
    expected = nn.functional.scaled_dot_product_attention(*qkv.float(), None if bias is None else bias.float())
    for texts_at_once in (1, 3, 7, 100):
        monkeypatch.setattr("fusion_model.packed.MOST_SCORES", texts_at_once * 4 * 9 * 9)
        torch.testing.assert_close(attend_by_products(qkv, bias), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(not can_pack(torch.bfloat16), reason="torch's own way is as fast in bfloat16")
@pytest.mark.parametrize("kind", ["minilm", "mpnet"])
def test_texts_that_are_read_beside_a_text_change_nothing_in_bfloat16(kind, tmp_path):
    encoder = encoder_of(MINILM if kind == "minilm" else build(kind, tmp_path), **SLOTS, dtype="bfloat16")
    texts = ["so happy that you came", "I hate it very much", "no one came to see", "so happy that you came " * 14] * 3
    alone = torch.cat([encoder.encode([text]) for text in texts])
    assert packed(encoder)
    assert (encoder.encode(texts).float() - alone.float()).abs().max() <= 2**-6 * alone.float().abs().max()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["minilm", "bert", "camembert", "mpnet", "roberta", "xlm-roberta"])
def test_packed_features_are_those_of_a_plain_forward_for_mixed_lengths_and_alone(kind, dtype, tmp_path, monkeypatch):
    folder, width = (MINILM, 384) if kind == "minilm" else (build(kind, tmp_path), 16)
    encoder = encoder_of(folder, **SLOTS, dtype=name_of(dtype))
    together, alone = encoder.encode(TEXTS), torch.cat([encoder.encode([text]) for text in TEXTS])
    assert packed(encoder)
    expected = plain(folder, monkeypatch, dtype="float32").encode(TEXTS)
    least = 0.99999 if dtype == torch.float32 else 0.9995 if kind == "minilm" else 0.998
    assert least_cosine(together, expected, width) > least
    assert least_cosine(together, alone, width) > least


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["minilm", "bert", "roberta"])
def test_packed_pairs_keep_their_segments(kind, dtype, tmp_path, monkeypatch):
    folder = MINILM if kind == "minilm" else standin(kind, tmp_path)
    encoder, texts = encoder_of(folder, **SLOTS, dtype=name_of(dtype)), [*PAIRS, *TEXTS, PAIRS[1]]
    features, width = encoder.encode(texts), encoder.model.config.hidden_size
    assert packed(encoder)
    expected = plain(folder, monkeypatch, dtype="float32").encode(texts)
    assert least_cosine(features, expected, width) > (0.99999 if dtype == torch.float32 else 0.9995)
    ids, segments = encoder.tokenize_segments(PAIRS)
    if segments is not None:  # of the longest pair; without them the features are others
        one = slice(1, 2)
        assert least_cosine(encoder._forward(ids[one]), encoder._forward(ids[one], segments[one]), width) < 0.9999


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_copies_and_pickles_of_a_packed_encoder_give_the_same_features(dtype, tiny_bert):
    encoder = encoder_of(tiny_bert, **SLOTS, dtype=name_of(dtype))
    with ThreadPoolExecutor(4) as threads:
        several = list(threads.map(encoder.encode, [TEXTS] * 8))
    assert packed(encoder)
    for other in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):
        several.append(other.encode(TEXTS))
    assert all(torch.equal(features, several[0]) for features in several)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["bert", "mpnet"])
def test_weights_are_held_once_and_the_backbone_is_loaded_again_where_it_is_asked_for(kind, dtype, tmp_path):
    folder = build(kind, tmp_path)
    encoder, texts = encoder_of(folder, **SLOTS, dtype=name_of(dtype)), [*TEXTS, *PAIRS]
    before = {name: value.clone() for name, value in encoder.model.state_dict().items()}
    gone = weakref.ref(encoder.model.encoder.layer[0].output.dense.weight)
    features = encoder.encode(texts)
    assert packed(encoder)
    assert gone() is None
    again = encoder.model.state_dict()
    assert again.keys() == before.keys()
    assert all(torch.equal(again[name], value) for name, value in before.items())
    assert torch.equal(encoder.encode(texts), features)
    encoder.save(tmp_path / "saved")
    assert torch.equal(encoder_of(tmp_path / "saved", **SLOTS, dtype=name_of(dtype)).encode(texts), features)


@pytest.mark.parametrize("kind", ["distilbert", "llama"])
def test_other_builds_run_as_transformers_has_them_and_the_log_says_so(kind, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "fusion_model.encoder"):
        encoder = encoder_of(standin(kind, tmp_path))
        encoder.encode(TEXTS)
        encoder.encode(TEXTS)
    said = [message for message in caplog.messages if "runs as transformers has it" in message]
    assert not packed(encoder)
    assert len(said) == 1
    assert "'tiny'" in said[0]
    assert "torch.float32" in said[0]


@pytest.mark.parametrize("change", ["training", "gradients", "activation", "subclass", "other linear layers"])
@pytest.mark.parametrize("dtype", DTYPES[:1])
def test_a_backbone_that_computes_something_else_is_not_packed(change, dtype, tiny_bert):
    model = encoder_of(tiny_bert).model
    layers = PooledLayers(model, [-1], ["mean"], [2, 3])
    assert pack(layers, [2, 3]) is not None
    if change == "training":
        model.train()
    elif change == "gradients":
        model.encoder.layer[0].output.dense.requires_grad_(True)
    elif change == "activation":
        model.config.hidden_act = "relu"
    elif change == "subclass":
        model.__class__ = type("BertModel", (type(model),), {})  # this module's
    else:
        model.encoder.layer[1].output.dense.__class__ = type("Other", (nn.Linear,), {})
    assert pack(layers, [2, 3]) is None


@pytest.mark.parametrize("dtype", DTYPES[:1])
def test_a_packed_forward_that_gives_other_features_in_the_trial_is_not_used(dtype, tiny_bert, monkeypatch):
    monkeypatch.setattr("fusion_model.packed.PackedLayer.attend", lambda self, qkv, *_: qkv[:, : qkv.shape[1] // 3])
    encoder = encoder_of(tiny_bert)
    encoder.encode(TEXTS)
    assert not packed(encoder)


@pytest.mark.parametrize("dtype", DTYPES)
def test_calls_of_every_length_keep_little_memory(dtype):
    encoder = encoder_of(MINILM, **SLOTS, dtype=name_of(dtype), max_length=128)
    ids = [[101] * length for length in range(128, 0, -1)]
    encoder._forward(ids[:16])
    before = psutil.Process().memory_info().rss
    for start in range(128):
        encoder._forward(ids[start : start + 1])
        encoder._forward(ids[start : start + 3])
    assert psutil.Process().memory_info().rss - before < 60e6


def test_rows_come_in_few_numbers_and_grow_by_less_than_half():
    numbers = {round_up_rows(rows) for rows in range(MOST_ROWS + 1)}
    assert len(numbers) == 17
    assert all(rows <= round_up_rows(rows) < 1.5 * rows for rows in range(16, MOST_ROWS + 1))
    assert round_up_rows(MOST_ROWS + 1) == 2 * MOST_ROWS


def test_flat_batches_are_filled_with_any_lengths_longest_first():
    lengths = [3, 9, 1, 4, 4, 12, 2]
    batches = list(bucket_by_length(lengths, 10, flat=True))
    assert batches == [[5], [1], [3, 4], [0, 6, 2]]
