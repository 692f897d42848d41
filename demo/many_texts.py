"""The tab for many texts: pasted lines or a file, a distribution, downloads, and what is looked through."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from . import show
from .answers import predicted_labels
from .downloads import results_frame, write_results
from .limits import MAX_CHARACTERS, MAX_MEGABYTES, MAX_ROWS, RefusalError, check_texts, check_threshold
from .reader import Reader
from .review import Review, closest
from .review_panel import ReviewPanel
from .tables import KINDS, Table, Text, halves, texts_of
from .uploads import take_upload

# Texts between two steps of the progress bar; between them, other visitors are served.
CHUNK = 64


def in_chunks(reader: Reader, texts: list[Text]) -> Iterator[tuple[int, np.ndarray]]:
    """Read texts a chunk at a time; those without any characters (in the first of a pair) are left unread.

    Yields:
        How many texts are done, and scores `(len(texts), labels)`, NaN where nothing was read (yet).
    """
    scores = np.full((len(texts), len(reader.labels)), np.nan, dtype=np.float32)
    for start in range(0, len(texts), CHUNK):
        rows = [row for row in range(start, min(start + CHUNK, len(texts))) if halves(texts[row])[0].strip()]
        if rows:
            scores[rows] = reader.scores([texts[row] for row in rows])
        yield min(start + CHUNK, len(texts)), scores


def count_named(reader: Reader, scores: np.ndarray, threshold: float | None) -> np.ndarray:
    """How many texts each label is predicted for, `(labels,)`."""
    read = scores[~np.isnan(scores[:, 0])]
    if threshold is None and reader.thresholds is None:
        return np.bincount(read.argmax(axis=1), minlength=len(reader.labels)) if len(read) else np.zeros(0, int)
    limits = np.array(reader.thresholds if threshold is None else [threshold] * len(reader.labels))
    return (read.astype(np.float64) >= limits).sum(axis=0)


class ManyTexts:
    """Handlers and layout of the tab.

    Args:
        reader: The main model.
        folder: Where gradio keeps files, and deletes them when they are old.
    """

    def __init__(self, reader: Reader, folder: Path):
        self.reader = reader
        self.folder = folder

    def upload(self, file: dict | None, column_names: str) -> tuple:
        """An upload becomes a table in memory: table, empty file field, column choice, a sentence."""
        try:
            table = take_upload(file, column_names)
        except RefusalError as refusal:
            return None, None, gr.update(visible=False), show.notice(str(refusal))
        column = gr.update(
            choices=table.choices(self.reader.text_columns),
            value=table.likely_column(self.reader.text_columns),
            visible=True,
        )
        rows = f"{table.rows:,} row{'s' if table.rows != 1 else ''}"
        sheet = f", sheet '{table.sheet}'" if table.sheet else ""
        sentence = (
            f"{table.name}{sheet}: {rows}, read into memory; the file itself was not kept. Choose the column and start."
        )
        return table, None, column, show.notice(sentence, "hint")

    def run(
        self,
        lines: str,
        table: Table | None,
        column: str | None,
        own: bool,
        threshold: float,
        progress=gr.Progress(),  # noqa: B008 (gradio's way to ask for it)
    ) -> Iterator[tuple]:
        """Read everything; yields distribution, what can be looked through, both downloads, cancel and start button."""
        off, on = gr.update(interactive=False), gr.update(interactive=True)
        limit = None if own else threshold
        try:
            if table is not None:
                name, texts = table.name, texts_of(table, column)
            else:
                name, texts = "texts", list(check_texts([line for line in (lines or "").splitlines() if line.strip()]))
        except RefusalError as refusal:
            yield show.notice(str(refusal)), None, off, off, off, on
            return
        running = (None, off, off, on, off)
        yield show.notice(f"Reading {len(texts):,} texts …", "hint"), *running
        started = time.perf_counter()
        for done, scores in in_chunks(self.reader, texts):
            progress((done, len(texts)), unit="texts")
            counts = count_named(self.reader, scores, limit)
            yield show.distribution(self.reader, counts, done, len(texts)), *running
        predicted = predicted_labels(self.reader, scores, limit)
        table_file, packed_file = write_results(results_frame(self.reader, texts, scores, predicted), self.folder, name)
        sure, calls = closest(self.reader, scores, limit)
        review = Review(name, texts, self.reader.labels, self.reader.multi_label, scores, predicted, sure, calls)
        seconds = time.perf_counter() - started
        yield (
            show.distribution(self.reader, counts, len(texts), len(texts), seconds),
            review,
            gr.update(value=table_file, interactive=True),
            gr.update(value=packed_file, interactive=True),
            off,
            on,
        )

    def cancel(self) -> tuple:
        """After a cancel: a sentence, nothing to cancel any more, and a start button."""
        sentence = show.notice("Cancelled. Nothing was kept.", "hint")
        return sentence, gr.update(interactive=False), gr.update(interactive=True)

    def classify_file(
        self, file: dict | None, column: str | None, threshold: float | None, column_names: str | None = None
    ) -> tuple[dict, str, str]:
        """Read a file: a summary, and the results as CSV and Parquet."""
        try:
            table = take_upload(file, column_names)
            limit = check_threshold(threshold)
            column = column or table.likely_column(self.reader.text_columns)
            texts = texts_of(table, column)
        except RefusalError as refusal:
            raise gr.Error(str(refusal), print_exception=False) from None
        *_, (_, scores) = in_chunks(self.reader, texts)
        counts = count_named(self.reader, scores, limit)
        summary = {
            "rows": len(texts),
            "column": column,
            "predicted": {label: int(n) for label, n in zip(self.reader.labels, counts, strict=True)},
        }
        frame = results_frame(self.reader, texts, scores, predicted_labels(self.reader, scores, limit))
        return summary, *write_results(frame, self.folder, table.name)

    def build(self, own: gr.Checkbox, threshold: gr.Slider) -> None:
        """Lay out the tab and connect it."""
        held = gr.State(time_to_live=3600)
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=300):
                lines = gr.Textbox(
                    label="One text a line",
                    placeholder="I can't wait for the weekend!\nWhy would anyone do that?",
                    lines=6,
                    max_lines=10,
                    elem_id="lines",
                )
                file = gr.File(
                    label="or a file",
                    file_types=list(KINDS),
                    height=150,
                    elem_id="file",
                )
                with gr.Accordion("The file's first line names no columns", open=False, elem_id="no-header"):
                    names = gr.Textbox(
                        label="Names of its columns, before you choose it",
                        placeholder="text, label",
                        max_lines=1,
                        elem_id="column-names",
                    )
                gr.HTML(show.render("file_limits", rows=MAX_ROWS, megabytes=MAX_MEGABYTES, characters=MAX_CHARACTERS))
                column = gr.Dropdown(label="Column with the texts", visible=False, elem_id="column")
                with gr.Row():
                    go = gr.Button("Read them", variant="primary", elem_id="read-many", scale=3, min_width=140)
                    stop = gr.Button("Cancel", variant="stop", interactive=False, elem_id="cancel", min_width=100)
            with gr.Column(scale=6, min_width=300):
                status = gr.HTML(
                    show.notice("The distribution appears here.", "hint"), elem_id="status", min_height=200
                )
        review = ReviewPanel(self.reader, self.folder).build()
        with gr.Row():
            as_csv = gr.DownloadButton("All results as CSV", interactive=False, elem_id="csv", min_width=180)
            as_parquet = gr.DownloadButton(
                "All results as Parquet", interactive=False, elem_id="parquet", min_width=180
            )

        private: dict[str, Any] = {"api_visibility": "private"}
        # Without gradio's own reading of the file, which would leave a copy on the disk.
        file.upload(self.upload, [file, names], [held, file, column, status], preprocess=False, **private)
        at_once: dict[str, Any] = {"show_progress": "hidden", "queue": False, **private}
        lines.input(lambda: (None, gr.update(visible=False)), None, [held, column], **at_once)
        run = go.click(
            self.run,
            [lines, held, column, own, threshold],
            [status, review, as_csv, as_parquet, stop, go],
            show_progress_on=status,
            concurrency_limit=4,
            # With "once", a page whose run was cancelled ignores the next click for as long as it has not heard of it.
            trigger_mode="multiple",
            **private,
        )
        run.failure(lambda: (gr.update(interactive=False), gr.update(interactive=True)), None, [stop, go], **private)
        stop.click(self.cancel, None, [status, stop, go], cancels=run, **at_once)

        with gr.Row(visible=False):
            api_file = gr.File(label="file", file_types=list(KINDS))
            api_column = gr.Textbox(label="column", value="")
            api_threshold = gr.Number(label="threshold", value=None)
            api_names = gr.Textbox(label="column_names", value="")
            outputs = [gr.JSON(label="summary"), gr.File(label="csv"), gr.File(label="parquet")]
            gr.Button().click(
                self.classify_file,
                [api_file, api_column, api_threshold, api_names],
                outputs,
                preprocess=False,
                api_name="classify_file",
                concurrency_limit=4,
            )
