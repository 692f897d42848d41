"""Inputs that hypothesis makes up, and the surfaces that they go into: each answers, or refuses in our own words."""

import bz2
import contextlib
import csv
import gzip
import io
import json
import logging
import signal
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import pyarrow as pa
import yaml
from huggingface_hub.errors import StrictDataclassError
from hypothesis import strategies as st

from common.errors import DataError
from common.recipes import RecipeError
from demo.endpoints import add_endpoints
from demo.limits import RefusalError
from demo.reader import Shelf
from demo.tables import read_table, texts_of
from extraction.sources import load_source
from fusion_model import FusionConfig, FusionForSequenceClassification, FusionTextClassificationPipeline
from tables import SUFFIXES
from tables.sources import ARROW, PACKED, SQLITE
from tests.tables.files import arrow, parquet, xlsx, zipped
from training.arguments import parse

# Seconds of computing after which an input counts as one that hangs.
PATIENCE = 20


@dataclass(frozen=True)
class Surface:
    """A door that strangers' input comes in by.

    Args:
        inputs: Strategy of one input.
        answer: Takes it.
        refusals: What may be raised; anything else is unhandled.
    """

    inputs: st.SearchStrategy
    answer: Callable[[Any], object]
    refusals: tuple[type[BaseException], ...]

    def take(self, value: Any) -> None:
        """Give an input to the surface.

        Raises:
            Exception: it was neither answered nor refused.
            TimeoutError: it took longer than PATIENCE.
        """
        with _patience(), contextlib.suppress(*self.refusals):
            self.answer(value)


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    """Interrupt what computes for too long; the time that other processes take does not count."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"no answer after {PATIENCE} s of computing")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


# Every sign that Python's strings can hold, halves of signs among them, and what means something to some reader.
any_text = st.text(st.characters(exclude_categories=()), max_size=60) | st.sampled_from(
    [
        "",
        " ",
        "\0",
        "\ufeff",
        "=1+1",
        "[/]",
        "{{7*7}}",
        "<b>",
        "nan",
        "None",
        "[1, 2]",
        "a,b;c|d",
        '"',
        "\u2028",
        "1e999",
    ]
)
numbers = st.integers() | st.floats() | st.sampled_from([-1, 0, 1, 0.5, 2**31, 2**63, 2**64, 10**400])
scalars = st.none() | st.booleans() | numbers | any_text
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4), max_leaves=8
)
plain = st.text("abc ,;|'\"", max_size=12) | any_text
labels = st.sampled_from(["joy", "anger", "fear", "joy,anger", "[0, 1]", "['joy']", "1", "neutral", ""]) | scalars
names = st.sampled_from(["text", "label", "labels", "comment", "emotion", "id"]) | plain


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes as they are, cut off, or with some replaced."""
    kind = draw(st.sampled_from(["whole", "whole", "whole", "cut", "replaced"]))
    if kind == "cut":
        return whole[: draw(st.integers(0, len(whole)))]
    if kind == "replaced" and whole:
        at = draw(st.integers(0, len(whole) - 1))
        return whole[:at] + draw(st.binary(max_size=4)) + whole[at + 1 :]
    return whole


@st.composite
def files(draw: st.DrawFn) -> tuple[str, bytes]:
    """A suffix and the bytes of a data file: mostly well-formed, in several encodings, some damaged, some noise."""
    suffix = draw(st.sampled_from([".csv", ".csv", ".txt", "", *SUFFIXES, *(f".csv{kind}" for kind in PACKED)]))
    if draw(st.integers(0, 9)) == 0:
        return suffix, draw(st.binary(max_size=300))
    header = draw(st.sampled_from([["text", "label"]] * 3 + [["text", "labels", "id"]]) | st.lists(names, max_size=4))
    cells = [plain, labels, anything, anything]
    # A column of one kind half of the time, as real ones are.
    columns = [draw(st.sampled_from([cells[place], labels if place else plain])) for place in range(len(header))]
    rows = draw(st.lists(st.tuples(*columns), max_size=5)) * draw(st.sampled_from([1, 2, 7]))
    encoding = draw(st.sampled_from(["utf-8"] * 4 + ["utf-8-sig", "utf-16", "latin-1"]))
    return suffix, draw(damaged(_file(suffix, header, rows, encoding)))


def _file(suffix: str, header: list[str], rows: list[tuple], encoding: str) -> bytes:
    """A table as a file of the kind that its suffix names."""
    if suffix.endswith(PACKED):
        inner = _file(".csv", header, rows, encoding)
        if suffix.endswith(".zip"):
            return zipped(a__csv=inner)
        return gzip.compress(inner) if suffix.endswith(".gz") else bz2.compress(inner)
    if suffix in (".parquet", ".xlsx", *ARROW, *SQLITE):
        with contextlib.suppress(pa.ArrowException, ValueError, OverflowError, TypeError, sqlite3.Error):
            return _binary_file(suffix, header, rows)
        return b"PAR1"
    if suffix in (".json", ".jsonl", ".ndjson"):
        records = [json.dumps(dict(zip(header, row, strict=True)), default=str) for row in rows]
        return ("\n".join(records) if suffix != ".json" else f"[{', '.join(records)}]").encode(encoding, "replace")
    text = io.StringIO()
    with contextlib.suppress(csv.Error):
        csv.writer(text, delimiter="\t" if suffix == ".tsv" else ",").writerows([header, *rows])
    return text.getvalue().encode(encoding, "replace")


def _binary_file(suffix: str, header: list[str], rows: list[tuple]) -> bytes:
    """The same for kinds that cannot hold everything."""
    if suffix in SQLITE:
        with contextlib.closing(sqlite3.connect(":memory:")) as database:
            quoted = ['"' + name.replace('"', '""') + '"' for name in header]
            database.execute(f"CREATE TABLE posts ({', '.join(quoted)})")
            kept = [[cell if isinstance(cell, (int, float, str)) else None for cell in row] for row in rows]
            database.executemany(f"INSERT INTO posts VALUES ({', '.join('?' * len(header))})", kept)
            database.commit()
            return database.serialize()
    if suffix == ".xlsx":
        return xlsx(Posts=[header, *([str(cell) if cell is not None else None for cell in row] for row in rows)])
    columns = [[row[place] for row in rows] for place in range(len(header))]
    table = pa.table([pa.array(column) for column in columns], names=header)
    return parquet(table) if suffix == ".parquet" else arrow(table)


def _sources(folder: Path) -> Surface:
    options = st.fixed_dictionaries(
        {},
        optional={
            "text_column": names,
            "label_column": names,
            "label_separator": st.sampled_from([",", ";", "|", ""]) | plain,
            "label_mode": st.sampled_from(["auto", "multi", "single"]),
            "max_rows": st.integers(-1, 30),
            "column_names": st.lists(names, min_size=1, max_size=3),
            "label_names": st.lists(plain, max_size=4),
            "raters": st.sampled_from(["majority", "any", "soft-count"]),
        },
    )

    def answer(value: tuple[tuple[str, bytes], dict[str, Any]]) -> None:
        (suffix, content), chosen = value
        file = folder / f"data{suffix}"
        file.write_bytes(content)
        load_source(str(file), **chosen)

    return Surface(st.tuples(files(), options), answer, (DataError,))


def _recipes(folder: Path) -> Surface:
    keys = (
        st.sampled_from(["name", "model_id", "layers", "pooling", "max_length", "dtype", "revision", "bundled"]) | plain
    )
    backbone = st.dictionaries(keys, anything, max_size=5) | st.fixed_dictionaries(
        {"name": plain | st.just("tiny"), "model_id": plain | st.just("a/b")}, optional={"layers": anything}
    )
    flags = st.dictionaries(
        st.sampled_from(["seed", "dropout", "learning_rate", "hidden_sizes", "loss", "lexical"]) | plain, anything
    )
    recipe = st.fixed_dictionaries(
        {"backbones": st.lists(backbone, max_size=3) | anything},
        optional={"description": anything, "head": flags, "training": flags, "trianing": anything},
    )
    written = recipe.map(lambda content: yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "replace"))
    tags = st.sampled_from(
        [b"a: !!python/object/apply:os.abort []", b"&a [*a]", b"{{{{", b"- - -\n", b"? ?", b"!!binary x"]
    )
    file = folder / "fuzzed.yaml"

    def answer(content: bytes) -> None:
        file.write_bytes(content)
        with contextlib.redirect_stderr(io.StringIO()):
            parse(["--recipe", str(file), "--use_cpu"])

    inputs = written | written.flatmap(damaged) | st.binary(max_size=200) | tags | anything.map(repr).map(
        lambda text: text.encode("utf-8", "replace")
    )  # fmt: skip
    return Surface(inputs, answer, (RecipeError, ValueError, SystemExit))


def _predict(model: FusionForSequenceClassification) -> Surface:
    texts = st.lists(any_text, max_size=4) | anything
    top_k = st.none() | st.sampled_from(["predicted", "decided", 1, 3]) | scalars
    threshold = st.none() | st.floats(0, 1) | scalars
    without = st.none() | st.sampled_from(["tiny", "lexical", "other"]) | any_text
    return Surface(st.tuples(texts, top_k, threshold, without), lambda value: model.predict(*value), (ValueError,))


def _pipeline(model: FusionForSequenceClassification) -> Surface:
    classify = FusionTextClassificationPipeline(model)
    rows = st.lists(st.fixed_dictionaries({"text": any_text}), max_size=3)
    options = st.dictionaries(
        st.sampled_from(["top_k", "threshold", "batch_size", "return_all_scores"]), scalars, max_size=2
    )
    inputs = st.tuples(any_text | st.lists(any_text, max_size=4) | rows | anything, options)
    return Surface(inputs, lambda value: classify(value[0], **value[1]), (ValueError,))


def _configuration() -> Surface:
    fields = ["fusion_dim", "sigma", "cooccurrence", "average_backbone", "hidden_sizes", "dropout", "num_members"]
    fields += ["lexical_terms", "lexical_bytes", "thresholds", "temperature", "problem_type", "backbones"]
    fields += ["num_labels", "id2label", "label2id", "attn_implementation", "architectures", "dtype"]
    contents = st.dictionaries(
        st.sampled_from(fields) | any_text, anything | st.lists(anything, max_size=3), max_size=4
    )
    return Surface(contents, lambda value: FusionConfig.from_dict(dict(value)), (ValueError, StrictDataclassError))


def _endpoints(shelf: Shelf) -> dict[str, Surface]:
    """The functions behind the demo's endpoints, as the server calls them."""
    with gr.Blocks(analytics_enabled=False) as page:
        add_endpoints(shelf)
    functions = {str(function.api_name): function.fn for function in page.fns.values()}
    threshold, top_k = st.none() | scalars, st.none() | scalars
    model = st.sampled_from(shelf.names) | anything
    arguments = {
        "classify": st.tuples(any_text | anything, threshold, top_k),
        "classify_many": st.tuples(st.lists(any_text, max_size=4) | anything, threshold, top_k),
        "explain": st.tuples(any_text | anything, st.none() | st.sampled_from(shelf.main.labels) | anything),
        "compare": st.tuples(any_text | anything, model, model, threshold),
    }

    def caller(name: str) -> Callable[[tuple], object]:
        # The answer travels as JSON, which has no NaN.
        return lambda value: json.dumps(functions[name](*value), allow_nan=False).encode("utf-8")

    return {f"/{name}": Surface(inputs, caller(name), (gr.Error,)) for name, inputs in arguments.items()}


def _uploads() -> Surface:
    def answer(value: tuple[tuple[str, bytes], str]) -> None:
        (suffix, content), column = value
        table = read_table(f"upload{suffix}", content)
        texts_of(table, table.likely_column())
        texts_of(table, column)

    return Surface(st.tuples(files(), names), answer, (RefusalError,))


def surfaces(folder: Path, model_folder: Path) -> dict[str, Surface]:
    """Every surface by name.

    Args:
        folder: For the files that inputs are written to.
        model_folder: A small model.
    """
    # Each of a thousand damaged files has its warnings.
    for name in ("extraction", "tables", "transformers", "datasets"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    model = FusionForSequenceClassification.from_pretrained(model_folder).eval()
    return {
        "sources": _sources(folder),
        "recipes": _recipes(folder),
        "predict": _predict(model),
        "pipeline": _pipeline(model),
        "configuration": _configuration(),
        "uploads": _uploads(),
        **_endpoints(Shelf(str(model_folder))),
    }
