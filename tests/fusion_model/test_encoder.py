"""A text's features: the same alone and in company, equal to naive loops, and never infinite."""

from functools import cache

import pytest
import torch
from transformers import AutoModel, AutoTokenizer, LlamaModel

from fusion_model.backbones import check_backbones
from fusion_model.encoder import BackboneEncoder
from fusion_model.pooling import PooledLayers, pool
from tests.standins import standin

OVERFLOW = 900  # found by trial
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


def encoder_of(folder, **changes) -> BackboneEncoder:
    spec = {"name": "tiny", "model_id": str(folder), "max_length": 48, "dtype": "float32", **changes}
    return BackboneEncoder(check_backbones([spec])[0])


@cache
def loaded(folder) -> tuple:
    """A tokenizer and a model as transformers gives them."""
    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder, dtype=torch.float32).eval()


def naive(folder, text: str, layer: int, pooling: str, max_length: int = 48) -> torch.Tensor:
    """One text, one token after the other."""
    tokenizer, model = loaded(folder)
    ids = tokenizer(text, truncation=True, max_length=max_length)["input_ids"]
    with torch.no_grad():
        vectors = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[layer][0].tolist()
    if pooling == "cls":
        return torch.tensor(vectors[0])
    if pooling == "last":
        return torch.tensor(vectors[-1])
    columns = list(zip(*vectors, strict=True))
    return torch.tensor([max(c) if pooling == "max" else sum(c) / len(ids) for c in columns])


@pytest.mark.parametrize("name", ["tiny_bert", "tiny_roberta", "tiny_llama"])
@pytest.mark.parametrize("pooling", ["mean", "max", "cls", "last"])
def test_every_pooling_equals_a_naive_loop_over_real_tokens(name, pooling, request, texts):
    folder = request.getfixturevalue(name)
    features = encoder_of(folder, layers=[0, -1], pooling=pooling).encode(texts[:5]).float()
    for row, text in enumerate(texts[:5]):
        expected = torch.cat([naive(folder, text, layer, pooling) for layer in (0, -1)])
        torch.testing.assert_close(features[row], expected, atol=2e-3, rtol=1e-3)


def test_a_real_decoder_is_pooled_over_real_tokens(models_dir, texts):
    folder = models_dir / "stories260k"
    for pooling in ("mean", "max", "cls", "last"):
        features = encoder_of(folder, layers=[-2, -1], pooling=pooling).encode(texts[:4]).float()
        for row, text in enumerate(texts[:4]):
            expected = torch.cat([naive(folder, text, layer, pooling) for layer in (-2, -1)])
            torch.testing.assert_close(features[row], expected, atol=5e-3, rtol=2e-3)


def test_a_real_encoder_is_pooled_over_real_tokens(texts):
    minilm = encoder_of("sentence-transformers/all-MiniLM-L6-v2", layers=[3, -1], pooling=["mean", "cls"])
    features = minilm.encode(texts[:3]).float()
    for row, text in enumerate(texts[:3]):
        parts = [naive(minilm.location, text, layer, p) for layer in (3, -1) for p in ("mean", "cls")]
        torch.testing.assert_close(features[row], torch.cat(parts), atol=3e-3, rtol=1e-3)


@pytest.mark.parametrize("name", ["tiny_bert", "tiny_roberta", "tiny_llama", "minilm"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_company_does_not_change_a_texts_features(name, dtype, request, texts):
    folder = "sentence-transformers/all-MiniLM-L6-v2" if name == "minilm" else request.getfixturevalue(name)
    encoder = encoder_of(folder, layers=[0, 1, -1], pooling=["mean", "max", "cls", "last"], dtype=dtype)
    together = encoder.encode([*texts, LONG, *reversed(texts)])
    alone = torch.cat([encoder.encode([text]) for text in texts])
    assert torch.equal(together[: len(texts)], together[len(texts) + 1 :].flip(0))
    # A matrix product may round its last bit otherwise for another number of rows; float16 shows it rarely.
    close = {"atol": 1e-3, "rtol": 1e-3} if dtype == "float32" else {"atol": 0.05, "rtol": 0.02}
    torch.testing.assert_close(together[: len(texts)], alone, **close)
    if dtype == "float32":
        assert (together[: len(texts)] != alone).float().mean() < 0.01


def test_padding_as_on_a_gpu_does_not_change_features(tiny_bert, tiny_roberta, tiny_llama, texts, monkeypatch):
    for folder in (tiny_bert, tiny_roberta, tiny_llama):
        encoder = encoder_of(folder, layers=[-1], pooling=["mean", "max", "cls", "last"])
        one_length = encoder.encode(texts)
        with monkeypatch.context() as patch:
            patch.setattr("fusion_model.encoder.bucket_by_length", lambda lengths, *a, **k: [range(len(lengths))])
            torch.testing.assert_close(encoder.encode(texts), one_length, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "llama"])
def test_pairs_have_the_same_features_alone_in_company_and_padded_as_on_a_gpu(kind, tmp_path, texts, monkeypatch):
    encoder = encoder_of(standin(kind, tmp_path), layers=[0, -1], pooling=["mean", "max", "cls", "last"])
    pairs = [*zip(texts, texts[::-1], strict=True), *texts[:3], ("no", LONG), (LONG, "no")]
    together, alone = encoder.encode(pairs), torch.cat([encoder.encode([pair]) for pair in pairs])
    monkeypatch.setattr("fusion_model.encoder.bucket_by_length", lambda lengths, *a, **k: [range(len(lengths))])
    assert len({len(ids) for ids in encoder.tokenize(pairs)}) > 5
    for others in (together, encoder.encode(pairs)):
        torch.testing.assert_close(others, alone, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("name", ["tiny_bert", "tiny_roberta", "tiny_llama", "minilm"])
def test_layers_pooled_as_they_appear_are_the_hidden_states(name, request, texts, monkeypatch):
    folder = "sentence-transformers/all-MiniLM-L6-v2" if name == "minilm" else request.getfixturevalue(name)
    changes = {"layers": [0, 2, -1, 1], "pooling": ["mean", "max", "cls", "last"]}
    monkeypatch.setattr("fusion_model.packed.can_pack", lambda dtype: False)
    hooked = encoder_of(folder, **changes)
    features = hooked.encode(texts)
    assert hooked.layers.hooked
    monkeypatch.setattr(PooledLayers, "_agrees", lambda self, ids: False)
    collected = encoder_of(folder, **changes)
    assert torch.equal(collected.encode(texts), features)
    assert not collected.layers.hooked


def test_hooks_that_see_something_else_than_the_hidden_states_are_not_used(tiny_bert, texts, monkeypatch):
    monkeypatch.setattr("fusion_model.packed.can_pack", lambda dtype: False)
    expected = encoder_of(tiny_bert, layers=[0, 1]).encode(texts)
    hook = PooledLayers._hook

    def shifted(self, layer):
        take = hook(self, layer)
        return lambda module, args, kwargs: take(module, (args[0] + 1,), kwargs)

    monkeypatch.setattr(PooledLayers, "_hook", shifted)
    encoder = encoder_of(tiny_bert, layers=[0, 1])
    assert torch.equal(encoder.encode(texts), expected)
    assert not encoder.layers.hooked


def test_a_batch_that_memory_does_not_hold_is_read_in_halves_and_later_ones_are_smaller(tiny_bert, monkeypatch):
    texts = ["so happy that you came"] * 10
    encoder = encoder_of(tiny_bert)
    expected, forward, sizes = encoder.encode(texts), BackboneEncoder._forward, []

    def limited(self, token_ids, segments=None):
        sizes.append(len(token_ids))
        if len(token_ids) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, token_ids)

    monkeypatch.setattr(BackboneEncoder, "_forward", limited)
    limit, before = 5, encoder._max_tokens
    torch.testing.assert_close(encoder.encode(texts), expected, atol=1e-3, rtol=1e-3)
    assert (sizes, encoder._max_tokens) == ([10, 5, 5], before // 2)
    limit = 4
    with pytest.raises(ValueError, match=r"Backbone 'tiny' runs out of memory on cpu with 5 text\(s\) of \d+ tokens"):
        encoder.encode(texts)


def test_order_is_kept_and_progress_counts_every_text_once(tiny_bert, texts):
    encoder = encoder_of(tiny_bert)
    shuffled = [texts[i] for i in (3, 1, 4, 0, 2)]
    counts: list[int] = []
    features = encoder.encode(shuffled, progress=counts.append)
    for row, text in enumerate(shuffled):
        torch.testing.assert_close(features[row], encoder.encode([text])[0], atol=1e-3, rtol=1e-3)
    assert sum(counts) == 5
    assert encoder.encode([]).shape == (0, 32)


@pytest.mark.parametrize("name", ["tiny_bert", "tiny_roberta", "tiny_llama"])
def test_odd_texts_have_finite_features(name, request):
    encoder = encoder_of(request.getfixturevalue(name), pooling=["mean", "max", "cls", "last"])
    texts = [text.encode("utf-8", "replace").decode() for text in ODD]
    assert torch.isfinite(encoder.encode(texts)).all()


def test_a_tokenizer_without_special_tokens_turns_nothing_into_one_token(make_llama, tmp_path, texts):
    encoder = encoder_of(make_llama(tmp_path, bos=False), pooling=["mean", "last"])
    assert encoder.tokenize(["", "ok"])[0] == [1]
    features = encoder.encode(["", *texts[:2]])
    assert torch.isfinite(features).all()
    torch.testing.assert_close(features[1], encoder.encode([texts[0]])[0], atol=1e-3, rtol=1e-3)


def overflowing_llama(make_llama, folder):
    """A tiny Llama whose MLP exceeds 65,504 inside for "I hate this" and not for "ok"; what comes out fits again."""
    make_llama(folder)
    model = LlamaModel.from_pretrained(folder)
    with torch.no_grad():
        for layer in model.layers:
            layer.mlp.gate_proj.weight.mul_(OVERFLOW)
            layer.mlp.up_proj.weight.mul_(OVERFLOW)
            layer.mlp.down_proj.weight.mul_(0.01)
    model.half().save_pretrained(folder)
    return folder


def test_texts_that_overflow_in_float16_and_no_others_are_read_in_float32(make_llama, tmp_path):
    folder = overflowing_llama(make_llama, tmp_path)
    texts = ["I hate this", "ok", "so happy that you came"]
    half, full = encoder_of(folder, dtype="float16"), encoder_of(folder, dtype="float32")
    with torch.inference_mode():
        finite = [bool(half._forward([ids]).isfinite().all()) for ids in half.tokenize(texts)]
    assert finite == [False, True, False], "the test's model must overflow for some texts only"
    quiet = half.encode(["ok"])
    frequencies = half.model.rotary_emb.inv_freq.clone()
    features = half.encode(texts)
    assert torch.equal(features[[0, 2]], full.encode(texts)[[0, 2]])
    assert torch.equal(features[1], quiet[0])
    # The model is as it was before, and so is what it says.
    assert {p.dtype for p in half.model.parameters()} == {torch.float16}
    assert half.model.rotary_emb.inv_freq.dtype == frequencies.dtype
    assert torch.equal(half.model.rotary_emb.inv_freq, frequencies)
    assert torch.equal(half.encode(["ok"]), quiet)


def test_features_that_do_not_fit_name_their_texts(make_llama, tmp_path):
    folder = make_llama(tmp_path)
    model, tokenizer = LlamaModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        model.embed_tokens.weight[tokenizer.convert_tokens_to_ids("!")] *= 1e8
    model.save_pretrained(folder)
    for dtype in ("float32", "float16", "bfloat16"):
        encoder = encoder_of(folder, dtype=dtype, layers=[0])
        with pytest.raises(
            ValueError, match=r"Backbone 'tiny' .* do not fit in float16 for the text\(s\) at index \[1, 3\]"
        ):
            encoder.encode(["ok", "wow!", "no", "no!"])


def test_layers_and_lengths_beyond_the_backbone_are_refused(tiny_bert, tiny_llama):
    with pytest.raises(ValueError, match=r"hidden states 0 to 3, but layers names \[4, -5\]"):
        encoder_of(tiny_bert, layers=[4, -1, -5]).encode(["ok"])
    with pytest.raises(ValueError, match=r"reads at most 64 tokens. Lower max_length"):
        encoder_of(tiny_bert, max_length=65).encode(["ok"])


def test_a_backbone_whose_positions_have_no_end_reads_more_than_it_was_made_for_and_says_so(tiny_llama, caplog):
    assert encoder_of(tiny_llama, max_length=128).encode([LONG]).shape == (1, 32)
    assert not caplog.messages
    assert encoder_of(tiny_llama, max_length=129).encode([LONG]).shape == (1, 32)
    assert "max_length is 129, but it was made for 128 tokens" in caplog.text


def test_a_backbone_that_is_nowhere_says_what_can_be_done(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(OSError, match=r"not on this machine and the Hub cannot be reached.*recipe 'minilm'"):
        encoder_of("nobody/nothing-of-this-name").encode(["ok"])


def test_pooling_ignores_padding():
    hidden = torch.tensor([[[1.0, -5.0], [3.0, -1.0], [99.0, 99.0]], [[2.0, 2.0], [4.0, 4.0], [6.0, 0.0]]])
    mask, lengths = torch.tensor([[True, True, False], [True, True, True]]), torch.tensor([2, 3])
    assert pool(hidden, mask, lengths, "mean").tolist() == [[2.0, -3.0], [4.0, 2.0]]
    assert pool(hidden, mask, lengths, "max").tolist() == [[3.0, -1.0], [6.0, 4.0]]
    assert pool(hidden, mask, lengths, "cls").tolist() == [[1.0, -5.0], [2.0, 2.0]]
    assert pool(hidden, mask, lengths, "last").tolist() == [[3.0, -1.0], [6.0, 0.0]]
