"""Exports of annotation tools, and lists as libraries write them."""

import csv
import io
import json

import pandas
from datasets import Dataset

from tests.extraction.layout_builders import (
    FOUR,
    FULL,
    NUMBERS,
    ONE,
    ROWS,
    SOME,
    TEXT_LABEL,
    TEXTS,
    Example,
    argilla_flat,
    argilla_nested,
    argilla_old,
    choices,
    fasttext,
    joined,
    lines,
    messages,
    parquet,
    part,
    prodigy,
    prodigy_choice,
    single,
    studio,
    studio_flat,
    table,
)


def written_by_datasets(columns: dict[str, list]) -> bytes:
    stream = io.BytesIO()
    Dataset.from_dict(columns).to_csv(stream)
    return stream.getvalue()


TOOLS = [
    Example(
        "Label Studio, JSON",
        "tasks with data.text and annotations[].result[].value.choices",
        {"project-1.json": json.dumps(messages(studio)).encode()},
        SOME,
        several=True,
        source="labelstud.io/guide/task_format",
    ),
    Example(
        "Label Studio, JSON-MIN",
        "records with text, the control's name, annotator, lead_time, …",
        {
            "project-1.json": json.dumps(
                messages(lambda i, t: {k: v[i] for k, v in studio_flat([choices(j) for j in range(ROWS)]).items()})
            ).encode()
        },
        FULL,
        several=True,
        source="HumanSignal/label-studio-sdk: src/label_studio_sdk/converter",
    ),
    Example(
        "Label Studio, CSV",
        'the same, columns by name; several as {"choices": […]}',
        {
            "project-1.csv": table(
                dict(
                    sorted(
                        studio_flat(
                            [c if isinstance(c, str) else json.dumps(c) for c in map(choices, range(ROWS))]
                        ).items()
                    )
                ),
                quoting=csv.QUOTE_NONNUMERIC,
            )
        },
        FULL,
        several=True,
        source="HumanSignal/label-studio-sdk: src/label_studio_sdk/converter",
    ),
    Example(
        "doccano, JSONL",
        "id, text, label (a list), Comments",
        {"all.jsonl": lines(messages(lambda i, t: {"id": i, "text": t, "label": SOME[i], "Comments": []}))},
        SOME,
        several=True,
        source="doccano/doccano: backend/data_export/pipeline",
    ),
    Example(
        "doccano, CSV",
        "id, text, label (joined by #), Comments",
        {
            "all.csv": table(
                {
                    "id": NUMBERS,
                    "text": TEXTS,
                    "label": ["#".join(sorted(row)) for row in FULL],
                    "Comments": [""] * ROWS,
                }
            )
        },
        FULL,
        several=True,
        source="doccano/doccano: backend/data_export/pipeline",
    ),
    Example(
        "doccano, fastText",
        "fastText's lines, in quotes where a text has a comma or a quote",
        {
            "all.txt": pandas.Series(fasttext(0, ROWS).decode().splitlines())
            .add(" ")
            .to_csv(index=False, header=False)
            .encode()
        },
        FULL,
        several=True,
        source="doccano/doccano: backend/data_export/pipeline",
    ),
    Example(
        "Prodigy, labels asked about one by one",
        "JSONL: text, label, answer",
        {"out.jsonl": lines([*messages(lambda i, t: prodigy(i, t, ONE[i])), prodigy(99, "mud", "joy", "reject")])},
        single(ONE),
        source="explosion/prodigy-recipes: example-datasets",
    ),
    Example(
        "Prodigy, one label",
        "JSONL: text, the same label in every row, answer",
        {
            "out.jsonl": lines(
                [
                    *messages(lambda i, t: prodigy(i, t, "INSULT", "accept" if i % 2 else "reject")),
                    prodigy(99, "mud", "INSULT", "ignore"),
                ]
            )
        },
        [["INSULT"] if i % 2 else ["not INSULT"] for i in range(ROWS)],
        names=["INSULT", "not INSULT"],
        source="explosion/prodigy-recipes: example-datasets",
    ),
    Example(
        "Prodigy, choice",
        "JSONL: text, options, accept, answer",
        {"out.jsonl": lines(messages(prodigy_choice))},
        SOME,
        several=True,
        source="explosion/prodigy-recipes: other/choice.py",
    ),
    Example(
        "Argilla 1",
        "JSON lines: text, annotation, annotation_agent, prediction, status",
        {"records.jsonl": lines(messages(argilla_old))},
        single(ONE),
        source="chava0814/sentiment-banking (Hub)",
    ),
    Example(
        "Argilla 2, nested",
        "JSON: fields.text, responses.NAME[].value, suggestions",
        {"records.json": json.dumps(messages(argilla_nested)).encode()},
        SOME,
        several=True,
        source="argilla-io/argilla: argilla/src/argilla/records/_io",
    ),
    Example(
        "Argilla 2, as a data set",
        "text, NAME.responses, NAME.responses.status, NAME.suggestion",
        {"records.jsonl": lines(messages(argilla_flat))},
        single(ONE),
        source="argilla-io/argilla: argilla/src/argilla/records/_io",
    ),
    Example(
        "spaCy's categories",
        "JSON lines: text, cats: {joy: 1.0, anger: 0.0}",
        {
            "train.jsonl": lines(
                messages(
                    lambda i, t: {"cats": {n: float(n in SOME[i]) for n in FOUR}, "meta": {"id": str(i)}, "text": t}
                )
            )
        },
        SOME,
        several=True,
        source="explosion/projects: pipelines/textcat_multilabel_demo",
    ),
    Example(
        "pandas, lists to CSV",
        "labels such as ['joy', 'fear']",
        {"my.csv": pandas.DataFrame({"text": TEXTS, "labels": SOME}).to_csv(index=False).encode()},
        SOME,
        several=True,
        source="written by pandas",
    ),
    Example(
        "datasets, lists to CSV",
        "labels such as ['joy' 'fear']",
        {"my.csv": written_by_datasets({"text": TEXTS, "labels": SOME})},
        SOME,
        several=True,
        source="written by datasets",
    ),
    Example(
        "JSON in a cell",
        'labels such as ["joy", "fear"]',
        {"my.csv": table({"text": TEXTS, "labels": [json.dumps(row) for row in SOME]})},
        SOME,
        several=True,
    ),
    Example(
        "Sets in a cell",
        "labels such as {'joy', 'fear'}",
        {"my.csv": table({"text": TEXTS, "labels": ["{" + ", ".join(map(repr, row)) + "}" for row in FULL]})},
        FULL,
        several=True,
    ),
    Example(
        "Vectors",
        "Parquet: labels such as [0, 1, 0, 1]",
        {"my.parquet": parquet({"text": TEXTS, "labels": [[int(n in row) for n in FOUR] for row in SOME]})},
        SOME,
        {"label_names": FOUR},
        several=True,
    ),
    *[
        Example(
            f"Several in a cell, by {sign}",
            f"labels such as joy{sign}fear",
            {"my.csv": table(joined(sign))},
            FULL,
            several=True,
        )
        for sign in ",;|/#+&"
    ],
    Example(
        "Several in a cell, said",
        "labels such as joy - fear",
        {"my.csv": table(joined(" - "))},
        FULL,
        {"label_separator": " - "},
        several=True,
    ),
    Example(
        "Lists of one",
        'JSON lines: labels such as ["joy"] in every row',
        {"my.jsonl": lines(messages(lambda i, t: {"text": t, "labels": [ONE[i]]}))},
        single(ONE),
    ),
    Example(
        "A split column",
        "CSV: text, label, split",
        {"my.csv": table({**TEXT_LABEL, "split": ["train"] * 12 + ["test"] * 4})},
        single(ONE[:12]),
        test=4,
        texts=TEXTS[:12],
    ),
    Example(
        "eval and heldout",
        "train.csv, eval.csv, heldout.csv",
        {
            "train.csv": table(part(TEXT_LABEL, 0, 12)),
            "eval.csv": table(part(TEXT_LABEL, 12, 14)),
            "heldout.csv": table(part(TEXT_LABEL, 14, 16)),
        },
        single(ONE[:14]),
        test=2,
        texts=TEXTS[:14],
    ),
    Example(
        "Parts of a split",
        "data/train-00000-of-00002.parquet, …",
        {f"data/train-{k:05}-of-00002.parquet": parquet(part(TEXT_LABEL, 8 * k, 8 * k + 8)) for k in range(2)},
        single(ONE),
    ),
]
