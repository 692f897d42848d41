"""The tab that puts two models, or two revisions of one, side by side on a text."""

import gradio as gr

from . import show
from .answers import answer
from .limits import RefusalError, check_text
from .reader import Shelf


class Compare:
    """Handlers and layout of the tab.

    Args:
        shelf: The models that can be chosen.
    """

    def __init__(self, shelf: Shelf):
        self.shelf = shelf

    def run(self, text: str, first: str, second: str, own: bool, threshold: float, top_k: int) -> tuple[str, str, str]:
        """A sentence on the difference, and both answers."""
        try:
            text = check_text(text)
            readers = [self.shelf.take(first), self.shelf.take(second)]
        except RefusalError as refusal:
            return show.notice(str(refusal)), "", ""
        answers = [answer(reader, reader.scores([text])[0], None if own else threshold) for reader in readers]
        return (
            show.differences([first, second], answers),
            show.bars(answers[0], int(top_k), title=first),
            show.bars(answers[1], int(top_k), title=second),
        )

    def build(self, controls: tuple[gr.Checkbox, gr.Slider, gr.Slider]) -> None:
        """Lay out the tab and connect it."""
        names = self.shelf.names
        text = gr.Textbox(
            label="Your text",
            value="I can't believe you did that for me.",
            lines=1,
            max_lines=8,
            elem_id="compare-text",
        )
        with gr.Row():
            first = gr.Dropdown(names, value=names[0], label="First model", elem_id="first", min_width=240)
            second = gr.Dropdown(names, value=names[-1], label="Second model", elem_id="second", min_width=240)
            go = gr.Button("Compare", variant="primary", elem_id="compare", scale=0, min_width=160)
        if len(names) == 1:
            gr.HTML(
                show.notice("There is one model here. Whoever runs the demo can name more to compare it with.", "hint")
            )
        sentence = gr.HTML(elem_id="differences")
        with gr.Row(equal_height=False, elem_id="answers"):
            left = gr.HTML(elem_id="left", min_width=300)
            right = gr.HTML(elem_id="right", min_width=300)
        gr.on(
            [text.submit, go.click],
            self.run,
            [text, first, second, *controls],
            [sentence, left, right],
            show_progress="minimal",
            show_progress_on=sentence,
            api_visibility="private",
        )
