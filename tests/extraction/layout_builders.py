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
        layout: What it looks like.
        files: Content by name.
        labels: What each text must be labelled with, in order.
        options: Of the command.
        dataset: What is given to --dataset; the folder where it is left out and there are several files.
        several: Whether the result is several labels per text.
        test: Rows of the test split, 0 for none.
        names: The labels in order, where that is not the alphabet's.
        texts: The texts in order.
        source: What the layout was compared with; "own" for tables that nobody publishes.
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
    source: str = "own"


def single(labels: list[str]) -> list[list[str]]:
    return [[name] for name in labels]


def table(columns: dict[str, list], sign: str = ",", end: str = "\n", header: bool = True, **options) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=sign, lineterminator=end, **options)
    writer.writerows([list(columns)] * header + list(zip(*columns.values(), strict=True)))
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


def raw_goemotions(unclear: bool = False) -> dict[str, bytes]:
    """Three raters of each comment: two agree, the third chooses something else; a row may be unclear to its rater."""
    about = ["author", "subreddit", "link_id", "parent_id", "created_utc", "rater_id", "example_very_unclear"]
    rows: dict[str, list] = {name: [] for name in ("text", "id", *about, *FOUR, "neutral")}
    for rater in range(3):
        for i, text in enumerate(TEXTS):
            chosen = {ONE[i]} if rater < 2 else {"neutral"}
            said = [text, f"ed{i}", f"writer{i}", "kitchens", f"t3_{i}", f"t1_{i}", 1548381039.0 + i, rater, False]
            for name, value in zip(rows, [*said, *(int(n in chosen) for n in (*FOUR, "neutral"))], strict=True):
                rows[name].append(value)
    if not unclear:
        return {"goemotions_1.csv": table(rows)}
    for name, value in zip(rows, [TEXTS[0], "ed0", "w", "k", "t3_0", "t1_0", 1548381039.0, 9, True], strict=False):
        rows[name].append(value)
    for name in (*FOUR, "neutral"):
        rows[name].append(0)
    return {"goemotions_1.csv": table(rows)}


def messages(label) -> list[dict]:
    return [label(i, text) for i, text in enumerate(TEXTS)]


def in_fours(utterance) -> list[list[dict]]:
    """Dialogues of four utterances each."""
    rows = [utterance(i, text) for i, text in enumerate(TEXTS)]
    return [rows[start : start + 4] for start in range(0, ROWS, 4)]


def spoken(i: int, text: str) -> dict:
    return {"speaker": "Ada", "utterance": text, "emotion": ONE[i], "annotation": "4100000"}


def scenes() -> dict:
    def utterance(i: int, text: str) -> dict:
        tokens = [text.split()]
        return {"utterance_id": f"s01_e02_c01_u{i:03}", "speakers": ["Ada"], "transcript": text, "tokens": tokens,
                "emotion": ONE[i].title()}  # fmt: skip

    parts = [{"scene_id": f"s01_e02_c{n:02}", "utterances": rows} for n, rows in enumerate(in_fours(utterance))]
    return {"season_id": "trn", "episodes": [{"episode_id": "s01_e02", "scenes": parts}]}


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
            # Tags are rare, and some lines have a cell more than the header.
            tags = "<HI>," if i == 3 else ""
            rows.append(f'hit:{i}_conv:{i},{turn},{ONE[i]},{spelt},{turn},So "it was_comma_ then,5|5|5_2|2|5,{tags}')
    return "\n".join(rows).encode()


def studio(i: int, text: str) -> dict:
    region = {"id": f"r{i}", "type": "choices", "value": {"choices": SOME[i]}, "origin": "manual", "to_name": "text",
              "from_name": "mood"}  # fmt: skip
    given = {"id": i, "completed_by": 1, "result": [region] if SOME[i] else [], "was_cancelled": False,
             "ground_truth": False, "created_at": "2024-01-30T02:40:43.893565Z", "lead_time": 8.65, "prediction": {},
             "result_count": 0, "task": i, "project": 29}  # fmt: skip
    return {"id": i, "annotations": [given], "file_upload": "a.csv", "drafts": [], "predictions": [],
            "data": {"text": text}, "meta": {}, "inner_id": i, "total_annotations": 1, "project": 29}  # fmt: skip


def studio_flat(cells: list) -> dict[str, list]:
    """The columns in the order of JSON-MIN's keys."""
    moment = ["2024-01-30T02:40:43.893565Z"] * ROWS
    return {"text": TEXTS, "id": list(range(ROWS)), "mood": cells, "annotator": [1] * ROWS,
            "annotation_id": list(range(ROWS)), "created_at": moment, "updated_at": moment,
            "lead_time": [3.5] * ROWS}  # fmt: skip


def choices(i: int) -> object:
    return FULL[i][0] if len(FULL[i]) == 1 else {"choices": FULL[i]}


OPTIONS = [{"id": name, "text": name} for name in FOUR]


def prodigy(i: int, text: str, label: str, answer: str = "accept") -> dict:
    return {"text": text, "meta": {"source": "here", "score": 0.5}, "label": label, "_input_hash": i, "_task_hash": -i,
            "answer": answer}  # fmt: skip


def prodigy_choice(i: int, text: str) -> dict:
    return {"text": text, "options": OPTIONS, "_input_hash": i, "_task_hash": -i, "_view_id": "choice",
            "config": {"choice_style": "multiple"}, "accept": SOME[i], "answer": "accept"}  # fmt: skip


def argilla_nested(i: int, text: str) -> dict:
    suggestions = {"mood": {"value": ["joy"], "score": None, "agent": "m"}}
    answers = {"mood": [{"value": SOME[i], "user_id": "u1"}]}
    return {"id": str(i), "status": "completed", "_server_id": f"s{i}", "fields": {"text": text}, "metadata": {},
            "vectors": {}, "responses": answers, "suggestions": suggestions}  # fmt: skip


def argilla_flat(i: int, text: str) -> dict:
    return {"id": str(i), "status": "completed", "_server_id": f"s{i}", "text": text, "mood.responses": [ONE[i]],
            "mood.responses.users": ["u1"], "mood.responses.status": ["submitted"], "mood.suggestion": "joy",
            "mood.suggestion.score": None, "mood.suggestion.agent": "m"}  # fmt: skip


def argilla_old(i: int, text: str) -> dict:
    return {"text": text, "inputs": {"text": text}, "prediction": [{"label": "joy", "score": 0.5}],
            "prediction_agent": "m", "annotation": ONE[i], "annotation_agent": "ada", "vectors": None,
            "multi_label": False, "explanation": None, "id": str(i), "metadata": {}, "status": "Validated",
            "event_timestamp": "2023-01-20T20:11:53", "metrics": {"text_length": 3}}  # fmt: skip


def fasttext(start: int, stop: int) -> bytes:
    rows = [" ".join(f"__label__{name}" for name in FULL[i]) + " " + TEXTS[i] for i in range(start, stop)]
    return "\n".join(rows).encode()


def halves(columns: dict[str, list], first: str, second: str, sign: str = ",", **options) -> dict[str, bytes]:
    return {
        first: table(part(columns, 0, 12), sign, **options),
        second: table(part(columns, 12, ROWS), sign, **options),
    }


def joined(sign: str, rows: list[list[str]] = FULL) -> dict[str, list]:
    return {"text": TEXTS, "labels": [sign.join(row) for row in rows]}


TEXT_LABEL = {"text": TEXTS, "label": ONE}
DECLARED = {"label": ClassLabel(names=FOUR)}
HATE = [["hate speech", "offensive", "neither"][i % 3] for i in range(ROWS)]
MELD = {"Sr No.": NUMBERS, "Utterance": TEXTS, "Speaker": ["Ada"] * ROWS, "Emotion": ONE,
        "Sentiment": ["positive" if name == "joy" else "negative" for name in ONE], "Dialogue_ID": NUMBERS,
        "Utterance_ID": NUMBERS, "Season": ["8"] * ROWS, "Episode": ["21"] * ROWS,
        "StartTime": ["00:16:16,059"] * ROWS, "EndTime": ["00:16:21,731"] * ROWS}  # fmt: skip
AIRLINE = ["tweet_id", "airline_sentiment", "airline_sentiment_confidence", "negativereason",
           "negativereason_confidence", "airline", "airline_sentiment_gold", "name", "negativereason_gold",
           "retweet_count", "text", "tweet_coord", "tweet_created", "tweet_location", "user_timezone"]  # fmt: skip
# ISEAR's columns up to the name of the emotion, and behind it.
ISEAR = ["ID", "CITY", "COUN", "SUBJ", "SEX", "AGE", "RELI", "PRAC", "FOCC", "MOCC", "FIEL", "EMOT", "WHEN", "LONG",
         "INTS", "ERGO", "TROPHO", "TEMPER", "EXPRES", "MOVE", "EXP1", "EXP2", "EXP10", "PARAL", "CON", "EXPC", "PLEA",
         "PLAN", "FAIR", "CAUS", "COPING", "MORL", "SELF", "RELA", "VERBAL", "NEUTRO"]  # fmt: skip
STANCES = ["FAVOR", "AGAINST", "NONE", "FAVOR"] * 4
STANCE = {"ID": NUMBERS, "Target": ["Kettles", "Cakes"] * 8, "Tweet": TEXTS, "Stance": STANCES,
          "Opinion towards": ["TARGET", "OTHER"] * 8, "Sentiment": ["POSITIVE", "NEGATIVE"] * 8}  # fmt: skip
