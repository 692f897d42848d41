"""The tab for one text: bars with thresholds, the words that made the difference, what each part of the model saw."""

import time
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

from . import show
from .answers import answer
from .explain import Explanation, explain
from .limits import RefusalError, check_text
from .reader import Reader

EXAMPLES = {
    "A range of emotions": [
        "You did what?! I am so proud of you!",
        "I miss the smell of my grandmother's kitchen.",
        "What if nobody comes to the party tomorrow?",
        "Thank you for waiting, and sorry I was late again.",
        "The meeting starts at nine in room four.",
    ],
    "Negation": ["I am not angry, not in the least.", "This is not the happy ending I was hoping for."],
    "Sarcasm": ["Oh great, another Monday. Just what I needed.", "Wow, you broke it again. Well done, genius."],
}
FIRST = "You did what?! I am so proud of you!"
COPY_LINK = """(text, emotion) => {
    const link = new URL(window.location.href);
    link.hash = '';
    link.searchParams.set('text', text);
    emotion ? link.searchParams.set('emotion', emotion) : link.searchParams.delete('emotion');
    window.history.replaceState(null, '', link);
    const button = document.querySelector('#copy-link');
    const say = (words) => { button.textContent = words; setTimeout(() => button.textContent = 'Copy link', 2000); };
    if (!navigator.clipboard) { say('Link is in the address bar'); return; }
    navigator.clipboard.writeText(link.href).then(() => say('Link copied'), () => say('Link is in the address bar'));
}"""
# A bar is a button: it chooses the emotion that the words are coloured for.
CHOOSE_BAR = """
const choose = (event) => {
    const bar = event.target.closest('.bar[data-label]');
    if (!bar || (event.type === 'keydown' && event.key !== 'Enter' && event.key !== ' ')) return;
    event.preventDefault();
    trigger('select', {value: bar.dataset.label});
};
element.addEventListener('click', choose);
element.addEventListener('keydown', choose);
"""


@dataclass
class Reading:
    """A text that was read, so that controls answer without reading it again."""

    text: str
    scores: np.ndarray
    milliseconds: float
    tokens_read: int | None
    explanation: Explanation | None = None


@dataclass
class Visit:
    """What the page remembers of one visitor. A handler that a newer text has overtaken says nothing any more.

    Args:
        asked: A mark of the newest text that is being read.
        reading: The text that is shown.
        explaining: The reading that is being explained.
        label: The emotion that was chosen meanwhile.
    """

    asked: object = None
    reading: Reading | None = None
    explaining: Reading | None = None
    label: str | None = None


class OneText:
    """Handlers and layout of the tab.

    Args:
        reader: The main model.
    """

    def __init__(self, reader: Reader):
        self.reader = reader

    def read(self, text: str, own: bool, threshold: float, top_k: int, visit: Visit) -> tuple:
        """Bars for a text, the choice of emotions, and whether there is something to explain."""
        mine = visit.asked = object()
        try:
            text = check_text(text)
        except RefusalError as refusal:
            visit.reading = None
            return show.notice(str(refusal)), gr.update(), gr.update(visible=False)
        started = time.perf_counter()
        scores = self.reader.scores([text])[0]
        if visit.asked is not mine:
            return (gr.skip(),) * 3
        milliseconds = 1000 * (time.perf_counter() - started)
        visit.reading, visit.label = Reading(text, scores, milliseconds, self.reader.tokens_read(text)), None
        labels = [emotion.label for emotion in answer(self.reader, scores)]
        choice = gr.update(choices=labels, value=labels[0])
        return self.bars(visit, own, threshold, top_k), choice, gr.update(visible=True)

    def bars(self, visit: Visit, own: bool, threshold: float, top_k: int) -> str:
        """Bars for a text that was read, with other controls."""
        reading = visit.reading
        if reading is None:
            return show.notice("The answer appears here.", "hint")
        emotions = answer(self.reader, reading.scores, None if own else threshold)
        return show.bars(emotions, int(top_k), milliseconds=reading.milliseconds, tokens_read=reading.tokens_read)

    def explain(self, visit: Visit, label: str) -> tuple:
        """Words and parts for a label."""
        reading = visit.reading
        if reading is None:
            return "", ""
        if reading.explanation is None:
            if visit.explaining is reading:
                return gr.skip(), gr.skip()
            visit.explaining = reading
            reading.explanation = explain(self.reader, reading.text)
            if visit.reading is not reading:
                return gr.skip(), gr.skip()
        return self.colour(visit, visit.label or label)

    def colour(self, visit: Visit, label: str) -> tuple[str, str]:
        """Words and parts for another label."""
        visit.label = label
        reading = visit.reading
        if reading is None or reading.explanation is None or label not in self.reader.labels:
            return "", ""
        return (
            show.words(reading.explanation, self.reader, label),
            show.parts(reading.explanation, self.reader, label),
        )

    def choose(self, visit: Visit, event: gr.EventData) -> tuple[str, str, str]:
        """A bar was chosen: its label, words and parts."""
        label = str(event.value)
        return label, *self.colour(visit, label)

    def start(self, request: gr.Request) -> tuple[str, str | None]:
        """The text and emotion of a permalink, or the first example."""
        return request.query_params.get("text", FIRST), request.query_params.get("emotion")

    def prefer(self, label: str, wanted: str | None) -> str:
        """The emotion that a permalink names, if there is one."""
        return wanted if wanted in self.reader.labels else label

    def build(self, page: gr.Blocks, controls: tuple[gr.Checkbox, gr.Slider, gr.Slider]) -> None:
        """Lay out the tab and connect it.

        Args:
            page: For what happens when it is opened.
            controls: Own thresholds, one threshold, number of bars.
        """
        visit = gr.State(Visit())
        wanted = gr.State()
        with gr.Row(equal_height=False, elem_id="one-text"):
            with gr.Column(scale=5, min_width=300, elem_id="asking"):
                text = gr.Textbox(
                    label="Your text",
                    placeholder="Write a sentence, press Enter",
                    lines=1,
                    max_lines=8,
                    autofocus=True,
                    elem_id="text",
                )
                with gr.Row():
                    go = gr.Button("Read it", variant="primary", elem_id="read", scale=3, min_width=140)
                    link = gr.Button("Copy link", elem_id="copy-link", scale=2, min_width=120)
                with gr.Column(elem_id="examples"):
                    examples = [
                        gr.Dataset(components=[text], samples=[[one] for one in sentences], label=kind)
                        for kind, sentences in EXAMPLES.items()
                    ]
            with gr.Column(scale=6, min_width=300, elem_id="answering"):
                bars = gr.HTML(js_on_load=CHOOSE_BAR, elem_id="bars", min_height=300)
        with gr.Column(visible=False, elem_id="why") as why:
            with gr.Row(elem_classes="heading"):
                gr.Markdown("### Why? Each word left out in turn")
                emotion = gr.Dropdown(
                    self.reader.labels, label="Emotion", elem_id="emotion", scale=0, min_width=220, container=False
                )
            words = gr.HTML(elem_id="words")
            if self.reader.parts:
                gr.Markdown("### What each part of the model saw", elem_classes="heading")
            parts = gr.HTML(elem_id="parts", visible=bool(self.reader.parts))

        # "multiple": whoever asks while an answer is under way is answered too; the older one is then dropped.
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "trigger_mode": "multiple"}
        read: dict[str, Any] = {
            "fn": self.read,
            "inputs": [text, *controls, visit],
            "outputs": [bars, emotion, why],
            **quiet,
        }
        explained: dict[str, Any] = {
            "fn": self.explain,
            "inputs": [visit, emotion],
            "outputs": [words, parts],
            **quiet,
        }
        gr.on([text.submit, go.click], **read).then(**explained)
        for kind in examples:
            kind.click(lambda sample: sample[0], kind, text, **quiet).then(**read).then(**explained)
        page.load(self.start, None, [text, wanted], **quiet).then(**read).then(
            self.prefer, [emotion, wanted], emotion, **quiet
        ).then(**explained)
        emotion.input(self.colour, [visit, emotion], [words, parts], **quiet)
        bars.select(self.choose, visit, [emotion, words, parts], **quiet)
        for control in controls:
            # No model is asked, so there is nothing to queue for: the answer comes with the request.
            always_last = {**quiet, "trigger_mode": "always_last"}
            control.change(self.bars, [visit, *controls], bars, queue=False, **always_last)
        link.click(None, [text, emotion], None, js=COPY_LINK, api_visibility="private")
