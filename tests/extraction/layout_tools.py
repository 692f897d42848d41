"""Exports of annotation tools, and lists as libraries write them."""

import json

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
    joined,
    lines,
    messages,
    parquet,
    part,
    prodigy_choice,
    single,
    studio,
    studio_flat,
    table,
)

TOOLS = [
    Example(
        "Label Studio, JSON",
        "tasks with data.text and annotations[].result[].value.choices",
        {"project-1.json": json.dumps(messages(studio)).encode()},
        SOME,
        several=True,
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
    ),
    Example(
        "Label Studio, CSV",
        'the same; several as {"choices": […]}',
        {
            "project-1.csv": table(
                studio_flat([c if isinstance(c, str) else json.dumps(c) for c in map(choices, range(ROWS))])
            )
        },
        FULL,
        several=True,
    ),
    Example(
        "doccano, JSONL",
        "id, text, label (a list), Comments",
        {"all.jsonl": lines(messages(lambda i, t: {"id": i, "text": t, "label": SOME[i], "Comments": []}))},
        SOME,
        several=True,
    ),
    Example(
        "doccano, CSV",
        "id, text, label (joined by #)",
        {"all.csv": table({"id": NUMBERS, "text": TEXTS, "label": ["#".join(row) for row in FULL]})},
        FULL,
        several=True,
    ),
    Example(
        "Prodigy, one label",
        "JSONL: text, label, answer",
        {
            "out.jsonl": lines(
                [
                    *messages(lambda i, t: {"text": t, "label": ONE[i], "answer": "accept"}),
                    {"text": "mud", "label": "joy", "answer": "reject"},
                ]
            )
        },
        single(ONE),
    ),
    Example(
        "Prodigy, choice",
        "JSONL: text, options, accept, answer",
        {"out.jsonl": lines(messages(prodigy_choice))},
        SOME,
        several=True,
    ),
    Example(
        "Argilla 1",
        "JSON lines: text, annotation, annotation_agent, prediction, status",
        {"records.jsonl": lines(messages(argilla_old))},
        single(ONE),
    ),
    Example(
        "Argilla 2, nested",
        "JSON: fields.text, responses.NAME[].value, suggestions",
        {"records.json": json.dumps(messages(argilla_nested)).encode()},
        SOME,
        several=True,
    ),
    Example(
        "Argilla 2, as a data set",
        "text, NAME.responses, NAME.responses.status, NAME.suggestion",
        {"records.jsonl": lines(argilla_flat())},
        single(ONE),
    ),
    Example(
        "spaCy's categories",
        "JSON lines: text, cats: {joy: 1.0, anger: 0.0}",
        {"train.jsonl": lines(messages(lambda i, t: {"text": t, "cats": {n: float(n in SOME[i]) for n in FOUR}}))},
        SOME,
        several=True,
    ),
    Example(
        "pandas, lists to CSV",
        "labels such as ['joy', 'fear']",
        {"my.csv": table({"text": TEXTS, "labels": SOME})},
        SOME,
        several=True,
    ),
    Example(
        "datasets, lists to CSV",
        "labels such as ['joy' 'fear']",
        {"my.csv": table({"text": TEXTS, "labels": [str(row).replace(",", "") for row in SOME]})},
        SOME,
        several=True,
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
