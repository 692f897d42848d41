"""The tab on the model itself."""

import gradio as gr

from . import show
from .about import about
from .reader import Reader


def build(reader: Reader) -> None:
    """Lay out what the model's folder says of it."""
    facts = about(reader)
    gr.HTML(show.render("facts", about=facts), elem_id="facts")
    if facts.limits:
        gr.Markdown(f"### Limits\n\n{facts.limits}", elem_id="limits", sanitize_html=True)
    if facts.by_label:
        gr.Markdown("### By label")
        gr.Dataframe(
            [[_digits(value) for value in row] for row in facts.by_label],
            headers=["label", "F1", "precision", "recall", "examples", "threshold"],
            datatype=["str", "str", "str", "str", "number", "str"],
            interactive=False,
            max_height=460,
            show_label=False,
            elem_id="by-label",
        )
    if facts.pictures:
        with gr.Row(elem_id="figures"):
            for title, file in facts.pictures.items():
                gr.Image(file, label=title, buttons=["fullscreen"], interactive=False, min_width=280)
    if facts.card:
        with gr.Accordion("The model's card", open=False):
            gr.Markdown(facts.card, sanitize_html=True, elem_id="card")


def _digits(value: str | float | None) -> str | int:
    """Three digits for a share, so that a column of them stands level; a name or a count as it is."""
    return f"{value:.3f}" if isinstance(value, float) else "" if value is None else value
