"""LoRA: adapters are trained, and what is kept is an ordinary backbone."""

import importlib.util

import pytest
import torch

from fusion_model.encoder import BackboneEncoder
from tests.training.test_finetune import moved, small  # noqa: F401 (a fixture)
from training.lora import add_lora, merge_lora

needs_peft = pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="peft is not installed")


@needs_peft
def test_what_is_kept_has_the_backbones_own_weights_changed_by_the_rank_at_most(small):  # noqa: F811
    before, after, _ = small(lora_rank=1)
    assert before.keys() == after.keys()
    changed = moved(before, after)
    assert any("layer.2" in name for name in changed)
    assert all(name.endswith("weight") and after[name].ndim == 2 and "embeddings" not in name for name in changed)
    for name in changed:
        values = torch.linalg.svdvals((after[name] - before[name]).double())
        assert values[1] < 1e-3 * values[0], name


@needs_peft
def test_with_top_layers_adapters_are_in_those_alone(small):  # noqa: F811
    before, after, _ = small(lora_rank=1, top_layers=1)
    changed = moved(before, after)
    assert changed
    assert all("layer.2." in name for name in changed)


@needs_peft
def test_merging_leaves_what_the_model_says(tmp_path):
    from tests.training.test_top_layers import make

    model = BackboneEncoder(make(tmp_path, "bert")).model.requires_grad_(True)
    ids = torch.tensor([[2, 5, 6, 3]])
    add_lora(model, 2)
    assert 0 < sum(p.requires_grad for p in model.parameters()) < len(list(model.parameters())) / 2
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter.data, std=0.1)
    with torch.no_grad():
        expected = model(input_ids=ids).last_hidden_state
        merge_lora(model)
        assert torch.allclose(model(input_ids=ids).last_hidden_state, expected, atol=1e-5)
    assert not any("lora" in name for name in model.state_dict())


def test_without_peft_it_is_refused_before_any_work(monkeypatch, small, tmp_path):  # noqa: F811
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install peft=="):
        small(lora_rank=1)
    assert not (tmp_path / "cache").exists()
