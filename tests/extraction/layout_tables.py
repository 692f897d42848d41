"""Tables with their labels in one column, and what names the labels."""

import json

from datasets import ClassLabel, List

from tests.extraction.layout_builders import (
    DECLARED,
    FOUR,
    FULL,
    IDS,
    NUMBERS,
    ONE,
    SOME,
    TEXT_LABEL,
    TEXTS,
    Example,
    halves,
    lines,
    messages,
    parquet,
    raw_goemotions,
    single,
    table,
)

TABLES = [
    Example("A table", "CSV: text, label", {"my.csv": table(TEXT_LABEL)}, single(ONE)),
    Example("A table of tabs", "TSV: text, label", {"my.tsv": table(TEXT_LABEL, "\t")}, single(ONE)),
    Example("A spreadsheet of another country", "CSV with semicolons", {"my.csv": table(TEXT_LABEL, ";")}, single(ONE)),
    Example(
        "Records",
        "JSON lines: text, label",
        {"my.jsonl": lines(messages(lambda i, t: {"text": t, "label": ONE[i]}))},
        single(ONE),
    ),
    Example(
        "A list of records",
        "JSON: [{text, emotions}, …]",
        {"my.json": json.dumps(messages(lambda i, t: {"text": t, "emotions": SOME[i]})).encode()},
        SOME,
        several=True,
    ),
    Example(
        "dair-ai/emotion",
        "Hub's Parquet: text, label (ClassLabel)",
        {"train.parquet": parquet({"text": TEXTS, "label": IDS}, **DECLARED)},
        single(ONE),
        source="huggingface/datasets: datasets/emotion",
    ),
    Example(
        "dair-ai/emotion, unsplit",
        "JSON lines: text, label (an id)",
        {"data.jsonl": lines(messages(lambda i, t: {"text": t, "label": IDS[i]}))},
        single(ONE),
        {"label_names": FOUR},
        source="not compared",
    ),
    Example(
        "Emotions by CARER (Kaggle)",
        "training.csv, test.csv: text, label (an id)",
        halves({"text": TEXTS, "label": IDS}, "training.csv", "test.csv"),
        single(ONE[:12]),
        {"label_names": FOUR},
        test=4,
        texts=TEXTS[:12],
        source="not compared",
    ),
    Example(
        "SetFit/emotion",
        "JSON lines: text, label (an id), label_text",
        {"train.jsonl": lines(messages(lambda i, t: {"text": t, "label": IDS[i], "label_text": ONE[i]}))},
        single(ONE),
        source="mteb/emotion: create_dataset.py",
    ),
    Example(
        "Ids and labels.txt",
        "CSV: text, label (an id); a name per line",
        {"train.csv": table({"text": TEXTS, "label": IDS}), "labels.txt": "\n".join(FOUR).encode()},
        single(ONE),
    ),
    Example(
        "GoEmotions from its authors",
        "train.tsv, dev.tsv: text, ids between commas, comment's id; no header; emotions.txt",
        halves(
            {
                "text": TEXTS,
                "labels": [",".join(str(FOUR.index(n)) for n in row) for row in FULL],
                "id": [f"ed{n}" for n in NUMBERS],
            },
            "train.tsv",
            "dev.tsv",
            "\t",
            header=False,
        )
        | {"emotions.txt": "\n".join(FOUR).encode()},
        FULL,
        {"column_names": ["text", "labels", "id"]},
        several=True,
        source="google-research/google-research: goemotions/data",
    ),
    Example(
        "Ids and label2idx.txt",
        "CSV: text, label (an id); name and id per line",
        {
            "train.csv": table({"text": TEXTS, "label": IDS}),
            "label2idx.txt": "\n".join(f"{n} {i}" for i, n in enumerate(FOUR)).encode(),
        },
        single(ONE),
    ),
    Example(
        "TweetEval, emotion",
        "cardiffnlp/tweeteval: train_text.txt, train_labels.txt, val_…, mapping.txt",
        {
            "train_text.txt": "".join(f"{text} \n" for text in TEXTS[:12]).encode(),
            "train_labels.txt": "".join(f"{i}\n" for i in IDS[:12]).encode(),
            "val_text.txt": "".join(f"{text} \n" for text in TEXTS[12:]).encode(),
            "val_labels.txt": "".join(f"{i}\n" for i in IDS[12:]).encode(),
            "mapping.txt": "\n".join(f"{i}\t{n}" for i, n in enumerate(FOUR)).encode(),
        },
        single(ONE),
        texts=[f"{text} " for text in TEXTS],
        source="cardiffnlp/tweeteval: datasets/emotion",
    ),
    Example(
        "GoEmotions, simplified",
        "Hub's Parquet: text, labels (a list of ClassLabel), id",
        {
            "train.parquet": parquet(
                {"text": TEXTS, "labels": [[FOUR.index(n) for n in row] for row in FULL], "id": NUMBERS},
                labels=List(ClassLabel(names=FOUR)),
            )
        },
        FULL,
        several=True,
        source="the Hub's own file",
    ),
    Example(
        "GoEmotions, raw, two votes",
        "goemotions_1.csv: text, id, …, rater_id, example_very_unclear, a column per emotion",
        raw_goemotions(unclear=True),
        single(ONE),
        {"raters": "majority"},
        several=False,
        names=[*FOUR, "neutral"],
        source="google-research/google-research: goemotions/data/full_dataset",
    ),
    Example(
        "GoEmotions, raw, any vote",
        "the same",
        raw_goemotions(unclear=True),
        [[n, "neutral"] for n in ONE],
        {"raters": "any", "label_mode": "multi"},
        several=True,
        names=[*FOUR, "neutral"],
        source="google-research/google-research: goemotions/data/full_dataset",
    ),
]
