"""Training the last layers on cached states: what the whole backbone with its lower layers frozen would become."""

import numpy as np
import pytest
import torch
from datasets import Dataset, concatenate_datasets

from extraction.features import pin
from extraction.token_states import TokenStates, extract_token_states
from fusion_model.backbones import Backbone, check_backbones
from fusion_model.encoder import BackboneEncoder
from tests.standins import standin
from training.finetune import EndToEnd, freeze
from training.finetune_feed import state_rows
from training.finetune_options import Finetune
from training.top_layers import UpperLayers, pad_states, padded_length, upper_layers

TEXTS = ["so happy", "so very very sad about it", "so what", "", "so happy"]
KINDS = ["bert", "distilbert", "llama"]


def make(tmp_path, kind: str, **keys) -> Backbone:
    """A stand-in's backbone, computing in float32."""
    content = {"name": "small", "model_id": str(standin(kind, tmp_path / kind, layers=3)), "tuned": True}
    (backbone,) = check_backbones([{**content, "dtype": "float32", **keys}])
    return pin(backbone)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_the_whole_backbone_with_its_lower_layers_frozen(tmp_path, kind):
    encoder = BackboneEncoder(make(tmp_path, kind, layers=[-1], pooling=["mean", "max"]))
    torch.manual_seed(0)
    model = encoder.model.double()
    depth = model.config.num_hidden_layers
    upper = upper_layers(encoder.backbone, encoder, top_layers=1)
    assert upper is not None
    assert upper.first == depth - 1
    both = EndToEnd(model, encoder.backbone, 3, upper).double()
    freeze(model, Finetune(top_layers=1))
    both.eval()  # without dropout, which has lower layers too
    both.loss_function = torch.nn.functional.cross_entropy
    ids = [row for row in encoder.tokenize(TEXTS) if row]
    below = []
    for row in ids:
        with torch.no_grad():
            below.append(model(input_ids=torch.tensor([row]), output_hidden_states=True).hidden_states[depth - 1][0])
    states, mask = pad_states(below, 128)
    labels = torch.arange(len(ids)) % 3
    padded = torch.zeros_like(mask)
    for place, row in enumerate(ids):
        padded[place, : len(row)] = torch.tensor(row)

    def gradients(**inputs) -> dict[str, torch.Tensor]:
        both.zero_grad()
        both(attention_mask=mask, labels=labels, **inputs).loss.backward()
        return {name: p.grad.clone() for name, p in both.named_parameters() if p.grad is not None}

    whole = gradients(input_ids=padded)
    names = {id(p): name for name, p in both.named_parameters()}
    with upper.alone():
        both.zero_grad()
        both(attention_mask=mask, labels=labels, states=states).loss.backward()
        alone = {names[id(p)]: p.grad.clone() for p in both.parameters() if p.grad is not None}
    assert alone.keys() == whole.keys()
    assert len(whole) > 10
    for name, expected in whole.items():
        assert torch.allclose(alone[name], expected, rtol=0, atol=1e-6), name
    assert max(float(one.abs().max()) for one in whole.values()) > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_backbone_is_back_afterwards(tmp_path, kind):
    encoder = BackboneEncoder(make(tmp_path, kind))
    before = encoder.encode(TEXTS)
    names = list(encoder.model.state_dict())
    upper = upper_layers(encoder.backbone, encoder, top_layers=1)
    assert upper is not None
    with upper.alone():
        assert len(list(encoder.model.state_dict())) < len(names)
    assert list(encoder.model.state_dict()) == names
    assert torch.equal(encoder.encode(TEXTS), before)


@pytest.mark.parametrize(
    ("top_layers", "layers"), [(None, [-1]), (0, [-1]), (3, [-1]), (1, [-2]), (2, [1, -1]), (1, [0])], ids=str
)
def test_all_layers_run_where_a_pooled_state_lies_below_or_nothing_is_frozen(tmp_path, top_layers, layers):
    backbone = make(tmp_path, "bert", layers=layers)
    assert upper_layers(backbone, BackboneEncoder(backbone), top_layers) is None


@pytest.mark.parametrize(
    ("lengths", "max_length", "padded"), [([1, 5], 128, 8), ([8, 3], 128, 8), ([126], 126, 126), ([125], 126, 126)]
)
def test_batches_have_few_lengths_and_none_above_the_longest_that_is_read(lengths, max_length, padded):
    assert padded_length(lengths, max_length) == padded


def test_layers_that_ignore_their_input_are_not_trained_alone(tmp_path, monkeypatch):
    backbone = make(tmp_path, "bert")
    monkeypatch.setattr(UpperLayers, "_put_in", lambda self, module, args, kwargs: None)
    assert upper_layers(backbone, BackboneEncoder(backbone), 1) is None


@pytest.mark.parametrize("kind", KINDS)
def test_cached_states_are_the_hidden_states_of_each_text_by_itself(tmp_path, kind):
    backbone = make(tmp_path, kind)
    split = Dataset.from_dict({"text": TEXTS})
    found = extract_token_states(split, backbone, 1, cache_dir=tmp_path / "cache", shard_rows=2)
    states = TokenStates(concatenate_datasets([found, found]), backbone.hidden_size)
    encoder = BackboneEncoder(backbone)
    ids = encoder.tokenize(TEXTS)
    assert states.lengths.tolist() == [len(row) for row in ids] * 2
    for row in range(2 * len(TEXTS)):
        one = torch.tensor([ids[row % len(TEXTS)]])
        with torch.no_grad():
            expected = encoder.model(input_ids=one, output_hidden_states=True).hidden_states[1][0]
        assert states[row].dtype == torch.bfloat16
        assert torch.allclose(states[row].float(), expected, rtol=1e-2, atol=1e-3)


def test_states_are_read_again_from_the_cache_and_never_of_other_weights_or_texts(tmp_path, monkeypatch):
    backbone, split = make(tmp_path, "bert"), Dataset.from_dict({"text": TEXTS})
    where = {"cache_dir": tmp_path / "cache"}
    first = extract_token_states(split, backbone, 1, **where)
    with monkeypatch.context() as patched:
        patched.setattr("extraction.token_states.packed_states", None)  # whatever is computed now fails
        assert extract_token_states(split, backbone, 1, **where)[:] == first[:]
        with pytest.raises(TypeError):
            extract_token_states(split, backbone, 2, **where)
        with pytest.raises(TypeError):
            extract_token_states(split.select([1, 0]), backbone, 1, **where)
    weights = BackboneEncoder(backbone).load_model()
    weights.get_input_embeddings().weight.mul_(2)
    weights.save_pretrained(backbone.model_id)
    other = extract_token_states(split, pin(backbone), 1, **where)
    assert other[0] != first[0]


def test_a_damaged_shard_is_named_and_computed_again(tmp_path, caplog):
    backbone, split = make(tmp_path, "bert"), Dataset.from_dict({"text": TEXTS})
    first = extract_token_states(split, backbone, 1, cache_dir=tmp_path / "cache")[:]
    (shard,) = (tmp_path / "cache").rglob("*.arrow")
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    assert extract_token_states(split, backbone, 1, cache_dir=tmp_path / "cache")[:] == first
    assert str(shard) in caplog.text


def test_the_size_is_said_before_it_is_written(tmp_path, caplog):
    caplog.set_level("INFO")
    backbone, split = make(tmp_path, "bert"), Dataset.from_dict({"text": TEXTS})
    extract_token_states(split, backbone, 1, cache_dir=tmp_path / "cache")
    tokens = sum(map(len, BackboneEncoder(backbone).tokenize(TEXTS)))
    assert f"hidden state 1 of about {tokens} tokens" in caplog.text
    assert "MiB" in caplog.text


def test_a_batch_holds_the_states_and_labels_of_its_rows(tmp_path):
    backbone = make(tmp_path, "bert")
    splits = {
        "train": (Dataset.from_dict({"text": TEXTS}), np.arange(5) % 2),
        "validation": (Dataset.from_dict({"text": TEXTS[:2]}), np.array([1, 0])),
    }
    rows, collate = state_rows(splits, backbone, 1, tmp_path / "cache", torch.device("cpu"))
    batch = collate([rows["train"][1], rows["validation"][0]])
    expected = collate([rows["train"][1], rows["train"][0]])
    assert torch.equal(batch["states"], expected["states"])
    assert batch["labels"].tolist() == [1, 1]
    assert batch["attention_mask"].sum(dim=1).tolist() == [rows["train"][1]["length"], rows["train"][0]["length"]]
