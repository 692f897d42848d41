"""DailyDialog from its authors: a dialogue per line, utterances separated by `__eou__`, emotions in a file beside."""

import re
from pathlib import Path

from datasets import Dataset, DatasetDict

from common.errors import DataError

from .lines import read_lines

END = "__eou__"
# The corpus's readme gives these names in the order of the ids.
EMOTIONS = ("no emotion", "anger", "disgust", "fear", "happiness", "sadness", "surprise")


def fits(folder: Path) -> bool:
    """Whether there are dialogues and their emotions, in the folder or one for each split."""
    return bool(_pairs(folder))


def read(folder: Path) -> DatasetDict:
    """A row for each utterance.

    Raises:
        DataError: a dialogue has another number of emotions than of utterances.
    """
    pairs = _pairs(folder)
    if len(pairs) > 1:
        pairs.pop("all", None)
    splits = {}
    for split, (dialogues, emotions) in pairs.items():
        texts, labels = [], []
        lines = zip(read_lines(dialogues), read_lines(emotions), strict=False)
        for number, (dialogue, ids) in enumerate(lines, start=1):
            utterances = [part.strip() for part in dialogue.split(END) if part.strip()]
            if len(ids.split()) != len(utterances):
                raise DataError(
                    f"Line {number} of '{dialogues.name}' has {len(utterances)} utterances, and of '{emotions.name}' "
                    f"{len(ids.split())} emotions: expected as many. Remove the line from both files."
                )
            texts += utterances
            labels += [EMOTIONS[int(i)] if i.isdigit() and int(i) < len(EMOTIONS) else i for i in ids.split()]
        splits[{"all": "train"}.get(split, split)] = Dataset.from_dict({"text": texts, "emotion": labels})
    return DatasetDict(splits)


def _pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """For each split its dialogues and its emotions."""
    found = {}
    for file in sorted([*folder.glob("dialogues_*.txt"), *folder.glob("*/dialogues_*.txt")]):
        match = re.fullmatch(r"dialogues_(text|train|validation|test)\.txt", file.name)
        if match:
            part = "" if match[1] == "text" else f"_{match[1]}"
            emotions = file.with_name(f"dialogues_emotion{part}.txt")
            if emotions.is_file():
                found["all" if match[1] == "text" else match[1]] = (file, emotions)
    return found
