"""Tiny random models in the published backbones' places, as long as the recipes ask (256 tokens)."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    LlamaConfig,
    LlamaModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

CORPUS = [
    "I am so happy that you came to see me today!",
    "Why did nobody tell me? I hate this.",
    "it is cold, isn't it",
]
SHARED = {"vocab_size": 120, "num_hidden_layers": 2}
WIDE = {"num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 258}


def standin(kind: str, folder: Path) -> Path:
    """Save a random `bert`, `roberta`, `distilbert` or `llama` (without a pad token) and its tokenizer in `folder`."""
    torch.manual_seed(0)
    if kind == "bert":
        model = BertModel(BertConfig(hidden_size=24, **SHARED, **WIDE))
    elif kind == "roberta":
        model = RobertaModel(RobertaConfig(hidden_size=16, pad_token_id=1, type_vocab_size=1, **SHARED, **WIDE))
    elif kind == "distilbert":
        model = DistilBertModel(DistilBertConfig(vocab_size=120, dim=24, n_layers=2, n_heads=2, hidden_dim=32))
    else:
        model = LlamaModel(
            LlamaConfig(hidden_size=32, num_key_value_heads=2, **(SHARED | {"num_hidden_layers": 5} | WIDE))
        )
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[UNK]", "[PAD]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(
        CORPUS, trainers.WordPieceTrainer(vocab_size=120, special_tokens=specials, show_progress=False)
    )
    template = "[CLS] $A" if kind == "llama" else "[CLS] $A [SEP]"
    ids = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=ids)
    names = {"bos_token": "[CLS]", "eos_token": "[SEP]", "unk_token": "[UNK]"}
    if kind != "llama":
        names["pad_token"] = "[PAD]"
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=256, **names).save_pretrained(folder)
    return folder
