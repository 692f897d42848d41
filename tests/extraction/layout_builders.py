"""Makes small files in our own words, in the layouts that data sets and tools are published in."""

import csv
import io
import json
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Dataset, Features, Value

SENTENCES = [
    "The kettle sang before anyone was awake, number {}",
    "Somebody scratched the new door, number {}",
    "My neighbour left a cake on the stairs, number {}",
    "The lights went out in the lift, number {}",
]
ROWS = 16
TEXTS = [SENTENCES[i % 4].format(i) for i in range(ROWS)]
# One label each, several each, and what a classifier of four would see.
ONE = [["joy", "anger", "fear", "sadness"][i % 4] for i in range(ROWS)]
CYCLE = [["joy"], ["anger", "fear"], [], ["sadness", "joy", "fear"], ["anger"], ["sadness"], [], ["fear", "sadness"]]
SOME = [CYCLE[i % 8] for i in range(ROWS)]
FULL = [labels or ["fear"] for labels in SOME]
FOUR = ["anger", "fear", "joy", "sadness"]
IDS = [FOUR.index(name) for name in ONE]


@dataclass
class Example:
    """A layout.

    Args:
        name: The data set or tool.
        layout: Where the layout comes from, and what it looks like.
        files: Content by name.
        labels: What each text must be labelled with, in order.
        options: Of the command.
        dataset: What is given to --dataset; the folder where it is left out and there are several files.
        several: Whether the result is several labels per text.
        test: Rows of the test split, 0 for none.
        names: The labels in order, where that is not the alphabet's.
        texts: The texts in order.
    """

    name: str
    layout: str
    files: dict[str, bytes]
    labels: list[list[str]]
    options: dict = field(default_factory=dict)
    dataset: str | None = None
    several: bool = False
    test: int = 0
    names: list[str] | None = None
    texts: list[str] = field(default_factory=lambda: list(TEXTS))


def single(labels: list[str]) -> list[list[str]]:
    return [[name] for name in labels]


def table(columns: dict[str, list], sign: str = ",") -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=sign, lineterminator="\n")
    writer.writerows([list(columns), *zip(*columns.values(), strict=True)])
    return stream.getvalue().encode()


def lines(rows: list[dict]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def parquet(columns: dict[str, list], **features) -> bytes:
    stream = io.BytesIO()
    if features:
        kinds = {name: features.get(name, Value("string")) for name in columns}
        Dataset.from_dict(columns, features=Features(kinds)).to_parquet(stream)
    else:
        pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def bits(rows: list[list[str]], on: object = 1, off: object = 0, names: list[str] = FOUR) -> dict[str, list]:
    return {name: [on if name in row else off for row in rows] for name in names}


def part(columns: dict[str, list], start: int, stop: int) -> dict[str, list]:
    return {name: cells[start:stop] for name, cells in columns.items()}


NUMBERS = [str(1000 + i) for i in range(ROWS)]
COLUMNS = {"id": NUMBERS, "text": TEXTS, **bits(SOME)}
STRONG = {"id": NUMBERS, "text": TEXTS, **bits(SOME, on=3)}
TOXIC = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
TOXIC_ROWS = [[["toxic", "insult"], [], ["toxic"], []][i % 4] for i in range(ROWS)]
JIGSAW = {"id": NUMBERS, "comment_text": TEXTS, **bits(TOXIC_ROWS, names=TOXIC)}


def raw_goemotions() -> dict[str, bytes]:
    """Three raters of each comment: two agree, and the third chooses something else."""
    rows: dict[str, list] = {name: [] for name in ("text", "id", "author", "subreddit", "rater_id")}
    rows |= {"example_very_unclear": []} | {name: [] for name in [*FOUR, "neutral"]}
    for rater in range(3):
        for i, text in enumerate(TEXTS):
            chosen = {ONE[i]} if rater < 2 else {"neutral"}
            said = (text, f"ed{i}", f"writer{i}", "kitchens", str(rater), "False")
            for name, value in zip(rows, said, strict=False):
                rows[name].append(value)
            for name in [*FOUR, "neutral"]:
                rows[name].append(int(name in chosen))
    return {"goemotions_1.csv": table(rows)}


def messages(label) -> list[dict]:
    return [label(i, text) for i, text in enumerate(TEXTS)]


def utterances(text: str, label: str, names: list[str]) -> list[list[dict]]:
    rows = [{"speaker": "Ada", text: said, label: name} for said, name in zip(TEXTS, names, strict=True)]
    return [rows[start : start + 4] for start in range(0, ROWS, 4)]


def dialogue_files(folder: str, suffix: str) -> dict[str, bytes]:
    ids = {"joy": 4, "anger": 1, "fear": 3, "sadness": 5}
    rows = range(0, ROWS, 4)
    texts = "\n".join(" __eou__ ".join(TEXTS[i : i + 4]) + " __eou__" for i in rows)
    emotions = "\n".join(" ".join(str(ids[name]) for name in ONE[i : i + 4]) + " " for i in rows)
    first = suffix or "text"
    part = f"_{suffix}" if suffix else ""
    return {
        f"{folder}dialogues_{first}.txt": texts.encode(),
        f"{folder}dialogues_emotion{part}.txt": emotions.encode(),
        f"{folder}dialogues_topic{part}.txt": b"1\n2\n1\n3\n",
    }


DAILY_NAMES = ["no emotion", "anger", "disgust", "fear", "happiness", "sadness", "surprise"]
DAILY = [{"joy": ["happiness"]}.get(name, [name]) for name in ONE]


def empathetic() -> bytes:
    rows = ["conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags"]
    for i, text in enumerate(TEXTS):
        spelt = text.replace(",", "_comma_")
        for turn in (1, 2):
            rows.append(f'hit:{i}_conv:{i},{turn},{ONE[i]},{spelt},{turn},So "it was_comma_ then,5|5|5_2|2|5,,')
    return "\n".join(rows).encode()


def studio(i: int, text: str) -> dict:
    region = {"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": SOME[i]}}
    result = [region] if SOME[i] else []
    task = {"id": i, "data": {"text": text}, "meta": {}, "project": 1, "predictions": []}
    return task | {"annotations": [{"id": i, "completed_by": 1, "was_cancelled": False, "result": result}]}


def studio_flat(cells: list) -> dict[str, list]:
    about = {"annotation_id": NUMBERS, "annotator": ["1"] * ROWS, "created_at": ["2024-05-01"] * ROWS}
    return {"id": NUMBERS, "text": TEXTS, "mood": cells, **about, "lead_time": ["3.5"] * ROWS}


def choices(i: int) -> object:
    return FULL[i][0] if len(FULL[i]) == 1 else {"choices": FULL[i]}


OPTIONS = [{"id": str(n), "text": name} for n, name in enumerate(FOUR)]


def prodigy_choice(i: int, text: str) -> dict:
    accepted = [str(FOUR.index(name)) for name in SOME[i]]
    return {"text": text, "options": OPTIONS, "accept": accepted, "answer": "accept", "_task_hash": i}


def argilla_nested(i: int, text: str) -> dict:
    answers = [{"value": SOME[i], "user_id": "u1", "status": "submitted"}]
    return {
        "id": str(i), "status": "completed", "fields": {"text": text}, "metadata": {},
        "suggestions": {"mood": {"value": ["joy"], "score": None, "agent": "m"}}, "responses": {"mood": answers},
    }  # fmt: skip


def argilla_flat() -> list[dict]:
    return messages(
        lambda i, text: {
            "id": str(i), "status": "completed", "text": text, "mood.suggestion": "joy", "mood.responses": [ONE[i]],
            "mood.responses.users": ["u1"], "mood.responses.status": ["submitted"],
        }
    )  # fmt: skip


def argilla_old(i: int, text: str) -> dict:
    return {
        "text": text, "inputs": {"text": text}, "prediction": [{"label": "joy", "score": 0.5}],
        "prediction_agent": "m", "annotation": ONE[i], "annotation_agent": "ada", "multi_label": False,
        "status": "Validated", "id": str(i),
    }  # fmt: skip


def fasttext(start: int, stop: int) -> bytes:
    rows = [" ".join(f"__label__{name}" for name in FULL[i]) + " " + TEXTS[i] for i in range(start, stop)]
    return "\n".join(rows).encode()


def halves(columns: dict[str, list], first: str, second: str, sign: str = ",") -> dict[str, bytes]:
    return {first: table(part(columns, 0, 12), sign), second: table(part(columns, 12, ROWS), sign)}


def joined(sign: str, rows: list[list[str]] = FULL) -> dict[str, list]:
    return {"text": TEXTS, "labels": [sign.join(row) for row in rows]}


TEXT_LABEL = {"text": TEXTS, "label": ONE}
DECLARED = {"label": ClassLabel(names=FOUR)}
HATE = [["hate speech", "offensive", "neither"][i % 3] for i in range(ROWS)]
MELD = {"Sr No.": NUMBERS, "Utterance": TEXTS, "Speaker": ["Ada"] * ROWS, "Emotion": ONE,
        "Sentiment": ["positive" if name == "joy" else "negative" for name in ONE], "Dialogue_ID": NUMBERS,
        "Utterance_ID": NUMBERS, "Season": ["1"] * ROWS, "Episode": ["2"] * ROWS}  # fmt: skip
