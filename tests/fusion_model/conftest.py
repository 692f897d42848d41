"""Tiny random backbones, made here with their tokenizers, and models over them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertModel,
    LlamaConfig,
    LlamaModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from fusion_model import FusionConfig, FusionForSequenceClassification

CORPUS = [
    "I am so happy that you came to see me today!",
    "Why did nobody tell me that it was closed? I hate this.",
    "What a lovely surprise, thank you so much, I did not expect it.",
    "She is afraid of the dark and of what the night may bring.",
    "ok",
    "That is the most disgusting thing that I have ever seen in my life 😂",
]
TEXTS = [*CORPUS, "you are the best " * 9, "no", "I did not expect the night", "happy happy"]


def _save(model, tokenizer: Tokenizer, folder: Path, **special) -> Path:
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory) -> Path:
    """Random BERT, 3 layers of 32 numbers, WordPiece, at most 64 tokens."""
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(
        CORPUS, trainers.WordPieceTrainer(vocab_size=200, special_tokens=specials, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=200,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=64,
    )
    return _save(
        BertModel(config),
        tokenizer,
        tmp_path_factory.mktemp("tiny_bert"),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    )


@pytest.fixture(scope="session")
def tiny_roberta(tmp_path_factory) -> Path:
    """Random RoBERTa (no trained one can be had offline), 2 layers of 24 numbers, byte-level BPE, 62 tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=320,
            special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    torch.manual_seed(2)
    config = RobertaConfig(
        vocab_size=320,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=64,
        pad_token_id=1,
        type_vocab_size=1,
    )
    return _save(
        RobertaModel(config),
        tokenizer,
        tmp_path_factory.mktemp("tiny_roberta"),
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=62,
    )


def _make_llama(folder: Path, bos: bool = True) -> Path:
    """Random Llama with a left-padding tokenizer that has no pad token, and of Llama's length limits (none)."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=320,
            special_tokens=["<unk>", "<s>", "</s>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=320,
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    return _save(
        LlamaModel(config),
        tokenizer,
        folder,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        padding_side="left",
    )


@pytest.fixture(scope="session")
def make_llama() -> Callable[..., Path]:
    """A function that writes a tiny Llama into a folder, with or without a token that begins every text."""
    return _make_llama


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory) -> Path:
    """Random Llama, 4 layers of 32 numbers, no pad token, padding side left."""
    return _make_llama(tmp_path_factory.mktemp("tiny_llama"))


@pytest.fixture(scope="session")
def specs(tiny_bert, tiny_roberta, tiny_llama) -> list[dict]:
    """Three backbones as in the reference: a decoder's last layers and two encoders, in float32."""
    return [
        {
            "name": "llama",
            "model_id": str(tiny_llama),
            "layers": [-2, -1],
            "pooling": ["mean"],
            "hidden_size": 32,
            "max_length": 48,
            "dtype": "float32",
        },
        {
            "name": "bert",
            "model_id": str(tiny_bert),
            "layers": [-1],
            "pooling": ["cls"],
            "hidden_size": 32,
            "max_length": 48,
            "dtype": "float32",
        },
        {
            "name": "roberta",
            "model_id": str(tiny_roberta),
            "layers": [0, -1],
            "pooling": ["mean", "max", "last"],
            "hidden_size": 24,
            "max_length": 48,
            "dtype": "float32",
        },
    ]


@pytest.fixture(scope="session")
def make_model(specs) -> Callable[..., FusionForSequenceClassification]:
    """A function that builds a model with random heads over the tiny backbones; options go to the configuration."""

    def make(**options) -> FusionForSequenceClassification:
        options = {
            "backbones": json.loads(json.dumps(specs)),
            "fusion_dim": 16,
            "hidden_sizes": [24, 8],
            "average_backbone": "llama",
            "linear_skip": True,
            "standardise": True,
            "problem_type": "multi_label_classification",
            "id2label": {0: "joy", 1: "anger", 2: "fear", 3: "love", 4: "neutral"},
            **options,
        }
        options["label2id"] = {name: i for i, name in options["id2label"].items()}
        torch.manual_seed(7)
        model = FusionForSequenceClassification(FusionConfig(**options)).eval()
        for layer in model.standardise.values():
            layer.mean.normal_(0, 0.1)
            layer.scale.uniform_(0.5, 2)
        return model

    return make


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """Short and long, with and without emoji."""
    return list(TEXTS)
