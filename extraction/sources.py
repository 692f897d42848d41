"""Any source of labelled texts to one shape: a DatasetDict with `text` and `labels`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import cast, get_args

import datasets
import huggingface_hub.constants
from datasets import Dataset, DatasetDict, load_dataset

from common.errors import DataError
from fusion_model.hub import hub_is_reachable
from fusion_model.trust import is_hub_id
from tables import split_part

from .columns import LabelMode, normalise
from .files import SUFFIXES, read_file
from .folders import read_folder, read_pattern
from .names_beside import find_names
from .raters import Raters
from .reading import LoadedData
from .split_names import rename_splits, split_by_column
from .splits import complete_splits

SAMPLE = Path(__file__).parent / "sample"
# Data sets known by a short name: Hub id, configuration, revision, and the columns to read.
KNOWN: dict[str, dict] = {
    "go_emotions": {"path": "google-research-datasets/go_emotions", "name": "simplified"},
    # Its loading script does not run any more; the Hub's parquet export does.
    "empathetic_dialogues": {"path": "facebook/empathetic_dialogues", "revision": "refs/convert/parquet"},
    "sst2": {"path": "stanfordnlp/sst2"},
    "ag_news": {"path": "fancyzhx/ag_news"},
    "rotten_tomatoes": {"path": "cornell-movie-review-data/rotten_tomatoes"},
}


def load_source(
    source: str,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    label_separator: str | None = None,
    label_mode: LabelMode = "auto",
    config_name: str | None = None,
    revision: str | None = None,
    max_rows: int | None = None,
    label_names: list[str] | None = None,
    raters: Raters | None = None,
    column_names: Sequence[str] | None = None,
    seed: int = 42,
) -> LoadedData:
    """Load a data set from wherever it is.

    Args:
        source: `sample`, a short name (`go_emotions`, `empathetic_dialogues`, ...), a local file that ends in one of
            `tables.SUFFIXES` (`file.db::table` for one of several tables), a folder of such files (one a split), a
            `save_to_disk` folder, or a Hub id.
        text_column: Column with the texts, or two separated by a comma for pairs (`premise,hypothesis`); found by name
            and type if left out.
        label_column: Column with the labels, or one column for each label, separated by commas; found by name if left
            out.
        label_separator: What separates label names in one string, such as `,`; "" if nothing does; found if left out.
        label_mode: `auto` as the data are, `multi` for several labels a text, `single` for the examples with exactly
            one label that is not neutral, without the label `neutral`.
        config_name: Configuration of a Hub data set.
        revision: Revision of a Hub data set.
        max_rows: Use at most so many rows of each split (the first ones); the labels are those of all rows.
        label_names: Names of class ids, in their order.
        raters: Joins the rows of several raters of one text: `majority` keeps labels that two of them chose, `any`
            those that one chose, `soft-count` each rater's row of train.
        column_names: Names of the columns, for files whose first line is a row of data.
        seed: For splits that the source lacks.

    Returns:
        `text: str`, for pairs `text_pair: str`, and `labels` (`ClassLabel`, or `List(ClassLabel)` for multi-label) in
        `train`, `validation` and, if the source has one, `test`. A source without validation gives up a tenth of its
        train split, stratified.

    Raises:
        DataError: there is no such source, or it holds no usable texts and labels.
    """
    if label_mode not in get_args(LabelMode):
        raise DataError(f"label_mode is '{label_mode}': expected one of {list(get_args(LabelMode))}.")
    if max_rows is not None and max_rows < 1:
        raise DataError(f"max_rows is {max_rows}: expected at least 1, or leave it out to use all rows.")
    raw = _load(source, config_name, revision, column_names)
    if text_column is None and label_column is None:
        raw = _situations(raw)
    raw = split_by_column(raw, source)
    path = Path(source).expanduser()
    local = source != "sample" and path.exists()
    names_beside = find_names(path if path.is_dir() else path.parent) if local and not label_names else None
    data = normalise(
        raw, source, text_column, label_column, label_separator, label_mode, max_rows, label_names, raters, names_beside
    )
    return complete_splits(data, source, seed, raters)


def _load(
    source: str, config_name: str | None, revision: str | None, column_names: Sequence[str] | None
) -> DatasetDict:
    """Find and read the source, whatever columns it has."""
    if source == "sample":
        return DatasetDict({name: read_file(SAMPLE / f"{name}.jsonl") for name in ("train", "validation", "test")})
    whole = Path(source).expanduser()
    path, _ = split_part(whole)
    if source and path.is_file():
        return DatasetDict({"train": read_file(whole, column_names)})
    if "*" in source:
        return read_pattern(source, column_names)
    if source and path.is_dir():
        return read_folder(path, column_names)
    known = KNOWN.get(source)
    if path.suffix.lower() in SUFFIXES or (known is None and not is_hub_id(source)):
        close = get_close_matches(source, ["sample", *KNOWN], n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise DataError(
            f"There is no data set '{source}': no such file or folder, and no known name.{hint} Known names are "
            f"{['sample', *KNOWN]}; a Hub data set is named user/name, and a local one by its path, such as "
            "./my_data.csv."
        )
    return _load_from_hub(**{"path": source, **(known or {}), **_given(name=config_name, revision=revision)})


def _given(**options: str | None) -> dict[str, str]:
    return {key: value for key, value in options.items() if value is not None}


def _load_from_hub(path: str, **options: str) -> DatasetDict:
    """A Hub data set: from the Hub if it can be reached, else from the local cache."""
    online = hub_is_reachable()
    try:
        with _offline_unless(online):
            loaded = load_dataset(path, **options)
    except Exception as error:
        # The data sets library raises a dozen unrelated types here; each means that there are no data.
        if not online:
            raise DataError(
                f"The data set '{path}' is not in the local cache and the Hub ({huggingface_hub.constants.ENDPOINT}) "
                "cannot be reached. Use `--dataset sample`, which needs no network, or give the path of a local CSV, "
                "TSV, JSON lines or Parquet file or folder."
            ) from None
        raise DataError(
            f"The data set '{path}' {options or ''} could not be loaded: {type(error).__name__}: "
            f"{str(error).splitlines()[0][:300] if str(error) else ''}. Check the id, give --dataset_config or "
            "--dataset_revision, or use a local file."
        ) from error
    return rename_splits(cast(DatasetDict, loaded), path)


@contextmanager
def _offline_unless(online: bool) -> Iterator[None]:
    """Keep the libraries from half a minute of retries when it is known that nobody answers."""
    before = huggingface_hub.constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    if not online:
        huggingface_hub.constants.HF_HUB_OFFLINE = True
        datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        huggingface_hub.constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before


def _situations(raw: DatasetDict) -> DatasetDict:
    """EmpatheticDialogues on the Hub has a row an utterance; the labelled text is the situation, one a conversation."""
    if not all({"conv_id", "context", "prompt"} <= set(split.column_names) for split in raw.values()):
        return raw
    result = {}
    for name, split in raw.items():
        first: dict[str, tuple[str | None, str | None]] = {}
        for conversation, prompt, emotion in zip(
            split["conv_id"][:], split["prompt"][:], split["context"][:], strict=True
        ):
            first.setdefault(conversation, (prompt and prompt.replace("_comma_", ","), emotion))
        prompts, emotions = zip(*first.values(), strict=True) if first else ((), ())
        result[name] = Dataset.from_dict({"text": list(prompts), "label": list(emotions)})
    return DatasetDict(result)
