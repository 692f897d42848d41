"""Any source of labelled texts to one shape: a DatasetDict with `text` and `labels`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import datasets
import huggingface_hub.constants
from datasets import DatasetDict, load_dataset, load_from_disk

from fusion_model.backbones import hub_is_reachable

from .columns import LabelMode, normalise
from .errors import DataError
from .splits import complete_splits

logger = logging.getLogger(__name__)

SAMPLE = Path(__file__).parent / "sample"
FILE_FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "json",
    ".json": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
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
    seed: int = 42,
) -> DatasetDict:
    """Load a data set from wherever it is.

    Args:
        source: `sample`, a short name (`go_emotions`, `empathetic_dialogues`, ...), a local CSV, TSV, JSON lines or
            Parquet file, a folder of such files (one a split), a `save_to_disk` folder, or a Hub id.
        text_column: Column with the texts; found by name and type if left out.
        label_column: Column with the labels; found by name if left out.
        label_separator: What separates label names in one string, such as `,`; found if left out.
        label_mode: `auto` as the data are, `multi` for several labels a text, `single` for the examples with exactly
            one label that is not neutral, without the label `neutral`.
        config_name: Configuration of a Hub data set.
        revision: Revision of a Hub data set.
        max_rows: Use at most so many rows of each split (the first ones).
        seed: For splits that the source lacks.

    Returns:
        `text: str` and `labels` (`ClassLabel`, or `List(ClassLabel)` for multi-label) in `train`, `validation` and,
        if the source has one, `test`. A source without validation gives up a tenth of its train split, stratified.

    Raises:
        DataError: there is no such source, or it holds no usable texts and labels.
    """
    raw = _load(source, config_name, revision)
    if source == "empathetic_dialogues" or "empathetic_dialogues" in source.split("/")[-1:]:
        raw = _situations(raw)
    if max_rows is not None:
        raw = DatasetDict({name: split.select(range(min(max_rows, len(split)))) for name, split in raw.items()})
    data = normalise(raw, source, text_column, label_column, label_separator, label_mode)
    return complete_splits(data, source, seed)


def _load(source: str, config_name: str | None, revision: str | None) -> DatasetDict:
    """Find and read the source, whatever columns it has."""
    if source == "sample":
        return _read_files({name: str(SAMPLE / f"{name}.jsonl") for name in ("train", "validation", "test")})
    path = Path(source).expanduser()
    if path.is_file():
        if path.suffix.lower() not in FILE_FORMATS:
            raise DataError(f"'{source}' ends in '{path.suffix}': expected one of {sorted(FILE_FORMATS)}.")
        return _read_files({"train": str(path)})
    if path.is_dir():
        return _load_folder(path)
    known = KNOWN.get(source)
    looks_local = path.suffix.lower() in FILE_FORMATS or source.startswith((".", "/", "~")) or source.count("/") > 1
    if looks_local or (known is None and "/" not in source):
        raise DataError(
            f"There is no data set '{source}': no such file or folder, and no known name. Known names are "
            f"{['sample', *KNOWN]}; a Hub data set is named user/name."
        )
    return _load_from_hub(**{"path": source, **(known or {}), **_given(name=config_name, revision=revision)})


def _given(**options: str | None) -> dict[str, str]:
    return {key: value for key, value in options.items() if value is not None}


def _load_folder(folder: Path) -> DatasetDict:
    """A save_to_disk folder, or a folder with one file a split."""
    if (folder / "dataset_dict.json").exists() or (folder / "state.json").exists():
        loaded = load_from_disk(str(folder))
        splits = loaded if isinstance(loaded, DatasetDict) else DatasetDict({"train": loaded})
        return DatasetDict({SPLIT_NAMES.get(name, name): split for name, split in splits.items()})
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in FILE_FORMATS)
    by_split: dict[str, str] = {}
    for file in files:
        # `train.csv`, `train-00000-of-00002.parquet` and `my_data.train.csv` all name their split.
        words = file.stem.lower().replace("-", " ").replace("_", " ").replace(".", " ").split()
        split = next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), None)
        if split is None and len(files) == 1:
            split = "train"
        if split is None:
            continue
        if split in by_split:
            raise DataError(
                f"Both {by_split[split]} and {file} look like the {split} split. Keep one file a split in the folder, "
                "or name one configuration's subfolder."
            )
        by_split[split] = str(file)
    if "train" not in by_split:
        raise DataError(
            f"The folder '{folder}' has no train split among {[file.name for file in files][:8]}: expected a "
            "save_to_disk folder, or files such as train.csv, validation.parquet, test.jsonl."
        )
    return _read_files(by_split)


def _read_files(files: dict[str, str]) -> DatasetDict:
    """Read one file a split."""
    splits = {}
    for split, file in files.items():
        suffix = Path(file).suffix.lower()
        if Path(file).stat().st_size == 0:
            raise DataError(f"The file '{file}' is empty: expected a header line and rows, or one JSON object a line.")
        if FILE_FORMATS[suffix] != "parquet":
            _check_encoding(file)
        options = {"sep": "\t"} if suffix == ".tsv" else {}
        try:
            splits[split] = load_dataset(FILE_FORMATS[suffix], data_files={split: file}, split=split, **options)
        except (ValueError, TypeError, datasets.exceptions.DatasetGenerationError) as error:
            cause = error.__cause__ or error
            raise DataError(
                f"The file '{file}' cannot be read as {suffix[1:]}: {str(cause).splitlines()[0][:200]}. Check that every "
                "row has the same columns and that quotes are closed."
            ) from None
    return DatasetDict(splits)


def _check_encoding(file: str) -> None:
    """Name the first line that is not UTF-8; the readers' own errors name neither file nor line."""
    with open(file, "rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"'{file}' is not UTF-8: byte 0x{line[error.start]:02x} in line {number}. Convert the file first, "
                    f"for instance `iconv -f WINDOWS-1252 -t UTF-8 {Path(file).name} > utf8.csv`."
                ) from None


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
    if not isinstance(loaded, DatasetDict):
        raise DataError(f"The data set '{path}' has no splits: expected at least train.")
    return DatasetDict({SPLIT_NAMES.get(name, name): split for name, split in loaded.items()})


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
    if "prompt" not in raw["train"].column_names or "conv_id" not in raw["train"].column_names:
        return raw
    result = {}
    for name, split in raw.items():
        seen: set[str] = set()
        keep = [row for row, conv in enumerate(split["conv_id"]) if not (conv in seen or seen.add(conv))]  # type: ignore[func-returns-value]
        split = split.select(keep).select_columns(["prompt", "context"])
        result[name] = split.map(lambda row: {"prompt": row["prompt"].replace("_comma_", ",")}).rename_columns(
            {"prompt": "text", "context": "label"}
        )
    return DatasetDict(result)
