"""Which column is the text, which holds the labels, and the table that both become."""

import logging
from collections import Counter
from difflib import get_close_matches
from typing import Literal

import pyarrow as pa
import pyarrow.types as pt
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from common.errors import DataError

from .labels import NUMBER, check_count, in_order, is_neutral, only_one, read_labels

logger = logging.getLogger(__name__)

LabelMode = Literal["auto", "single", "multi"]
TEXT_NAMES = ("text", "sentence", "comment", "comment_text", "content", "utterance", "situation", "review", "message",
              "tweet", "body", "post", "document", "description", "question")  # fmt: skip
LABEL_NAMES = ("labels", "label", "emotions", "emotion", "sentiment", "category", "class", "target", "coarse_label",
               "tags", "topic", "intent")  # fmt: skip


def normalise(
    raw: DatasetDict,
    source: str,
    text_column: str | None = None,
    label_column: str | None = None,
    label_separator: str | None = None,
    label_mode: LabelMode = "auto",
    max_rows: int | None = None,
) -> DatasetDict:
    """Bring every split to `text: str` and `labels` of class ids.

    Args:
        raw: Splits as they were read, `train` among them.
        source: Named in messages.
        text_column: The text column, or None to find it.
        label_column: The label column, or None to find it.
        label_separator: What separates several names in one string, "" for nothing, or None to find it.
        label_mode: See [`extraction.sources.load_source`].
        max_rows: Keep at most so many of each split's first rows; the labels are still those of all rows.

    Returns:
        The splits with the columns `text` and `labels` only; rows without text or label are left out.

    Raises:
        DataError: a column is missing, or its values cannot be texts or classes.
    """
    if "train" not in raw:
        raise DataError(f"'{source}' has the splits {sorted(raw)}: expected at least train. Rename one, or add it.")
    other = sorted(set(raw) - {"train", "validation", "test"})
    if other:
        logger.info(f"The splits {other} of '{source}' are not used.")
    raw = DatasetDict({name: split for name, split in raw.items() if name not in other})
    train = raw["train"]
    text_column = _find(train, source, text_column, TEXT_NAMES, "text", but=label_column)
    label_column = _find(train, source, label_column, LABEL_NAMES, "label", but=text_column)
    if text_column == label_column:
        raise DataError(
            f"The column '{text_column}' of '{source}' is given as text and as label: expected two of its columns "
            f"{train.column_names}."
        )
    where = f"The column '{label_column}' of '{source}'"
    cells = {name: _column(split, source, name, label_column) for name, split in raw.items()}
    declared = {name: class_names(split, label_column) for name, split in raw.items()}
    several = any(isinstance(cell, list) for column in cells.values() for cell in column)
    labels = {
        name: [_decode(cell, names, where) for cell in cells[name]]
        for name, names in declared.items()
        if names is not None
    }
    free = {name: column for name, column in cells.items() if name not in labels}
    if free:
        found, joined = read_labels(free, where, label_separator, multi=label_mode == "multi")
        labels, several = labels | found, several or joined
    if label_mode == "single":
        labels = {name: [only_one(names) for names in column] for name, column in labels.items()}
    names = _all_names(labels, declared, label_mode, where)
    multi = label_mode == "multi" or (label_mode == "auto" and several)
    features = _features(names, multi)
    result = {}
    for name, split in raw.items():
        if max_rows is not None:
            split = split.select(range(min(max_rows, len(split))))
        texts = _texts(split, source, name, text_column)
        result[name] = _build(texts, labels[name][: len(texts)], features, f"'{source}' ({name})", label_mode)
    return DatasetDict(result)


def class_names(split: Dataset, column: str) -> list[str] | None:
    """Names that the data set's own features give its class ids."""
    feature = split.features[column]
    feature = feature[0] if isinstance(feature, list) else getattr(feature, "feature", feature)
    return list(feature.names) if isinstance(feature, ClassLabel) else None


def _find(
    split: Dataset, source: str, given: str | None, known: tuple[str, ...], what: str, but: str | None = None
) -> str:
    """The column to use: the one given, or one with a usual name, or the only one that can be it."""
    columns = split.column_names
    if given is not None:
        if given not in columns:
            close = get_close_matches(given, columns, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else f" Name one of them with --{what}_column."
            raise DataError(f"'{source}' has no column '{given}': its columns are {columns}.{hint}")
        return given
    lowered = {column.lower().strip(): column for column in columns if column != but}
    for name in known:
        if name in lowered:
            return lowered[name]
    if what == "text":
        strings = [c for c in lowered.values() if _is_string(split, c)]
        if len(strings) == 1:
            return strings[0]
    elif len(lowered) == 1:
        return next(iter(lowered.values()))
    raise DataError(
        f"No {what} column was recognised in '{source}': its columns are {columns}. Name it with --{what}_column; the "
        "first line of a CSV file must hold the names of its columns."
    )


def _is_string(split: Dataset, column: str) -> bool:
    kind = split.data.schema.field(column).type
    return pt.is_string(kind) or pt.is_large_string(kind)


def _column(split: Dataset, source: str, name: str, column: str) -> list:
    """A column as Python values."""
    if column not in split.column_names:
        raise DataError(
            f"The {name} split of '{source}' has no column '{column}', which train has: its columns are "
            f"{split.column_names}. Give all splits the same columns."
        )
    return split.data.column(column).to_pylist() if split._indices is None else list(split[column])


def _texts(split: Dataset, source: str, name: str, column: str) -> list[str | None]:
    """The text column; single numbers among texts are texts, a column of numbers is not."""
    texts = _column(split, source, name, column)
    wrong = next((text for text in texts if text is not None and not isinstance(text, (str, int, float))), None)
    result = [None if text is None or text != text else str(text) for text in texts]
    if wrong is None:
        present = [text for text in result if text and text.strip()]
        # Not one letter in hundreds of rows is a number, date or id column; in a few rows it may be chance.
        if len(present) >= 10 and all(NUMBER.fullmatch(text.strip()) for text in present):
            wrong = next(text for text in texts if text is not None)
    if wrong is not None:
        raise DataError(
            f"The text column '{column}' of '{source}' holds {type(wrong).__name__} values such as "
            f"{str(wrong)[:60]!r}: expected sentences. Name the right column with --text_column."
        )
    return result


def _decode(cell: int | list[int] | None, names: list[str], where: str) -> list[str] | None:
    """Class ids to names; -1 is the Hub's way to say that a label is withheld."""
    if cell is None:
        return None
    ids = cell if isinstance(cell, list) else [cell]
    beyond = [i for i in ids if i is not None and i >= len(names)]
    if beyond:
        raise DataError(f"{where} holds the class id {beyond[0]}, but names only {len(names)} classes: {names[:5]}.")
    return [names[i] for i in dict.fromkeys(ids) if i is not None and i >= 0] or None


def _all_names(
    labels: dict[str, list[list[str] | None]],
    declared: dict[str, list[str] | None],
    label_mode: LabelMode,
    where: str,
) -> list[str]:
    """The label names of all splits: as the data set declares them, then what else occurs."""
    counts = Counter(name for column in labels.values() for names in column for name in names or ())
    check_count(counts, sum(names is not None for column in labels.values() for names in column), where)
    names = list(dict.fromkeys(name for split in declared.values() for name in split or ()))
    if label_mode == "single":
        names = [name for name in names if not is_neutral(name)]
    return names + in_order(counts.keys() - set(names))


def _features(names: list[str], multi: bool) -> Features:
    classes = ClassLabel(names=names)
    return Features({"text": Value("string"), "labels": List(classes) if multi else classes})


def _build(
    texts: list[str | None], labels: list[list[str] | None], features: Features, where: str, label_mode: LabelMode
) -> Dataset:
    """Pair texts with class ids, leaving out rows that lack either."""
    feature = features["labels"]
    multi = not isinstance(feature, ClassLabel)
    index = {name: i for i, name in enumerate((feature.feature if multi else feature).names)}
    kept_texts, kept_labels, blank, unlabelled = [], [], [], []
    for row, (text, names) in enumerate(zip(texts, labels, strict=True), start=1):
        if text is None or not text.strip():
            blank.append(row)
        elif names is None:
            unlabelled.append(row)
        else:
            kept_texts.append(text)
            kept_labels.append([index[name] for name in names] if multi else index[names[0]])
    if blank:
        logger.warning(f"{len(blank)} row(s) of {where} have no text and are left out, the first is row {blank[0]}.")
    if unlabelled and label_mode == "single":
        logger.info(
            f"{len(kept_texts):,} of {len(texts):,} rows of {where} have exactly one label that is not neutral."
        )
    elif unlabelled:
        logger.warning(
            f"{len(unlabelled)} row(s) of {where} have no label and are left out, the first is row {unlabelled[0]}."
        )
    kind = pa.list_(pa.int64()) if multi else pa.int64()
    table = pa.table({"text": pa.array(kept_texts, pa.string()), "labels": pa.array(kept_labels, kind)})
    return Dataset(table.cast(features.arrow_schema))
