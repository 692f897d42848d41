"""Answers as HTML. Every text goes through Jinja's autoescaping: what a person typed is shown, never run."""

from collections.abc import Sequence
from pathlib import Path

import jinja2
import numpy as np

from .answers import Emotion
from .explain import Explanation
from .reader import Reader

# Effects smaller than this share of the largest are not numbered under their word.
NUMBERED = 0.3

_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
_environment.filters["percent"] = lambda value: f"{100 * value:.2f}".rstrip("0").rstrip(".")
_environment.filters["score"] = lambda value: f"{value:.2f}"
_environment.filters["signed"] = lambda value: "±0.00" if abs(value) < 0.005 else f"{value:+.2f}".replace("-", "−")


def render(template: str, **values: object) -> str:
    """Fill in a template from templates/."""
    page = render_page(template, **values)
    # The page's own templating reads braces and dollar signs; as entities they are letters to it.
    return page.replace("{", "&#123;").replace("}", "&#125;").replace("$", "&#36;")


def render_page(template: str, **values: object) -> str:
    """Fill in a template that is a page of its own, with nothing of gradio around it."""
    return _environment.get_template(f"{template}.html").render(**values)


def notice(message: str, kind: str = "refused") -> str:
    """A sentence in place of an answer."""
    return render("notice", message=message, kind=kind)


def bars(
    emotions: Sequence[Emotion],
    top_k: int,
    title: str = "",
    milliseconds: float | None = None,
    tokens_read: int | None = None,
) -> str:
    """Sorted bars with thresholds, under the labels that are predicted.

    Args:
        emotions: Best first.
        top_k: How many bars; labels that are predicted have one in any case.
        title: Above the answer, where there are two.
        milliseconds: How long the reading took.
        tokens_read: How many tokens of a text were read that is longer.
    """
    shown = [emotion for place, emotion in enumerate(emotions) if place < top_k or emotion.predicted]
    return render(
        "bars",
        shown=shown,
        predicted=[emotion for emotion in emotions if emotion.predicted],
        nearest=min(emotions, key=lambda e: (e.threshold or 0) - e.score),
        hidden=len(emotions) - len(shown),
        title=title,
        milliseconds=milliseconds,
        tokens_read=tokens_read,
    )


def words(explanation: Explanation, reader: Reader, label: str) -> str:
    """The text with a colour a word for one label."""
    place = reader.labels.index(label)
    effects = [0.0 if piece.effects is None else float(piece.effects[place]) for piece in explanation.pieces]
    largest = max(map(abs, effects), default=0.0)
    pieces = [
        {
            "text": piece.text,
            "effect": effect,
            # The square root keeps small effects visible beside a large one.
            "strength": 0 if largest < 0.005 else round((abs(effect) / largest) ** 0.5, 3),
            "numbered": largest >= 0.005 and abs(effect) >= max(NUMBERED * largest, 0.005),
            "word": piece.effects is not None,
        }
        for piece, effect in zip(explanation.pieces, effects, strict=True)
    ]
    return render(
        "words",
        pieces=pieces,
        label=label,
        score=float(explanation.scores[place]),
        moved=largest >= 0.005,
        words_a_piece=explanation.words_a_piece,
    )


def parts(explanation: Explanation, reader: Reader, label: str) -> str:
    """One label's score with everything, and with each part left out."""
    place = reader.labels.index(label)
    whole = float(explanation.scores[place])
    rows = [
        {"name": _name_of(reader, part), "score": float(scores[place]), "change": float(scores[place]) - whole}
        for part, scores in explanation.without.items()
    ]
    threshold = None if reader.thresholds is None else reader.thresholds[place]
    return render("parts", label=label, whole=whole, rows=rows, threshold=threshold)


def _name_of(reader: Reader, part: str) -> str:
    """How a part is called in a sentence: a backbone by its model, or by its own name where two are of one model."""
    if part == "lexical":
        return "the TF-IDF branch"
    model = reader.backbones[part]
    return part if list(reader.backbones.values()).count(model) > 1 else model.rsplit("/", 1)[-1]


def distribution(reader: Reader, counts: np.ndarray, done: int, total: int, seconds: float | None = None) -> str:
    """How many texts were given each label.

    Args:
        reader: The model.
        counts: `(labels,)`.
        done: Texts read so far.
        total: Texts in all.
        seconds: How long it took, when it is over.
    """
    order = np.argsort(-counts, kind="stable")
    rows = [{"label": reader.labels[i], "count": int(counts[i])} for i in order if counts[i] > 0]
    return render("distribution", rows=rows, done=done, total=total, seconds=seconds)


def differences(names: Sequence[str], answers: Sequence[Sequence[Emotion]]) -> str:
    """A sentence on what two models agree on."""
    predicted = [{emotion.label for emotion in emotions if emotion.predicted} for emotions in answers]
    ordered = [emotion.label for emotion in answers[0]] + [emotion.label for emotion in answers[1]]
    ordered = list(dict.fromkeys(ordered))
    return render(
        "differences",
        names=names,
        both=[label for label in ordered if label in predicted[0] and label in predicted[1]],
        first=[label for label in ordered if label in predicted[0] and label not in predicted[1]],
        second=[label for label in ordered if label in predicted[1] and label not in predicted[0]],
    )
