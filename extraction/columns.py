"""A source's columns to the table that all else works with: `text`, and `labels` of class ids."""

import logging
from collections import Counter
from dataclasses import dataclass
from typing import Literal, get_args

import pyarrow as pa
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from common.errors import DataError
from fusion_model.texts import is_blank, pair_up

from .labels import are_ids, check_count, in_order, is_neutral, name_ids, only_one
from .layouts import LabelMode, Table, Taken, Wanted, read_layout
from .layouts.finding import NUMBER, SPLIT_COLUMNS
from .raters import Raters, join_raters, rater_column, text_keys, unclear_rows
from .reading import LoadedData, Reading

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Names:
    """Names of class ids that stand in a file beside the data.

    Args:
        file: The file, for messages.
        names: In the order of the ids.
    """

    file: str
    names: tuple[str, ...]


def normalise(
    raw: DatasetDict,
    source: str,
    text_column: str | None = None,
    label_column: str | None = None,
    label_separator: str | None = None,
    label_mode: LabelMode = "auto",
    max_rows: int | None = None,
    label_names: list[str] | None = None,
    raters: Raters | None = None,
    names_beside: Names | None = None,
) -> LoadedData:
    """Bring every split to `text: str` and `labels` of class ids.

    Args:
        raw: Splits as they were read, `train` among them.
        source: Named in messages.
        text_column: The text column, two separated by a comma for pairs of texts, or None to find it.
        label_column: The label column, or several of 0 and 1 separated by commas, or None to find it.
        label_separator: What separates several names in one string, "" for nothing, or None to find it.
        label_mode: See [`extraction.sources.load_source`].
        max_rows: Keep at most so many of each split's first rows; the labels are still those of all rows.
        label_names: Names of the class ids, in their order.
        raters: How the rows of several raters of one text are joined; None leaves them as they are.
        names_beside: Names of class ids that a file beside the data gives.

    Returns:
        The splits with the columns `text`, `text_pair` if there are pairs (null where a row has no second text), and
        `labels`, and what they were read from. Rows without a (first) text or a label are left out; a row that was
        labelled with none of the labels stays where a text can have several.

    Raises:
        DataError: a column is missing, or its values cannot be texts or classes.
    """
    if raters is not None and raters not in get_args(Raters):
        raise DataError(f"raters is '{raters}': expected one of {list(get_args(Raters))}.")
    if "train" not in raw:
        raise DataError(f"'{source}' has the splits {sorted(raw)}: expected at least train. Rename one, or add it.")
    other = sorted(set(raw) - {"train", "validation", "test"})
    if other:
        logger.warning(f"The splits {other} of '{source}' are not used.")
    table = Table(DatasetDict({name: split for name, split in raw.items() if name not in other}), source)
    given = tuple(label_names) if label_names else None
    taken = read_layout(table, Wanted(text_column, label_column, label_separator, label_mode, given))
    if taken.similar:
        logger.warning(
            f"'{source}': the column(s) {taken.similar} would fit as labels as well as {taken.labels_from}. Choose one "
            "with --label_column."
        )
    reading = Reading(taken.text_from, taken.labels_from, taken.several, _unused(table, taken))
    reading.text_columns = taken.text_columns
    first, second = map(repr, taken.text_columns) if taken.text_columns else (taken.text_from, "")
    taken.texts = _texts(taken.texts, first, source)
    if taken.seconds is not None:
        taken.seconds = _texts(taken.seconds, second, source)
    _give_names(taken, source, given, names_beside, label_mode, reading)
    rows = _join(table, taken, raters, reading)
    labels = taken.labels
    if label_mode == "single":
        labels = [only_one(names) for names in labels]
    names = _all_names(labels, taken.names, label_mode, f"{_place(taken)} of '{source}'")
    multi = label_mode == "multi" or (label_mode == "auto" and taken.several)
    reading.several = multi
    classes = ClassLabel(names=names)
    pair = {} if taken.seconds is None else {"text_pair": Value("string")}
    features = Features({"text": Value("string"), **pair, "labels": List(classes) if multi else classes})
    result = {}
    for name, places in table.ranges():
        if _is_left_out(table, taken, name, places):
            continue
        chosen = [place for place in places if place in rows][:max_rows]
        result[name] = _build(
            [taken.texts[p] for p in chosen], [labels[p] for p in chosen], [p - places.start + 1 for p in chosen],
            taken.seconds and [taken.seconds[p] for p in chosen], features, f"'{source}' ({name})", label_mode,
        )  # fmt: skip
    return LoadedData(result, reading)


def _place(taken: Taken) -> str:
    quoted = taken.labels_from.startswith("'") and taken.labels_from.endswith("'")
    return f"The column {taken.labels_from}" if quoted else taken.labels_from[:1].upper() + taken.labels_from[1:]


def _unused(table: Table, taken: Taken) -> list[str]:
    return [name for name in table.columns if name not in taken.used and name.strip().lower() not in SPLIT_COLUMNS]


def _texts(texts: list, text_from: str, source: str) -> list[str | None]:
    """The texts; single numbers among them are texts, a column of numbers is not."""
    wrong = next((text for text in texts if text is not None and not isinstance(text, (str, int, float))), None)
    result = [None if text is None or text != text else str(text) for text in texts]
    if wrong is None:
        present = [text for text in result if text and text.strip()]
        # Not one letter in hundreds of rows is a number, date or id column; in a few rows it may be chance.
        if len(present) >= 10 and all(NUMBER.fullmatch(text.strip()) for text in present):
            wrong = next(text for text in texts if text is not None)
    if wrong is not None:
        raise DataError(
            f"The text column {text_from} of '{source}' holds {type(wrong).__name__} values such as "
            f"{str(wrong)[:60]!r}: expected sentences. Name the right column with --text_column."
        )
    return result


def _give_names(
    taken: Taken,
    source: str,
    given: tuple[str, ...] | None,
    beside: Names | None,
    label_mode: LabelMode,
    reading: Reading,
) -> None:
    """Names for class ids, from the user or from a file beside the data; said where ids stay numbers."""
    found = {name for row in taken.labels for name in row or ()}
    where = f"{_place(taken)} of '{source}'"
    if given is not None:
        taken.labels = name_ids(taken.labels, given, where, "--label_names")
        taken.names = list(given)
        reading.labels += ", named by --label_names"
    elif beside is not None and found and are_ids(found) and not taken.names:
        taken.labels = name_ids(taken.labels, beside.names, where, f"'{beside.file}'")
        taken.names = list(beside.names)
        reading.labels += f", named by '{beside.file}'"
    elif label_mode == "single" and found and are_ids(found) and not taken.names:
        logger.warning(
            f"{where} holds numbers without names, so that neutral, if it is among them, cannot be told and is kept. "
            "Give the names in the order of the ids with --label_names."
        )


def _join(table: Table, taken: Taken, raters: Raters | None, reading: Reading) -> set[int]:
    """Leave out what raters found unclear, and join their rows; returns the rows that stay."""

    def note(sentence: str) -> None:
        reading.notes.append(sentence)
        logger.warning(f"'{table.source}': {sentence}")

    unclear = unclear_rows(table)
    for row in unclear:
        taken.labels[row] = None
    if unclear:
        taken.several = taken.several and any(names is not None and len(names) != 1 for names in taken.labels)
        note(f"{len(unclear)} row(s) that their rater found unclear have no label.")
    rows = set(range(table.num_rows))
    keys = text_keys(table, taken.texts if taken.seconds is None else pair_up(taken.texts, taken.seconds))
    if raters is None:
        if rater_column(table) and len(set(keys)) < len(keys):
            note(
                f"{len(keys)} rows of several raters ('{rater_column(table)}') hold {len(set(keys))} texts: each row "
                "counts as a text of its own. Join them with --raters majority."
            )
        return rows
    how: Literal["majority", "any"] = "any" if raters == "any" else "majority"
    for name, places in table.ranges():
        if raters == "soft-count" and name == "train":
            note("each rater's row of train stays, so that a label counts by its share of the votes.")
            continue
        joined = join_raters([keys[p] for p in places], [taken.labels[p] for p in places], how, taken.several)
        rows -= set(places) - {places[row] for row in joined}
        for row, names in joined.items():
            taken.labels[places[row]] = names
        agreed = sum(names is not None for names in joined.values())
        note(
            f"{len(places)} raters' rows of {name} are joined to {len(joined)} texts by --raters {raters}; "
            f"{len(joined) - agreed} without a label that raters agree on are left out."
        )
    taken.several = taken.several or any(names and len(names) > 1 for names in taken.labels)
    return rows


def _all_names(labels: list[list[str] | None], known: list[str], label_mode: LabelMode, where: str) -> list[str]:
    """The label names of all splits: as the data set declares them, then what else occurs."""
    counts = Counter(name for names in labels for name in names or ())
    check_count(counts, sum(names is not None for names in labels), where)
    names = [name for name in dict.fromkeys(known) if label_mode != "single" or not is_neutral(name)]
    return names + in_order(counts.keys() - set(names))


def _is_left_out(table: Table, taken: Taken, name: str, places: range) -> bool:
    """Whether a test split lacks the labels, as many do; any other split must have train's columns."""
    split = table.splits[name]
    missing = [c for c in table.splits["train"].column_names if c in taken.used and c not in split.column_names]
    labelled = any(taken.labels[place] is not None for place in places)
    if not missing or (labelled and any(taken.texts[place] is not None for place in places)):
        return False
    # A column of its own that tells rows apart is an id; one that groups them may be the labels under another name.
    added = [split[c][:] for c in split.column_names if c not in table.splits["train"].column_names]
    only_ids = all(len(set(map(str, cells))) == len(cells) for cells in added)
    if name == "test" and only_ids and any(taken.texts[place] is not None for place in places):
        logger.warning(
            f"The test split of '{table.source}' has no column {missing}: it is without labels, and is left out. Its "
            f"columns are {split.column_names}."
        )
        return True
    raise DataError(
        f"The {name} split of '{table.source}' has no column '{missing[0]}', which train has: its columns are "
        f"{split.column_names}. Give all splits the same columns."
    )


def _build(
    texts: list[str | None],
    labels: list[list[str] | None],
    rows: list[int],
    seconds: list[str | None] | None,
    features: Features,
    where: str,
    label_mode: LabelMode,
) -> Dataset:
    """Pair texts with class ids, leaving out rows that lack either."""
    feature = features["labels"]
    multi = not isinstance(feature, ClassLabel)
    index = {name: i for i, name in enumerate((feature.feature if multi else feature).names)}
    kept_texts, kept_seconds, kept_labels, blank, unlabelled = [], [], [], [], []
    for row, text, second, names in zip(rows, texts, seconds or [None] * len(rows), labels, strict=True):
        if text is None or not text.strip():
            blank.append(row)
        elif names is None or not (names or multi):
            unlabelled.append(row)
        else:
            kept_texts.append(text)
            kept_seconds.append(None if is_blank(second) else second)
            kept_labels.append([index[name] for name in names] if multi else index[names[0]])
    if blank:
        which = "text" if seconds is None else "first text"
        logger.warning(f"{len(blank)} row(s) of {where} have no {which} and are left out, the first is row {blank[0]}.")
    if unlabelled and label_mode == "single":
        logger.info(
            f"{len(kept_texts):,} of {len(texts):,} rows of {where} have exactly one label that is not neutral."
        )
    elif unlabelled:
        logger.warning(
            f"{len(unlabelled)} row(s) of {where} have no label and are left out, the first is row {unlabelled[0]}."
        )
    kind = pa.list_(pa.int64()) if multi else pa.int64()
    columns = {"text": pa.array(kept_texts, pa.string()), "labels": pa.array(kept_labels, kind)}
    if "text_pair" in features:
        columns["text_pair"] = pa.array(kept_seconds, pa.string())
    return Dataset(pa.table({name: columns[name] for name in features}).cast(features.arrow_schema))
