"""Which column is the text, which holds the labels, and what the labels are."""

import logging
from collections import Counter
from difflib import get_close_matches
from typing import Literal

import pyarrow as pa
import pyarrow.types as pt
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from .errors import DataError

logger = logging.getLogger(__name__)

LabelMode = Literal["auto", "single", "multi"]
TEXT_NAMES = ("text", "sentence", "comment", "comment_text", "content", "utterance", "situation", "review", "message",
              "tweet", "body", "post", "document", "description", "question")  # fmt: skip
LABEL_NAMES = ("labels", "label", "emotions", "emotion", "sentiment", "category", "class", "target", "coarse_label",
               "tags", "topic", "intent")  # fmt: skip
SEPARATORS = (",", ";", "|")
NEUTRAL = "neutral"


def normalise(
    raw: DatasetDict,
    source: str,
    text_column: str | None,
    label_column: str | None,
    label_separator: str | None,
    label_mode: LabelMode,
) -> DatasetDict:
    """Bring every split to `text: str` and `labels` of class ids.

    Args:
        raw: Splits as they were read, `train` among them.
        source: Named in messages.
        text_column: The text column, or None to find it.
        label_column: The label column, or None to find it.
        label_separator: What separates several names in one string, or None to find it.
        label_mode: See [`extraction.sources.load_source`].

    Returns:
        The splits with the columns `text` and `labels` only; rows without text or label are left out.

    Raises:
        DataError: a column is missing, or labels have a type that cannot be classes.
    """
    if "train" not in raw:
        raise DataError(f"'{source}' has the splits {sorted(raw)}: expected at least train.")
    raw = DatasetDict({name: split for name, split in raw.items() if name in ("train", "validation", "test")})
    train = raw["train"]
    text_column = _find(train, source, text_column, TEXT_NAMES, "text")
    label_column = _find(train, source, label_column, LABEL_NAMES, "label", but=text_column)
    texts = {name: _texts(split, source, name, text_column) for name, split in raw.items()}
    values = {name: _column(split, source, name, label_column) for name, split in raw.items()}
    names = _class_names(train, label_column)
    if names is not None:
        labels = {name: [_ids_to_names(value, names) for value in column] for name, column in values.items()}
        several = isinstance(train.features[label_column], List) or isinstance(train.features[label_column], list)
    else:
        separator = label_separator or _find_separator([v for column in values.values() for v in column])
        labels = {name: [_split_names(value, separator) for value in column] for name, column in values.items()}
        several = separator is not None or any(isinstance(v, list) for column in values.values() for v in column)
    if label_mode == "single":
        labels = {name: [_only(v) for v in column] for name, column in labels.items()}
        names = [name for name in names if name != NEUTRAL] if names is not None else None
    multi = several if label_mode == "auto" else label_mode == "multi"
    if names is None:
        counts = Counter(name for column in labels.values() for value in column for name in value or ())
        names = sorted(counts, key=_natural)
    if not names:
        raise DataError(f"The column '{label_column}' of '{source}' holds no label at all.")
    if len(names) > 1000:
        raise DataError(
            f"The column '{label_column}' of '{source}' has {len(names)} different values, such as {names[:3]}: these are "
            "hardly classes. Name the label column with --label_column."
        )
    classes = ClassLabel(names=names)
    features = Features({"text": Value("string"), "labels": List(classes) if multi else classes})
    return DatasetDict(
        {
            name: _build(
                texts[name],
                labels[name],
                features,
                {n: i for i, n in enumerate(names)},
                multi,
                source,
                name,
                label_mode,
            )
            for name in raw
        }
    )


def _find(split: Dataset, source: str, given: str | None, known: tuple[str, ...], what: str, but: str = "") -> str:
    """The column to use: the one given, or one with a usual name, or the only one that can be it."""
    columns = split.column_names
    if given is not None:
        if given not in columns:
            close = get_close_matches(given, columns, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise DataError(f"'{source}' has no column '{given}': its columns are {columns}.{hint}")
        return given
    lowered = {column.lower().strip(): column for column in columns if column != but}
    for name in known:
        if name in lowered:
            return lowered[name]
    if what == "text":
        strings = [c for c in columns if pt.is_string(t := split.data.schema.field(c).type) or pt.is_large_string(t)]
        if len(strings) == 1:
            return strings[0]
    elif len(lowered) == 1:
        return next(iter(lowered.values()))
    raise DataError(
        f"No {what} column was recognised in '{source}': its columns are {columns}. Name it with --{what}_column."
    )


def _column(split: Dataset, source: str, name: str, column: str) -> list:
    if column not in split.column_names:
        raise DataError(
            f"The {name} split of '{source}' has no column '{column}': its columns are {split.column_names}."
        )
    return split.data.column(column).to_pylist() if split._indices is None else list(split[column])


def _texts(split: Dataset, source: str, name: str, column: str) -> list:
    texts = _column(split, source, name, column)
    wrong = next((text for text in texts if text is not None and not isinstance(text, str)), None)
    if wrong is not None:
        if isinstance(wrong, (int, float)) and not all(isinstance(t, (int, float)) or t is None for t in texts):
            return [None if t is None else str(t) for t in texts]
        raise DataError(
            f"The text column '{column}' of '{source}' holds {type(wrong).__name__} values such as {wrong!r}: expected "
            "strings. Name the right column with --text_column."
        )
    return texts


def _class_names(split: Dataset, column: str) -> list[str] | None:
    """Names that the data set's own features give its class ids."""
    feature = split.features[column]
    feature = feature[0] if isinstance(feature, list) else getattr(feature, "feature", feature)
    return list(feature.names) if isinstance(feature, ClassLabel) else None


def _ids_to_names(value: int | list[int] | None, names: list[str]) -> list[str] | None:
    """Class ids to names; -1 is the Hub's way to say that a label is withheld."""
    if value is None:
        return None
    ids = value if isinstance(value, list) else [value]
    return [names[i] for i in ids if i is not None and i >= 0] or None


def _find_separator(values: list) -> str | None:
    """A separator that splits values into names which also stand alone or recur in other combinations."""
    strings = [value for value in values if isinstance(value, str)]
    for separator in SEPARATORS:
        joined = [value for value in strings if separator in value]
        if not joined:
            continue
        parts = Counter(part.strip() for value in strings for part in value.split(separator) if part.strip())
        # Names recur; the parts of a sentence such as "Smith, John" do not.
        if len(parts) <= max(2, len(set(strings))) and min(parts.values()) >= 1 and len(parts) * 2 <= parts.total():
            return separator
    return None


def _split_names(value: object, separator: str | None) -> list[str] | None:
    """One cell to label names; None if there is no label in it."""
    if value is None or value != value:  # NaN is not equal to itself
        return None
    if isinstance(value, list):
        parts = [str(part).strip() for part in value if part is not None]
    elif isinstance(value, str):
        parts = [part.strip() for part in (value.split(separator) if separator else [value])]
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        parts = [str(value).lower()]
    else:
        parts = [str(int(value)) if float(value).is_integer() else str(value)]
    return list(dict.fromkeys(part for part in parts if part)) or None


def _only(value: list[str] | None) -> list[str] | None:
    """The label of an example with exactly one that is not neutral."""
    return value if value is not None and len(value) == 1 and value[0] != NEUTRAL else None


def _natural(name: str) -> tuple:
    """Numbers in their own order, before words; `neutral` last, as GoEmotions has it."""
    return (0, int(name), "") if name.isdigit() else (1 + (name == NEUTRAL), 0, name)


def _build(
    texts: list,
    labels: list,
    features: Features,
    index: dict[str, int],
    multi: bool,
    source: str,
    split: str,
    label_mode: LabelMode,
) -> Dataset:
    """Pair texts with class ids, leaving out rows that lack either."""
    kept_texts, kept_labels, blank, unlabelled, several = [], [], [], 0, 0
    for row, (text, value) in enumerate(zip(texts, labels, strict=True)):
        if text is None or not text.strip():
            blank.append(row)
        elif value is None:
            unlabelled += 1
        elif not multi and len(value) > 1:
            several += 1
        else:
            kept_texts.append(text)
            kept_labels.append([index[name] for name in value] if multi else index[value[0]])
    if blank:
        logger.warning(
            f"{len(blank)} row(s) of '{source}' ({split}) have no text and are left out, the first is row {blank[0]}."
        )
    if unlabelled and label_mode != "single":
        logger.warning(f"{unlabelled} row(s) of '{source}' ({split}) have no label and are left out.")
    if several:
        raise DataError(
            f"{several} row(s) of '{source}' ({split}) have several labels. Use --label_mode multi for all of them, or "
            "--label_mode single for the rows with exactly one."
        )
    table = pa.table(
        {"text": pa.array(kept_texts, pa.string()), "labels": kept_labels}
        if kept_texts
        else {"text": pa.array([], pa.string()), "labels": pa.array([], pa.list_(pa.int64()) if multi else pa.int64())}
    )
    return Dataset(table.cast(features.arrow_schema)).cast(features)
