"""Every text architecture that can be built tiny: right features, predictions and lengths, or a sentence."""

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from fusion_model import FusionConfig, FusionForSequenceClassification
from fusion_model.backbones import check_backbones
from fusion_model.encoder import BackboneEncoder
from fusion_model.pooling import PooledLayers
from tests.fusion_model.architectures import ARCHITECTURES, FUNNEL, T5, build

POOLINGS = ("mean", "max", "cls", "last")
# Their features change with the padding, whatever the mask: they are read in batches of one length everywhere.
READ_PADDING = {"convbert", "fnet"}
TEXTS = [
    "i am so happy that you came to see me today",
    "why did nobody tell me",
    "cold",
    "i hate this it is so cold today " * 3,
    "why did you tell me that you hate me so " * 4,
]


def encoder_of(folder, **changes) -> BackboneEncoder:
    spec = {"name": "tiny", "model_id": str(folder), "max_length": 48, "dtype": "float32", **changes}
    return BackboneEncoder(check_backbones([spec])[0])


def padded_forward(folder, layers) -> torch.Tensor:
    """All texts in one padded float32 batch with an attention mask, as transformers reads them, pooled in loops."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    batch = tokenizer(TEXTS, padding=True, truncation=True, max_length=48, return_tensors="pt")
    with torch.no_grad():
        # BigBird reads every text in full once it has read a short one.
        model(input_ids=batch["input_ids"][:, :3])
        states = model(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], output_hidden_states=True
        ).hidden_states
    rows = []
    for row, count in enumerate(batch["attention_mask"].sum(dim=1).tolist()):
        slots = []
        for layer in layers:
            tokens = states[layer][row, :count]
            slots += [tokens.mean(dim=0), tokens.max(dim=0).values, tokens[0], tokens[-1]]
        rows.append(torch.cat(slots))
    return torch.stack(rows)


def one_by_one(folder, layers) -> torch.Tensor:
    """The same, a text at a time and without padding."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    rows = []
    for text in TEXTS:
        ids = tokenizer(text, truncation=True, max_length=48, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            model(input_ids=ids[:, :3])
            states = model(input_ids=ids, output_hidden_states=True).hidden_states
        slots = [(x.mean(dim=0), x.max(dim=0).values, x[0], x[-1]) for x in (states[layer][0] for layer in layers)]
        rows.append(torch.cat([vector for slot in slots for vector in slot]))
    return torch.stack(rows)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_an_architecture_is_read_as_transformers_reads_a_padded_batch(kind, tmp_path, monkeypatch):
    folder, layers = build(kind, tmp_path), [0, 1, -2, -1]
    encoder = encoder_of(folder, layers=layers, pooling=list(POOLINGS))
    features = encoder.encode(TEXTS)
    close = {"atol": 4e-3, "rtol": 2e-3}
    torch.testing.assert_close(features.float(), one_by_one(folder, layers), **close)
    pooled = PooledLayers(encoder.model, layers, list(POOLINGS), encoder.tokenize(["."])[0])
    assert pooled.ignores_padding == (kind not in READ_PADDING)
    if kind in READ_PADDING:
        return
    torch.testing.assert_close(features.float(), padded_forward(folder, layers), **close)
    monkeypatch.setattr("fusion_model.encoder.bucket_by_length", lambda lengths, *a, **k: [range(len(lengths))])
    torch.testing.assert_close(encoder.encode(TEXTS), features, **close)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_the_longest_text_that_an_architecture_reads_is_found_by_its_positions(kind, tmp_path):
    folder, longest = build(kind, tmp_path), ARCHITECTURES[kind][1]
    long = ["so " * 300, "cold"]
    assert torch.isfinite(encoder_of(folder, max_length=longest or 200).encode(long)).all()
    if longest is not None:
        with pytest.raises(ValueError, match=rf"max_length is {longest + 1}, .* at most {longest} tokens. Lower"):
            encoder_of(folder, max_length=longest + 1).encode(["cold"])


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_model_over_an_architecture_predicts_a_text_alike_alone_and_in_company(kind, tmp_path):
    spec = {"name": "tiny", "model_id": str(build(kind, tmp_path)), "hidden_size": 16, "dtype": "float32"}
    names = {0: "joy", 1: "anger"}
    config = FusionConfig(
        backbones=[{**spec, "max_length": 48}], fusion_dim=8, hidden_sizes=[8], id2label=names,
        label2id={name: number for number, name in names.items()}, problem_type="single_label_classification",
    )  # fmt: skip
    model = FusionForSequenceClassification(config).eval()
    together = model.predict(TEXTS)
    for text, labels in zip(TEXTS, together, strict=True):
        (alone,) = model.predict([text])
        assert alone[0]["label"] == labels[0]["label"]
        assert alone[0]["score"] == pytest.approx(labels[0]["score"], abs=2e-3)


@pytest.mark.parametrize("kind", sorted(ARCHITECTURES.keys() - {"bert", "distilbert", "roberta"}))
def test_an_architecture_whose_export_is_not_tested_is_refused_by_its_type(kind, tmp_path):
    graph = pytest.importorskip("hub_config.portable.graph", reason="onnx is not installed", exc_type=ImportError)
    spec = {"name": "tiny", "model_id": str(build(kind, tmp_path)), "hidden_size": 16, "max_length": 48}
    model = FusionForSequenceClassification(FusionConfig(backbones=[spec], fusion_dim=8, hidden_sizes=[8]))
    with pytest.raises(graph.ExportError, match=rf"'tiny' is of the type '{kind}': expected one of"):
        graph.load_backbone(model, model.config.backbones[0])


def test_hidden_states_that_are_shorter_than_the_text_are_refused_and_the_others_read(tmp_path):
    folder = build("funnel", tmp_path, FUNNEL)
    with pytest.raises(ValueError, match=r"hidden state\(s\) \[3, 4\]: expected layers of \[0, 1, 2, 5, 6, 7\]"):
        encoder_of(folder, layers=[1, 3, 4]).encode(TEXTS)
    layers = [0, 1, 2, -2, -1]
    features = encoder_of(folder, layers=layers, pooling=list(POOLINGS)).encode(TEXTS)
    torch.testing.assert_close(features.float(), one_by_one(folder, layers), atol=4e-3, rtol=2e-3)


def test_an_encoder_decoder_is_refused_by_its_type(tmp_path):
    with pytest.raises(ValueError, match="is of the type 't5', which is not one stack of layers"):
        encoder_of(build("t5", tmp_path, T5)).encode(["cold"])
