"""What the Hub serves under published names in these tests: our own sentences in the data sets' schemas, tiny random
models in the place of large ones."""

import io
import json
from pathlib import Path

import torch
from datasets import ClassLabel, Dataset, Features, List, Value
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    LlamaConfig,
    LlamaModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

SAMPLE = Path(__file__).parents[2] / "extraction" / "sample"
GO_EMOTIONS_CARD = """---
license: apache-2.0
configs:
- config_name: raw
  data_files:
  - split: train
    path: raw/train-*
- config_name: simplified
  data_files:
  - split: train
    path: simplified/train-*
  - split: validation
    path: simplified/validation-*
  - split: test
    path: simplified/test-*
  default: true
---
# Our own sentences in the schema of GoEmotions
"""


def sentences(split: str, rows: int) -> list[dict]:
    """Rows of the project's own sample: `text` and `labels`, a list of names."""
    lines = (SAMPLE / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()[:rows]
    return [json.loads(line) for line in lines]


def parquet(data: Dataset) -> bytes:
    """A data set as one Parquet file."""
    buffer = io.BytesIO()
    data.to_parquet(buffer)
    return buffer.getvalue()


def go_emotions(rows: int = 120) -> dict[str, bytes]:
    """`google-research-datasets/go_emotions`: text, labels, id; two configurations."""
    splits = {split: sentences(split, rows) for split in ("train", "validation", "test")}
    names = sorted({label for split in splits.values() for row in split for label in row["labels"]} - {"neutral"})
    labels = ClassLabel(names=[*names, "neutral"])
    features = Features({"text": Value("string"), "labels": List(labels), "id": Value("string")})
    files = {"README.md": GO_EMOTIONS_CARD.encode()}
    for split, content in splits.items():
        table = {
            "text": [row["text"] for row in content],
            "labels": [labels.str2int(row["labels"]) for row in content],
            "id": [f"{split}{number}" for number in range(len(content))],
        }
        data = Dataset.from_dict(table, features=features)
        files[f"simplified/{split}-00000-of-00001.parquet"] = parquet(data)
    files["raw/train-00000-of-00001.parquet"] = parquet(Dataset.from_dict({"text": ["raw"], "grief": [0]}))
    return files


def empathetic_dialogues(rows: int = 90) -> dict[str, bytes]:
    """`facebook/empathetic_dialogues` at `refs/convert/parquet`: a row an utterance, two utterances a conversation."""
    files = {}
    for split in ("train", "validation", "test"):
        content = [row for row in sentences(split, 3 * rows) if row["labels"] != ["neutral"]][:rows]
        table: dict[str, list] = {"conv_id": [], "utterance_idx": [], "context": [], "prompt": [], "utterance": []}
        for number, row in enumerate(content):
            for turn in (1, 2):
                table["conv_id"].append(f"hit:{number}_conv:{number}")
                table["utterance_idx"].append(turn)
                table["context"].append(("afraid", "proud", "joyful")[number % 3])
                table["prompt"].append(row["text"].replace(",", "_comma_"))
                table["utterance"].append("Oh no_comma_ really?")
        files[f"default/{split}/0000.parquet"] = parquet(Dataset.from_dict(table))
    return files


def backbone(folder: Path, kind: str, layers: int = 2) -> Path:
    """A tiny random `bert`, `roberta` or `llama` with a tokenizer that knows the sample's words."""
    words = sorted({word for row in sentences("train", 400) for word in row["text"].lower().split()})
    special = {"bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]"], "roberta": ["<s>", "<pad>", "</s>", "<unk>"]}.get(
        kind, ["<unk>", "<s>", "</s>"]
    )
    unknown = "[UNK]" if kind == "bert" else "<unk>"
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate([*special, *words])}, unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    start, end = ("[CLS]", "[SEP]") if kind == "bert" else ("<s>", "</s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A" + ("" if kind == "llama" else f" {end}"),
        special_tokens=[(start, special.index(start)), (end, special.index(end))],
    )
    torch.manual_seed(len(kind))
    size = {"vocab_size": len(special) + len(words), "intermediate_size": 48, "num_attention_heads": 4}
    model: torch.nn.Module
    if kind == "llama":
        model = LlamaModel(LlamaConfig(**size, hidden_size=32, num_hidden_layers=6, max_position_embeddings=512))
        tokens = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    elif kind == "bert":
        model = BertModel(BertConfig(**size, hidden_size=24, num_hidden_layers=layers, max_position_embeddings=512))
        tokens = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    else:
        model = RobertaModel(RobertaConfig(**size, hidden_size=16, num_hidden_layers=2, max_position_embeddings=514))
        tokens = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=512, **tokens).save_pretrained(folder)
    return folder
