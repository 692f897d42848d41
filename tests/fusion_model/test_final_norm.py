"""`final_norm: all`: a decoder's states before the last one go through the norm after the last layer, too."""

import pytest
import torch
from transformers import (
    AutoModel,
    AutoTokenizer,
    GPT2Config,
    GPT2Model,
    MistralConfig,
    MistralModel,
    OPTConfig,
    OPTModel,
    Qwen2Config,
    Qwen2Model,
)

from fusion_model.backbones import Backbone, check_backbones
from fusion_model.encoder import BackboneEncoder
from fusion_model.final_norm import find_final_norm

LAYERS = [0, -2, -1]


def encode(folder, texts, **changes) -> torch.Tensor:
    spec = {"name": "tiny", "model_id": str(folder), "layers": LAYERS, "dtype": "float32"}
    return BackboneEncoder(check_backbones([{**spec, **changes}])[0]).encode(texts).float()


def test_all_states_are_normed_and_the_last_is_as_it_was(make_llama, tmp_path, texts, monkeypatch):
    folder = make_llama(tmp_path)
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        model.norm.weight.uniform_(0.5, 2)
    model.save_pretrained(folder)
    found, plain = encode(folder, texts, final_norm="all"), encode(folder, texts)
    for row, text in enumerate(texts):
        with torch.no_grad():
            states = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states
            expected = [model.norm(states[layer]) for layer in LAYERS[:-1]] + [states[-1]]
        torch.testing.assert_close(found[row], torch.cat([x[0].mean(0) for x in expected]), atol=2e-3, rtol=1e-3)
        torch.testing.assert_close(plain[row], torch.cat([states[i][0].mean(0) for i in LAYERS]), atol=2e-3, rtol=1e-3)
    # Without hooks, too.
    monkeypatch.setattr("fusion_model.pooling.PooledLayers._agrees", lambda *_: False)
    torch.testing.assert_close(encode(folder, texts, final_norm="all"), found, atol=2e-3, rtol=1e-3)


SIZE = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
DECODERS = {
    "mistral": lambda: MistralModel(MistralConfig(**SIZE, num_key_value_heads=1, intermediate_size=32)),
    "qwen2": lambda: Qwen2Model(Qwen2Config(**SIZE, num_key_value_heads=1, intermediate_size=32)),
    "gpt2": lambda: GPT2Model(GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2)),
    "opt": lambda: OPTModel(OPTConfig(**SIZE, ffn_dim=32, word_embed_proj_dim=16)),
}


@pytest.mark.parametrize("name", DECODERS)
def test_the_norm_of_each_decoder_is_found(name):
    torch.manual_seed(0)
    model = DECODERS[name]().eval()
    norm = {"gpt2": "ln_f", "opt": "decoder.final_layer_norm"}.get(name, "norm")
    assert find_final_norm(model, torch.tensor([[5, 6, 7]])) is model.get_submodule(norm)


def test_a_backbone_without_such_a_norm_is_refused_and_without_the_key_is_read(tiny_bert, texts):
    with pytest.raises(ValueError, match=r"'bert' has no norm after its last layer.*leave out its final_norm: all"):
        encode(tiny_bert, texts, max_length=64, final_norm="all")
    assert encode(tiny_bert, texts, max_length=64).shape == (len(texts), 96)


def test_the_config_keeps_the_key_where_it_is_not_what_it_was():
    spec = {"name": "tiny", "model_id": "x"}
    assert "final_norm" not in Backbone(**spec).to_dict()
    assert Backbone.from_dict(Backbone(**spec, final_norm="all").to_dict()).final_norm == "all"
    with pytest.raises(ValueError, match=r"final_norm is 'none': expected one of \('last', 'all'\)"):
        Backbone(**spec, final_norm="none")
    with pytest.raises(ValueError, match="final_norm is 'all': expected last for one that is fine-tuned"):
        Backbone(**spec, final_norm="all", tuned=True)
