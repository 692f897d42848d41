"""Dialogues in JSON: DailyDialog (ParlAI's), EmotionLines and EmoryNLP, a row for each utterance."""

import json
import re
from typing import Any

import pyarrow as pa

from .errors import TableError
from .limits import Limits
from .lines import Lines
from .sources import JSON, Source

TEXTS = ("text", "utterance", "transcript")
LABELS = ("emotion", "label")
# What begins a file of dialogues: a list of lists (EmotionLines), episodes (EmoryNLP), lines with one (DailyDialog).
BEGINS = re.compile(
    r'\s*(\[\s*\[\s*\{|\{\s*"[\w ]+"\s*:\s*("[^"]*"\s*,\s*)?\[\s*\{|\{[^\[\]{}]*"(dialogue|episodes)"\s*:)'
)
UTTERANCES = re.compile('"(dialogue|utterances?)"')


def fits(source: Source) -> bool:
    """Whether it is JSON whose utterances stand in dialogues."""
    begin = source.beginning(4096) if source.suffix in JSON else ""
    return BEGINS.match(begin) is not None and UTTERANCES.search(begin) is not None


def read(source: Source, limits: Limits) -> pa.Table:
    """Utterances with their emotion; DailyDialog's `fold` becomes the column `split`.

    Raises:
        TableError: it is no JSON, or holds no utterance with an emotion.
    """
    rows: list[dict[str, str]] = []
    for dialogue in _parse(source):
        split = dialogue.get("fold") if isinstance(dialogue, dict) else None
        rows += [row | ({"split": str(split)} if split else {}) for row in _utterances(dialogue)]
    if not rows:
        raise TableError(
            f"'{source.shown}' holds dialogues, but no utterance with one of {list(TEXTS)} and one of {list(LABELS)}: "
            'write one object per line, such as {"text": "...", "label": "joy"}.'
        )
    limits.check_rows(source.shown, len(rows))
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})


def _parse(source: Source) -> list:
    with source.open() as stream:
        lines = list(Lines(stream, source))
    try:
        found = json.loads("".join(lines))
        return found if isinstance(found, list) else [found]
    except (ValueError, RecursionError):
        pass
    result = []
    for number, line in enumerate(lines, start=1):
        try:
            result += [json.loads(line)] if line.strip() else []
        except (ValueError, RecursionError) as error:
            raise TableError(
                f"Line {number} of '{source.shown}' is not JSON ({str(error)[:120]}): expected one dialogue per line."
            ) from None
    return result


def _utterances(part: Any, depth: int = 0) -> list[dict[str, str]]:
    """All objects with a text and an emotion, in order."""
    if depth > 6:
        return []
    if isinstance(part, list):
        return [row for one in part for row in _utterances(one, depth + 1)]
    if not isinstance(part, dict):
        return []
    text = next((part[name] for name in TEXTS if isinstance(part.get(name), str)), None)
    label = next((part[name] for name in LABELS if isinstance(part.get(name), str)), None)
    if text is not None and label is not None:
        return [{"text": text, "emotion": label}]
    return [row for one in part.values() for row in _utterances(one, depth + 1)]
