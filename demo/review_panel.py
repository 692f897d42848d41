"""The table of many texts, and beside it the labels of one of them, to be put right or confirmed."""

from pathlib import Path
from typing import Any

import gradio as gr

from . import show
from .downloads import write_labelled
from .reader import Reader
from .review import COLUMNS, ORDERS, Review
from .tables import halves

GONE = "These results are no longer here, as they are kept for an hour: read the texts again."


class ReviewPanel:
    """Handlers and layout of the table and the editor beside it.

    Args:
        reader: The main model.
        folder: Where gradio keeps files, and deletes them when they are old.
    """

    def __init__(self, reader: Reader, folder: Path):
        self.reader = reader
        self.folder = folder

    def look(self, review: Review | None) -> tuple:
        """What the editor shows: the text, its labels, whether there is something to undo."""
        if review is None:
            return show.notice(GONE), gr.update(), gr.update(interactive=False)
        text = show.render(
            "review",
            row=review.row,
            total=len(review.texts),
            mark=review.mark(review.row),
            text="\n".join(halves(review.texts[review.row])).strip(),
            call=review.calls[review.row],
        )
        labels = review.current if review.several else review.current[0]
        undo = gr.update(interactive=review.row in review.saved)
        return text, gr.update(choices=review.best_first, value=labels), undo

    def all(self, review: Review | None) -> tuple:
        """The table, what `look` shows, how much was saved, and the files of what was saved."""
        if review is None:
            return gr.update(), *self.look(None), "", *(gr.update(interactive=False),) * 2
        files: tuple = (None, None)
        if review.saved:
            files = write_labelled(*review.labelled(), review.several, self.folder, review.name)
        counts = review.counts
        told = show.render(
            "saved",
            saved=len(review.saved),
            left=sum(map(review.is_read, review.order)) - len(review.saved),
            corrected=counts["corrected"],
            confirmed=counts["confirmed"],
        )
        downloads = (gr.update(value=file, interactive=file is not None) for file in files)
        return review.table(), *self.look(review), told, *downloads

    def start(self, review: Review | None, order: str) -> tuple:
        """New results, or none: the editor is there or not, and all that it shows."""
        if review is None:
            return (gr.update(visible=False), *(gr.skip(),) * 7)
        review.sort(order)
        return gr.update(visible=True), *self.all(review)

    def sort(self, review: Review | None, order: str) -> tuple:
        """Another order."""
        if review is not None:
            review.sort(order)
        return self.all(review)

    def choose(self, review: Review | None, event: gr.SelectData) -> tuple:
        """A row of the table was chosen."""
        if review is not None:
            review.look_at(int(event.row_value[0]) - 1)
        return self.look(review)

    def step(self, review: Review | None, by: int) -> tuple:
        """To the next row, or to the one before."""
        if review is not None:
            review.step(by)
        return self.look(review)

    def save(self, review: Review | None, labels: list[str] | str | None) -> tuple:
        """Take the labels, which may be the model's own, and go on."""
        if review is not None:
            chosen = [labels] if isinstance(labels, str) else labels or []
            if chosen or review.several:
                review.save(chosen)
        return review, *self.all(review)

    def forget(self, review: Review | None) -> tuple:
        """Take labels back."""
        if review is not None:
            review.forget()
        return review, *self.all(review)

    def build(self) -> gr.State:
        """Lay out table and editor and connect them; the state that holds what is looked through."""
        review = gr.State(time_to_live=3600)
        with gr.Column(visible=False, elem_id="review") as panel, gr.Row(equal_height=False):
            with gr.Column(scale=7, min_width=300):
                order = gr.Radio(list(ORDERS), value=ORDERS[0], label="Order", elem_id="order")
                table = gr.Dataframe(
                    headers=list(COLUMNS),
                    datatype="str",
                    type="pandas",
                    interactive=False,
                    wrap=True,
                    max_height=460,
                    column_widths=["9%", "30%", "22.5%", "22.5%", "16%"],
                    show_label=False,
                    elem_id="table",
                )
            with gr.Column(scale=5, min_width=300, elem_id="editor"):
                text = gr.HTML(elem_id="reviewed")
                labels = gr.Dropdown(
                    self.reader.labels,
                    multiselect=self.reader.multi_label,
                    label="Right labels" if self.reader.multi_label else "Right label",
                    elem_id="right-labels",
                )
                save = gr.Button("Save and go on", variant="primary", elem_id="save")
                with gr.Row():
                    back = gr.Button("Back", elem_id="back", min_width=70, size="md")
                    skip = gr.Button("Skip", elem_id="skip", min_width=70, size="md")
                    undo = gr.Button("Undo", interactive=False, elem_id="undo", min_width=70, size="md")
                told = gr.HTML(elem_id="saved")
                with gr.Row():
                    as_csv, as_parquet = (
                        gr.DownloadButton(
                            f"Saved rows as {kind}",
                            interactive=False,
                            elem_id=f"labelled-{kind.lower()}",
                            min_width=150,
                            size="sm",
                        )
                        for kind in ("CSV", "Parquet")
                    )
        # What is typed replaces the label, which gradio would add it to.
        labels.focus(None, js="() => document.activeElement.select?.()", api_visibility="private")
        editor = [text, labels, undo]
        everything = [table, *editor, told, as_csv, as_parquet]
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        review.change(self.start, [review, order], [panel, *everything], **quiet)
        order.input(self.sort, [review, order], everything, **quiet)
        table.select(self.choose, review, editor, **quiet)
        back.click(lambda held: self.step(held, -1), review, editor, **quiet)
        skip.click(lambda held: self.step(held, 1), review, editor, **quiet)
        save.click(self.save, [review, labels], [review, *everything], **quiet)
        undo.click(self.forget, review, [review, *everything], **quiet)
        return review
