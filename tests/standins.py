"""Tiny random models in the published backbones' places, as long as the recipes ask (256 tokens), and one over them."""

import re
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
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

from fusion_model import FusionConfig, FusionForSequenceClassification
from training.folder import write_model
from training.tfidf import fit_tfidf

NAMES = ["joy", "anger", "neutral"]
CORPUS = [
    "I am so happy that you came to see me today!",
    "Why did nobody tell me? I hate this.",
    "it is cold, isn't it",
]
SHARED: dict[str, Any] = {"vocab_size": 120}
# As many as the recipes take states from: llmembed the last five of Llama's.
LAYERS = {"llama": 6}
WIDE: dict[str, Any] = {"num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 258}


def vocabulary() -> dict[str, int]:
    """Ids of the corpus's words and letters: the same in each process, which those of a WordPieceTrainer are not."""
    words = sorted({word for text in CORPUS for word in re.findall(r"\w+|[^\w\s]", text.lower())})
    letters = sorted({letter for word in words for letter in word})
    pieces = dict.fromkeys(["[UNK]", "[PAD]", "[CLS]", "[SEP]", *letters, *(f"##{one}" for one in letters), *words])
    return {piece: number for number, piece in enumerate(pieces)}


def standin(kind: str, folder: Path, layers: int | None = None) -> Path:
    """Save a random `bert`, `roberta`, `distilbert` or `llama` (without a pad token) and its tokenizer in `folder`."""
    torch.manual_seed(len(kind))
    model: Any
    size = {"num_hidden_layers": layers or LAYERS.get(kind, 2), **SHARED, **WIDE}
    if kind == "bert":
        model = BertModel(BertConfig(hidden_size=24, **size))
    elif kind == "roberta":
        model = RobertaModel(RobertaConfig(hidden_size=16, pad_token_id=1, type_vocab_size=1, **size))
    elif kind == "distilbert":
        model = DistilBertModel(DistilBertConfig(vocab_size=120, dim=24, n_layers=2, n_heads=2, hidden_dim=32))
    else:
        model = LlamaModel(LlamaConfig(hidden_size=32, num_key_value_heads=2, **size))
    tokenizer = Tokenizer(models.WordPiece(vocabulary(), unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    template = "[CLS] $A" if kind == "llama" else "[CLS] $A [SEP]"
    ids = [("[CLS]", 2), ("[SEP]", 3)]
    pair = {"llama": "[CLS] $A $B", "roberta": "[CLS] $A [SEP] [SEP] $B [SEP]"}
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, pair=pair.get(kind, "[CLS] $A [SEP] $B:1 [SEP]:1"), special_tokens=ids
    )
    names: dict[str, Any] = {"bos_token": "[CLS]", "eos_token": "[SEP]", "unk_token": "[UNK]"}
    if kind in ("bert", "roberta"):  # of which RoBERTa knows only one segment
        names["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    if kind != "llama":
        names["pad_token"] = "[PAD]"
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=256, **names).save_pretrained(folder)
    return folder


def small_model(folder: Path) -> Path:
    """Write a model of three labels over a tiny BERT, which is bundled, with a TF-IDF branch; its folder."""
    spec = {"name": "tiny", "model_id": str(standin("bert", folder / "bert")), "hidden_size": 24, "max_length": 32}
    labels = torch.eye(3).repeat(2, 1).numpy()
    lexical = fit_tfidf(CORPUS * 2, labels, 3, c=1.0)
    torch.manual_seed(0)
    config = FusionConfig(
        backbones=[{**spec, "dtype": "float32"}],
        fusion_dim=8,
        hidden_sizes=[8],
        problem_type="multi_label_classification",
        id2label=dict(enumerate(NAMES)),
        label2id={name: number for number, name in enumerate(NAMES)},
        thresholds=[0.5] * 3,
        lexical_terms=len(lexical.idf),
        lexical_bytes=len(lexical.vocabulary),
    )
    model = FusionForSequenceClassification(config).eval()
    model.lexical.load_state_dict(lexical.state_dict())
    write_model(model, folder / "model", bundle_backbones=True)
    return folder / "model"
