"""Tiny random models of the text architectures that `AutoModel` builds, with one tokenizer for all."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

SENTENCE = "i am so happy that you came to see me today why did nobody tell hate this it is cold"
SPECIALS = ["[UNK]", "[PAD]", "[CLS]", "[SEP]"]
# 64 positions, at the places where each architecture keeps them.
ENCODER: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
}
DECODER = {**ENCODER, "num_key_value_heads": 1, "head_dim": 8}
GPT: dict[str, Any] = {"n_embd": 16, "n_layer": 3, "n_head": 2, "n_positions": 64}
XLM: dict[str, Any] = {"emb_dim": 16, "n_layers": 3, "n_heads": 2, "max_position_embeddings": 64}
RELATIVE = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
# Type of model -> what differs from its configuration's defaults, and the longest text that it reads (None: any).
ARCHITECTURES: dict[str, tuple[dict[str, Any], int | None]] = {
    "bert": (ENCODER, 64),
    "roberta": (ENCODER, 62),
    "xlm-roberta": (ENCODER, 62),
    "camembert": (ENCODER, 62),
    "distilbert": ({"dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 64}, 64),
    "electra": ({**ENCODER, "embedding_size": 8}, 64),
    "albert": ({**ENCODER, "embedding_size": 8}, 64),
    "mpnet": (ENCODER, 62),
    "deberta": (ENCODER, 64),
    "deberta-v2": ({**ENCODER, **RELATIVE}, None),
    "modernbert": ({**ENCODER, "local_attention": 8}, None),
    "xlnet": ({"d_model": 16, "n_layer": 3, "n_head": 2, "d_inner": 32}, None),
    "longformer": ({**ENCODER, "attention_window": 8}, 62),
    "big_bird": ({**ENCODER, "block_size": 4, "num_random_blocks": 1}, 64),
    "roformer": (ENCODER, 64),
    "convbert": ({**ENCODER, "embedding_size": 16}, 64),
    "xlm": (XLM, 64),
    "flaubert": (XLM, 64),
    "fnet": (ENCODER, 64),
    "gpt2": (GPT, 64),
    "gptj": ({**GPT, "rotary_dim": 4}, 64),
    "ctrl": ({**GPT, "dff": 32}, 64),
    "opt": ({**ENCODER, "ffn_dim": 32, "word_embed_proj_dim": 16}, 64),
    "llama": (DECODER, None),
    "mistral": (DECODER, None),
    "qwen2": (DECODER, None),
    "qwen3": (DECODER, None),
    "gemma": (DECODER, None),
    "phi": (DECODER, None),
    "gpt_neox": (ENCODER, None),
    "bloom": ({"hidden_size": 16, "n_layer": 3, "n_head": 2}, None),
    "falcon": ({"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}, None),
    "mamba": ({"hidden_size": 16, "num_hidden_layers": 3, "state_size": 4}, None),
}
FUNNEL = {"block_sizes": [2, 2], "d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 32, "num_decoder_layers": 2}
T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}


def build(kind: str, folder: Path, options: dict[str, Any] | None = None) -> Path:
    """Save a random model of a type and its tokenizer in `folder`."""
    vocabulary = {word: number for number, word in enumerate([*SPECIALS, *SENTENCE.split()])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ids = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ids)
    torch.manual_seed(4)
    options = ARCHITECTURES[kind][0] if options is None else options
    special = {"pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 3, "vocab_size": 40}
    # Weights of everyday size, so that what is read from one text into another, or from padding, shows.
    spread = {} if kind == "xlm" else {"initializer_range": 0.3}
    config = AutoConfig.for_model(kind, **special, **spread, **options)
    config.architectures = ["FunnelModel"] if kind == "funnel" else None
    AutoModel.from_config(config).save_pretrained(folder)
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "bos_token": "[CLS]", "eos_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    return folder
