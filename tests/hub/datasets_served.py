"""What the Hub serves under published names in these tests: our own sentences in the data sets' schemas."""

import io
import json
from pathlib import Path

from datasets import ClassLabel, Dataset, Features, List, Value

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
