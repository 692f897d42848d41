"""Long texts in windows: every token is read, and pooled features are those of naive loops over the windows."""

import json

import pytest
import torch
from transformers import AutoModel, AutoTokenizer, ByT5Tokenizer

from fusion_model import FusionForSequenceClassification
from fusion_model.backbones import Backbone, check_backbones
from fusion_model.encoder import BackboneEncoder
from fusion_model.explain_score import explain_score
from fusion_model.pooling import POOLINGS
from fusion_model.windows import MERGES, Windows
from training.folder import write_model

LONG = "the night may bring what it did not expect and I hate it so much " * 9
CLOSE = {"atol": 2e-3, "rtol": 1e-3}
FOLDERS = ["tiny_bert", "tiny_roberta", "tiny_llama"]


def encoder_of(folder, **changes) -> BackboneEncoder:
    spec = {"name": "tiny", "model_id": str(folder), "max_length": 16, "dtype": "float32", "long_texts": "windows"}
    return BackboneEncoder(check_backbones([{**spec, **changes}])[0])


def windows_by_hand(tokenizer, text: str, max_length: int) -> tuple[list[list[int]], int]:
    """Slices of a text's own tokens, with special tokens around each; and how many neighbours share."""
    whole, bare = tokenizer(text)["input_ids"], tokenizer(text, add_special_tokens=False)["input_ids"]
    head = next(i for i in range(len(whole)) if whole[i : i + len(bare)] == bare)
    room = max_length - (len(whole) - len(bare))
    starts = range(0, max(1, len(bare) - room // 4), room - room // 4)
    return [whole[:head] + bare[i : i + room] + whole[head + len(bare) :] for i in starts], room // 4


def pooled_by_hand(model, windows: list[list[int]], shared: int, layer: int, pooling: str) -> torch.Tensor:
    """One window after the other, and numbers one after the other."""
    states = []
    for ids in windows:
        with torch.no_grad():
            states.append(model(torch.tensor([ids]), output_hidden_states=True).hidden_states[layer][0])
    weights = [len(ids) - (shared if number else 0) for number, ids in enumerate(windows)]
    if pooling == "max":
        return torch.stack([vector for state in states for vector in state]).amax(0)
    if pooling == "last":
        return states[-1][-1]
    of_windows = [state.mean(0) if pooling == "mean" else state[0] for state in states]
    return sum(w * vector for w, vector in zip(weights, of_windows, strict=True)) / sum(weights)


@pytest.mark.parametrize("name", FOLDERS)
def test_windows_hold_every_token_in_order_overlap_and_have_special_tokens_of_their_own(name, request):
    tokenizer = AutoTokenizer.from_pretrained(request.getfixturevalue(name))
    read = Windows(tokenizer, [LONG, "ok", LONG[:90]], 16)
    for text, windows in zip((LONG, "ok", LONG[:90]), read.of_texts, strict=True):
        assert (windows, read.overlap) == windows_by_hand(tokenizer, text, 16)
    assert [len(windows) > 1 for windows in read.of_texts] == [True, False, True]
    assert max(len(ids) for windows in read.of_texts for ids in windows) == 16


def test_a_tokenizer_that_cuts_the_beginning_gives_windows_from_beginning_to_end(tiny_bert):
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert, truncation_side="left")
    read = Windows(tokenizer, [LONG], 16)
    (windows,) = read.of_texts
    joined = windows[0][1:-1] + [i for ids in windows[1:] for i in ids[1 + read.overlap : -1]]
    assert joined == tokenizer(LONG, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("pooling", sorted(MERGES))
def test_every_pooling_of_windows_equals_a_naive_loop(name, pooling, request):
    folder = request.getfixturevalue(name)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    texts = [LONG, "no", LONG[100:300]]
    features = encoder_of(folder, layers=[0, -1], pooling=pooling).encode(texts).float()
    for row, text in enumerate(texts):
        windows, shared = windows_by_hand(AutoTokenizer.from_pretrained(folder), text, 16)
        expected = torch.cat([pooled_by_hand(model, windows, shared, layer, pooling) for layer in (0, -1)])
        torch.testing.assert_close(features[row], expected, **CLOSE)


def test_slots_are_in_the_order_of_texts_that_fit_whatever_is_read_together(tiny_bert, texts, monkeypatch):
    layers, poolings = [0, 2, -1], ["max", "mean", "last", "cls"]
    encoder = encoder_of(tiny_bert, layers=layers, pooling=poolings)
    mixed = [LONG, *texts, LONG[50:], ""]
    together = encoder.encode(mixed)
    apart = [encoder_of(tiny_bert, layers=[i], pooling=[name]).encode(mixed) for i in layers for name in poolings]
    torch.testing.assert_close(together, torch.cat(apart, dim=1), **CLOSE)
    monkeypatch.setattr("fusion_model.windows.GROUP_WINDOWS", 3)
    torch.testing.assert_close(encoder.encode(mixed), together, **CLOSE)
    # As on a GPU: similar lengths together, padded.
    monkeypatch.setattr("fusion_model.encoder.bucket_by_length", lambda lengths, *a, **k: [range(len(lengths))])
    torch.testing.assert_close(encoder.encode(mixed), together, **CLOSE)


def test_texts_that_fit_have_the_features_of_cut_ones_and_progress_counts_each_once(tiny_bert, texts):
    short = [text for text in texts if len(text) < 40]
    mixed = [LONG, *short, LONG[20:]]
    counts: list[int] = []
    windows, cut = encoder_of(tiny_bert), encoder_of(tiny_bert, long_texts="cut")
    found, expected = windows.encode(mixed, progress=counts.append), cut.encode(mixed)
    torch.testing.assert_close(found[1:-1], expected[1:-1], **CLOSE)
    assert ((found - expected)[[0, -1]].abs() > 0.01).any(dim=1).all()
    assert (sum(counts), windows.cut_texts, cut.cut_texts) == (len(mixed), 0, 2)
    assert windows.encode([]).shape == (0, 32)


def test_only_texts_that_lost_tokens_are_counted_as_cut(tiny_bert, tiny_llama):
    for folder in (tiny_bert, tiny_llama):
        encoder = encoder_of(folder, long_texts="cut", max_length=6)
        room = 6 - encoder.tokenizer.num_special_tokens_to_add()
        encoder.tokenize([" ok" * count for count in (0, 1, 20)])
        lengths = [len(encoder.tokenizer("ok" + " ok" * n)["input_ids"]) for n in range(6)]
        before = encoder.cut_texts
        encoder.tokenize(["ok" + " ok" * n for n in range(6)])
        assert encoder.cut_texts - before == sum(length > 6 for length in lengths)
        assert 6 in lengths, "one fits to the token"
        encoder.encode([("ok", "ok"), ("ok", LONG), "ok"])
        assert encoder.cut_texts - before == sum(length > 6 for length in lengths) + 1
        assert room > 0


def test_a_tokenizer_in_python_counts_texts_that_were_cut_and_gives_no_windows():
    from fusion_model.tokens import read_tokens

    tokenizer, cut = ByT5Tokenizer(), []
    read_tokens(tokenizer, ["abc", "abcd", "abcde", ("ab", "cd"), ("a", "b")], 5, on_cut=cut.append)
    assert sum(cut) == 2
    with pytest.raises(ValueError, match=r"tokenizer\.json, or set long_texts: cut"):
        Windows(tokenizer, ["abc"], 5)


def test_pairs_are_refused_and_both_cures_work(tiny_bert):
    pair = ("so happy", "that you came")
    with pytest.raises(ValueError, match=r"Input 1 is a pair.*long_texts: cut.*as one text"):
        encoder_of(tiny_bert).encode(["ok", pair])
    assert encoder_of(tiny_bert, long_texts="cut").encode(["ok", pair]).shape == (2, 32)
    assert encoder_of(tiny_bert).encode(["ok", " ".join(pair)]).shape == (2, 32)


def test_a_window_without_room_for_the_text_is_refused_and_a_longer_one_is_read(tiny_bert):
    with pytest.raises(ValueError, match=r"raise max_length \(2\)"):
        encoder_of(tiny_bert, max_length=2).encode([LONG])
    assert encoder_of(tiny_bert, max_length=3).encode([LONG]).isfinite().all()


def test_what_cannot_be_read_in_windows_is_refused_with_the_config(monkeypatch):
    spec = {"name": "tiny", "model_id": "x"}
    with pytest.raises(ValueError, match=r"long_texts is 'window': expected one of \('cut', 'windows'\)"):
        Backbone(**spec, long_texts="window")
    with pytest.raises(ValueError, match="expected cut for a backbone that is fine-tuned"):
        Backbone(**spec, long_texts="windows", tuned=True)
    monkeypatch.setitem(POOLINGS, "least", lambda hidden, mask, lengths: hidden[:, 0])
    with pytest.raises(ValueError, match=r"\['cls', 'last', 'max', 'mean'\] with long_texts: windows"):
        Backbone(**spec, long_texts="windows", pooling=("least",))
    assert Backbone(**spec, pooling=("least",)).long_texts == "cut"


def test_a_model_keeps_its_windows_and_one_that_cuts_has_the_config_it_had(make_model, specs, tmp_path):
    write_model(make_model(), tmp_path / "cut", bundle_backbones=True)
    assert "long_texts" not in (tmp_path / "cut" / "config.json").read_text(encoding="utf-8")
    reading = [{**spec, "long_texts": "windows", "max_length": 12} for spec in specs]
    write_model(make_model(backbones=reading), tmp_path / "windows", bundle_backbones=True)
    content = json.loads((tmp_path / "windows" / "config.json").read_text(encoding="utf-8"))
    assert [one["long_texts"] for one in content["backbones"]] == ["windows"] * 3
    model = FusionForSequenceClassification.from_pretrained(tmp_path / "windows").eval()
    cut = make_model(backbones=[{**spec, "max_length": 12} for spec in specs])
    texts = [LONG + "ok", LONG + "so happy that you came"]
    torch.testing.assert_close(*cut.logits(texts), atol=1e-4, rtol=0)
    assert (model.logits(texts)[0] - model.logits(texts)[1]).abs().max() > 1e-3
    # Token ids of the first window, and how many there are.
    lines = "\n".join(explain_score(model, texts[0]))
    windows = Windows(model.encoder("bert").tokenizer, texts[:1], 12).of_texts[0]
    assert f"{windows[0]}" in lines
    assert f"the first of {len(windows)} windows" in lines
