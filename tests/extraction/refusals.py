"""Data that are refused, the facts that the refusal must name, and what its advice makes of them."""

import gzip
import json
from dataclasses import dataclass, field
from typing import Any

import pandas
import pyarrow as pa

from tests.extraction.layout_builders import (
    FOUR,
    IDS,
    ONE,
    ROWS,
    SOME,
    TEXTS,
    bits,
    dialogue_files,
    lines,
    parquet,
    part,
    studio,
    table,
)
from tests.tables.files import sqlite, xlsx, zipped

PLAIN = {"text": TEXTS, "label": ONE}
GOOD = {"a.csv": table(PLAIN)}
ROWS_OF_JSON = [{"text": text, "label": name} for text, name in zip(TEXTS, ONE, strict=True)]


@dataclass
class Refusal:
    """Data that are refused.

    Args:
        facts: A pattern of what the message must say.
        files: Content by name.
        options: Of `load_source`; `dataset` names what is loaded, the only file or the folder if left out.
        cured: The files after the advice was followed; None where the advice is an option alone.
        then: The options after it.
    """

    facts: str
    files: dict[str, bytes]
    options: dict[str, Any] = field(default_factory=dict)
    cured: dict[str, bytes] | None = None
    then: dict[str, Any] = field(default_factory=dict)


def csv(**columns: list) -> dict[str, bytes]:
    return {"a.csv": table(columns)}


def records(**columns: list) -> dict[str, bytes]:
    return {"a.jsonl": lines([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])}


def shards(first: dict[str, list], second: dict[str, list]) -> dict[str, bytes]:
    return {f"train-{n:05}-of-00002.parquet": parquet(columns) for n, columns in enumerate((first, second))}


def without_line(files: dict[str, bytes], number: int) -> dict[str, bytes]:
    kept = {name: content.split(b"\n") for name, content in files.items()}
    return {name: b"\n".join(rows[:number] + rows[number + 1 :]) for name, rows in kept.items()}


VALUES = [round(1 + i / 7, 2) for i in range(30)]
MANY = [f"Somebody knocked {i} times" for i in range(30)]
BANDS = list(pandas.cut(pandas.Series(VALUES), 3, labels=["low", "middle", "high"]))
SHARES = [[0.9, 0.1] if i % 2 else [0.2, 0.8] for i in range(ROWS)]
NAMED = [["joy", "fear"][row.index(max(row))] for row in SHARES]
BROKEN_DIALOGUES = dialogue_files("", "") | {"dialogues_emotion.txt": b"4 1 3 5 \n4 1 3 \n4 1 3 5 \n4 1 3 5 "}
TURNS = [{"text": text, "emotion": name} for text, name in zip(TEXTS, ONE, strict=True)]
HALF = part(PLAIN, 0, 8), part(PLAIN, 8, ROWS)
TWO_LANGUAGES = {f"b/{split}/{name}.csv": table(PLAIN) for split in ("train", "dev") for name in ("eng", "deu")}
EMPATHETIC = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags\n"
CONVERSATIONS = [f"hit:{i}_conv:{i},1,{name},I_comma_ {text},1,Oh,5|5|5,\n" for i, (text, name) in
                 enumerate(zip(TEXTS, ONE, strict=True))]  # fmt: skip
ABOUT = {"annotation_id": range(ROWS), "annotator": [1] * ROWS, "lead_time": [2.5] * ROWS}
ANSWER = {"user_id": "u", "status": "submitted"}
QUESTIONS = [{"fields": {"text": text}, "responses": {"mood": [{"value": name, **ANSWER}],
              "topic": [{"value": "tea", **ANSWER}]}} for text, name in zip(TEXTS, ONE, strict=True)]  # fmt: skip
TWO_TABLES = sqlite(posts=pandas.DataFrame(PLAIN), others=pandas.DataFrame({"n": [1]}))
SHEETS = xlsx(Empty=[], Posts=[list(PLAIN), *zip(TEXTS, ONE, strict=True)])

# By what decides: columns and labels, files, and how these are written.
COLUMNS = [
    Refusal("raters is 'some': expected one of .*majority", GOOD, {"raters": "some"}, then={"raters": "any"}),
    Refusal("label_mode is 'some': .*multi", GOOD, {"label_mode": "some"}, then={"label_mode": "multi"}),
    Refusal("max_rows is 0: expected at least 1", GOOD, {"max_rows": 0}, then={"max_rows": 16}),
    Refusal("text column 'n' .* holds .*Name the right column with --text_column",
            csv(n=[f"{i}" for i in range(ROWS)], **PLAIN), {"text_column": "n"}, then={"text_column": "text"}),
    Refusal("text_column is 'text,n,label': expected one column, or two different ones for pairs",
            csv(n=TEXTS, **PLAIN), {"text_column": "text,n,label"}, then={"text_column": "text,n"}),
    Refusal("holds no label at all.*--label_column", csv(**PLAIN, mood=[""] * ROWS), {"label_column": "mood"},
            then={"label_column": "label"}),
    Refusal(r"\['V'\] .* measurements such as 1.0.*pandas.cut\(table\['V'\]", csv(V=VALUES, text=MANY),
            cured=csv(V=VALUES, text=MANY, label=BANDS)),
    Refusal("'V' .* 30 different values .*measurements.*pandas.cut", csv(V=VALUES, text=MANY), {"label_column": "V"},
            cured=csv(V=VALUES, text=MANY, label=BANDS)),
    Refusal("'id' .* has 60 different values .*hardly classes.*--label_column",
            csv(id=range(60), text=MANY + [f"{text} again" for text in MANY], label=["a", "b"] * 30),
            {"label_column": "id"}, then={"label_column": "label"}),
    Refusal(r"'fear', 'joy', 'sadness'\], which --label_names does not name", GOOD, {"label_names": ["anger"]},
            then={"label_names": FOUR}),
    Refusal("holds the id 2, but --label_names gives only 2 names", csv(text=TEXTS, label=IDS),
            {"label_names": FOUR[:2]}, then={"label_names": FOUR}),
    Refusal("labels.txt' has the ids .*Correct it, or .*--label_names",
            csv(text=TEXTS, label=IDS) | {"labels.txt": b"anger 1\nfear 2\njoy 3\nsadness 4\n"}, {"dataset": "a.csv"},
            then={"dataset": "a.csv", "label_names": FOUR}),
    Refusal("only the class .*'a'.*Check --label_column", csv(**PLAIN, same=["a"] * ROWS), {"label_column": "same"},
            then={"label_column": "label"}),
    Refusal("5 usable rows.*Add rows", {"a.csv": table(part(PLAIN, 0, 5))}, cured=GOOD),
    Refusal("no row with a text and a label: check --text_column", csv(**PLAIN, note=[""] * ROWS),
            {"text_column": "note"}, then={"text_column": "text"}),
    Refusal("have one text.*--text_column", csv(**PLAIN, motto=["so be it"] * ROWS), {"text_column": "motto"},
            then={"text_column": "text"}),
    Refusal("No text column .*hold sentences alike.*--text_column", csv(one=TEXTS, two=[f"{t}!" for t in TEXTS],
            label=ONE), then={"text_column": "two"}),
    Refusal("No label column .*--label_column", csv(text=TEXTS, a=ONE, b=ONE), then={"label_column": "b"}),
    Refusal("no column 'lable'.*Did you mean 'label'", GOOD, {"label_column": "lable"}, then={"label_column": "label"}),
    Refusal("'label' .* is given as text and as label: expected two", GOOD,
            {"text_column": "label", "label_column": "label"}, then={"text_column": "text", "label_column": "label"}),
    Refusal("'joy' .* is given as text and as label", csv(text=TEXTS, **bits(SOME)),
            {"text_column": "joy", "label_column": "joy,anger"}, then={"text_column": "text",
            "label_column": "joy,anger"}),
    Refusal("'note' .* holds 'hm': expected 0 and 1.*--label_column", csv(text=TEXTS, note=["hm"] * ROWS, **bits(SOME)),
            {"label_column": "joy,note"}, then={"label_column": "joy,anger"}),
    Refusal("never 0: .*>= 2.5", csv(text=TEXTS, a=[2, 3] * 8, b=[0, 1] * 8), {"label_column": "a,b"},
            cured=csv(text=TEXTS, a=[int(v >= 2.5) for v in [2, 3] * 8], b=[0, 1] * 8), then={"label_column": "a,b"}),
    Refusal("names no column", csv(text=TEXTS, **bits(SOME)), {"label_column": ","},
            then={"label_column": "joy,anger"}),
    Refusal("holds dict values.*--label_column", records(text=TEXTS, labels=[[{"a": 1}]] * ROWS, mood=ONE),
            then={"label_column": "mood"}),
    Refusal(r"dicts such as .*--label_column", records(text=TEXTS, cats=[{"joy": "yes"}] * ROWS, mood=ONE),
            {"label_column": "cats"}, then={"label_column": "mood"}),
    Refusal("0/1 vectors .*4 places with --label_names", records(text=TEXTS, labels=[[int(n in row) for n in FOUR] for
            row in SOME]), then={"label_names": FOUR}),
    Refusal("holds shares such as .*>= 0.5", records(text=TEXTS, labels=SHARES), cured=records(text=TEXTS,
            labels=NAMED)),
    Refusal("holds lists, but .* cannot be read: expected for instance", csv(text=TEXTS,
            labels=["['joy' 'fear]"] * ROWS),
            cured=csv(text=TEXTS, labels=["['joy', 'fear']", "['joy']"] * 8)),
    Refusal("the controls .*'mood', 'topic'.*--label_column", csv(text=TEXTS, mood=ONE, topic=["a", "b"] * 8, **ABOUT),
            then={"label_column": "mood"}),
    Refusal("have no 'body': theirs are .*--text_column", {"a.json": json.dumps(
            [studio(i, text) for i, text in enumerate(TEXTS)]).encode()}, {"text_column": "body"},
            then={"text_column": "text"}),
    Refusal("the questions .*'mood', 'topic'.*--label_column", {"a.json": json.dumps(QUESTIONS).encode()},
            then={"label_column": "mood"}),
]  # fmt: skip
FILES = [
    Refusal("no train split among", {"dev.csv": table(PLAIN), "test.csv": table(PLAIN)},
            cured={"train.csv": table(PLAIN), "test.csv": table(PLAIN)}),
    Refusal("test split .* no column 'label', which train has.*same columns",
            {"train.csv": table(PLAIN), "test.csv": table({"text": TEXTS, "mood": ONE})},
            cured={"train.csv": table(PLAIN), "test.csv": table(PLAIN)}),
    Refusal(r"share the columns \['id', 'n'\].*Move one of them away",
            {"train.csv": table(PLAIN), "test.csv": table({"id": [1], "n": [1], "text": ["hm"]}),
             "test_labels.csv": table({"id": [1], "n": [1], "label": ["joy"]})},
            cured={"train.csv": table(PLAIN), "test.csv": table({"id": [1], "n": [1], "text": ["hm"]})}),
    Refusal(r"look like the .* split.*--dataset 'data/\*/eng.csv'", TWO_LANGUAGES, {"dataset": "b"},
            then={"dataset": "b/*/eng.csv"}),
    Refusal(r"No file fits the pattern .*expected such as data/\*/eng.csv", TWO_LANGUAGES, {"dataset": "b/*/fra.csv"},
            then={"dataset": "b/*/eng.csv"}),
    Refusal("1 of its 2 files.*Copy the missing ones", {"train-00000-of-00002.parquet": parquet(HALF[0])},
            {"dataset": ""}, cured=shards(*HALF)),
    Refusal("has the columns .* same in all files", shards(HALF[0], {"text": TEXTS, "mood": ONE}), cured=shards(*HALF)),
    Refusal("differ in type .*the same in all files", shards(HALF[0], {"text": TEXTS, "label": IDS}),
            cured=shards(*HALF)),
    Refusal("save_to_disk folder .* cannot be read .*give its data as CSV", {"state.json": b"{}"}, {"dataset": ""},
            cured={"train.csv": table(PLAIN)}),
    Refusal(r"'split' .* names only the split\(s\) \['test'\].*Rename the column", csv(**PLAIN, split=["test"] * ROWS),
            cured=csv(**PLAIN, kept=["test"] * ROWS)),
    Refusal("There is no data set .*path", GOOD, {"dataset": "b.csv"}, then={"dataset": "a.csv"}),
    Refusal("Line 2 of 'dialogues_text.txt' has 4 utterances, .* 3 emotions.*Remove the line from both",
            BROKEN_DIALOGUES, cured=without_line(BROKEN_DIALOGUES, 1)),
    Refusal("has 16 lines, and 'train_labels.txt' has 15.*Download both", {"train_text.txt": "\n".join(TEXTS).encode(),
            "train_labels.txt": "\n".join(ONE[:-1]).encode()}, cured={"train_text.txt": "\n".join(TEXTS).encode(),
            "train_labels.txt": "\n".join(ONE).encode()}),
    Refusal("cannot be used as they are .*Keep only the columns", {"a.parquet": parquet(
            {**PLAIN, "odd": pa.array([[("a", 1)]] * ROWS, pa.map_(pa.string(), pa.int64()))})},
            cured={"a.parquet": parquet(PLAIN)}),
    Refusal("2 tables: .*'a.db::posts'", {"a.db": TWO_TABLES}, then={"dataset": "a.db::posts"}),
    Refusal("no table 'post': .*'a.db::posts'", {"a.db": TWO_TABLES}, {"dataset": "a.db::post"},
            then={"dataset": "a.db::posts"}),
    Refusal("no sheet 'Post': its sheets are .*'Posts'", {"a.xlsx": SHEETS}, {"dataset": "a.xlsx::Post"},
            then={"dataset": "a.xlsx::Posts"}),
    Refusal("sheet 'Empty' .* is empty: expected a header line", {"a.xlsx": SHEETS}, {"dataset": "a.xlsx::Empty"},
            then={"dataset": "a.xlsx::Posts"}),
]  # fmt: skip
WRITTEN = [
    Refusal("cannot be read as Parquet .*give the data as CSV", {"a.parquet": b"PAR1 and more"}, cured=GOOD),
    Refusal("cannot be read as an SQLite database .*as CSV", {"a.db": b"text,label\n"}, cured=GOOD),
    Refusal("cannot be read as an Excel workbook .*CSV UTF-8", {"a.xlsx": b"text,label\n"}, cured=GOOD),
    Refusal("holds only blank lines: expected a header line", {"a.csv": b"\n\n \n"}, cured=GOOD),
    Refusal("is empty: expected a header line", {"a.csv": b""}, cured=GOOD),
    Refusal("but no rows: expected texts", {"a.csv": b"text,label\n"}, cured=GOOD),
    Refusal(r"column name.*\['label'\] more than once.*Rename all but one",
            {"a.csv": GOOD["a.csv"].replace(b"text,label", b"label,label")}, cured=GOOD),
    Refusal("Line 18 .* has 3 cell.*double quotes", {"a.csv": GOOD["a.csv"] + b"Well, it was,joy\n"},
            cured={"a.csv": GOOD["a.csv"] + b'"Well, it was",joy\n'}),
    Refusal("quotes .* do not fit in the row that begins in line 18.*doubled",
            {"a.csv": GOOD["a.csv"] + b'"a "b" c",joy\n'},
            cured={"a.csv": GOOD["a.csv"] + b'"a ""b"" c",joy\n'}),
    Refusal(r"has 2 column\(s\).*3 name\(s\).*a name for each", {"a.csv": table(PLAIN, header=False)},
            {"column_names": ["text", "label", "id"]}, then={"column_names": ["text", "label"]}),
    Refusal("names of its own .*leave out --column_names", {"a.parquet": parquet(PLAIN)}, {"column_names": ["text",
            "x"]}),
    Refusal("only blank lines: expected one object a line", {"a.jsonl": b"\n\n"}, cured=records(**PLAIN)),
    Refusal("Record 2 .* is '5': expected an object", {"a.json": json.dumps([ROWS_OF_JSON[0], 5]).encode()},
            cured={"a.json": json.dumps(ROWS_OF_JSON).encode()}),
    Refusal(r"Line 2 .* is '\[1\]': expected an object", {"a.jsonl": b'{"text": "a"}\n[1]\n'}, cured=records(**PLAIN)),
    Refusal("Line 2 .* is not JSON .*one object a line", {"a.jsonl": b'{"text": "a"}\n{"text": \n'},
            cured=records(**PLAIN)),
    Refusal("Line 1 .* nested too deeply", {"a.json": b"[" * 100_000},
            cured={"a.json": json.dumps(ROWS_OF_JSON).encode()}),
    Refusal("holds dialogues, but no utterance with .*one object per line",
            {"a.json": lines([{"dialogue": [{"said": "hm"}]}])}, cured=records(**PLAIN)),
    Refusal("Line 2 .* is not JSON .*one dialogue per line", {"a.json": lines([{"dialogue": TURNS}]) + b"\n{\n"},
            cured={"a.json": lines([{"dialogue": TURNS}])}),
    Refusal("Line 18 .* has 3 cell.*Download the file again",
            {"train.csv": (EMPATHETIC + "".join(CONVERSATIONS) + "hit:9,1,joy\n").encode()},
            cured={"train.csv": (EMPATHETIC + "".join(CONVERSATIONS)).encode()}),
    Refusal("ends in '.doc': .*Save it as CSV", {"a.doc": b"?"}, cured=GOOD),
    Refusal("cannot be unpacked .*give the file that is in it", {"a.csv.gz": gzip.compress(GOOD["a.csv"])[:-9]},
            cured=GOOD),
    Refusal("expected a name such as posts.csv.gz", {"a.gz": gzip.compress(GOOD["a.csv"])},
            cured={"posts.csv.gz": gzip.compress(GOOD["a.csv"])}),
    Refusal("The file in .* is empty: expected a header line", {"a.csv.gz": gzip.compress(b"\n")}, cured=GOOD),
    Refusal("holds 2 tables .*Unpack it, and give the file", {"a.zip": zipped(a__csv=GOOD["a.csv"], b__csv=b"text\na")},
            cured=GOOD),
    Refusal("is a packed file .*Rename it to .gz", {"a.csv": gzip.compress(GOOD["a.csv"])},
            cured={"a.csv.gz": gzip.compress(GOOD["a.csv"])}),
]  # fmt: skip
REFUSALS = [*COLUMNS, *FILES, *WRITTEN]
