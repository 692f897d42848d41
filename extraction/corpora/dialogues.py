"""Dialogues in JSON: DailyDialog, EmotionLines and EmoryNLP, a row for each utterance."""

import json
import re
from pathlib import Path
from typing import Any

from datasets import Dataset

from common.errors import DataError

from .lines import first_bytes, read_lines, read_text

TEXTS = ("text", "utterance", "transcript")
LABELS = ("emotion", "label")
# What begins a file of dialogues: a list of lists (EmotionLines), episodes (EmoryNLP), lines with one (DailyDialog).
BEGINS = re.compile(
    r'\s*(\[\s*\[\s*\{|\{\s*"[\w ]+"\s*:\s*("[^"]*"\s*,\s*)?\[\s*\{|\{[^\[\]{}]*"(dialogue|episodes)"\s*:)'
)


def fits(file: Path) -> bool:
    """Whether it is JSON whose utterances stand in dialogues."""
    if file.suffix.lower() not in (".json", ".jsonl"):
        return False
    begin = first_bytes(file)
    return BEGINS.match(begin) is not None and any(
        f'"{name}"' in begin for name in ("dialogue", "utterance", "utterances")
    )


def read(file: Path) -> Dataset:
    """Utterances with their emotion; DailyDialog's `fold` becomes the column `split`."""
    rows: list[dict] = []
    for dialogue in _parse(file):
        split = dialogue.get("fold") if isinstance(dialogue, dict) else None
        rows += [row | ({"split": str(split)} if split else {}) for row in _utterances(dialogue)]
    if not rows:
        raise DataError(
            f"'{file}' holds dialogues, but no utterance with one of {list(TEXTS)} and one of {list(LABELS)}: write "
            'one object per line, such as {"text": "...", "label": "joy"}.'
        )
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Dataset.from_dict({name: [row.get(name) for row in rows] for name in names})


def _parse(file: Path) -> list:
    try:
        found = json.loads(read_text(file))
        return found if isinstance(found, list) else [found]
    except (ValueError, RecursionError):
        pass
    result = []
    for number, line in enumerate(read_lines(file), start=1):
        try:
            result.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"Line {number} of '{file}' is not JSON ({str(error)[:120]}): expected one dialogue per line."
            ) from None
    return result


def _utterances(part: Any, depth: int = 0) -> list[dict]:
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
