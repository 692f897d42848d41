"""Named endpoints for gradio_client and curl: plain JSON in and out, refusals as errors with a sentence."""

import functools
from collections.abc import Callable
from dataclasses import asdict

import gradio as gr

from .about import about
from .answers import answer, as_json
from .explain import explain as leave_out_in_turn
from .limits import RefusalError, check_text, check_texts, check_threshold, check_top_k
from .reader import Shelf


def _with_sentences(function: Callable) -> Callable:
    """What the function refuses reaches the client as an error with that sentence."""

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except RefusalError as refusal:
            raise gr.Error(str(refusal), print_exception=False) from None

    return wrapped


def add_endpoints(shelf: Shelf) -> None:
    """Add the endpoints to the page that is being built.

    Args:
        shelf: The models.
    """
    reader = shelf.main

    def classify(text: str, threshold: float | None = None, top_k: int | None = None) -> dict:
        """Emotions of one text, best first; `predicted` are those that reach their threshold.

        Args:
            text: A sentence or a short paragraph, up to 5,000 characters.
            threshold: Probability from 0 to 1 from which an emotion is predicted; left out, each emotion has its own.
            top_k: How many emotions to list, from 1 on; left out, all of them.

        Returns:
            {"text", "predicted": [label], "emotions": [{"label", "score", "threshold", "predicted"}]}, scores 0 to 1
        """
        text, threshold, top_k = check_text(text), check_threshold(threshold), check_top_k(top_k)
        emotions = answer(reader, reader.scores([text])[0], threshold)
        return {
            "text": text,
            "predicted": [e.label for e in emotions if e.predicted],
            "emotions": as_json(emotions, top_k),
        }

    def classify_many(texts: list[str], threshold: float | None = None, top_k: int | None = None) -> list[dict]:
        """Emotions of up to 10,000 texts, in their order; a text without any characters has none.

        Args:
            texts: The texts, each up to 5,000 characters.
            threshold: Probability from 0 to 1 from which an emotion is predicted; left out, each emotion has its own.
            top_k: How many emotions to list for a text, from 1 on; left out, all of them.

        Returns:
            for each text {"text", "predicted": [label], "emotions": [{"label", "score", "threshold", "predicted"}]}
        """
        texts, threshold, top_k = check_texts(texts), check_threshold(threshold), check_top_k(top_k)
        answers = []
        for start in range(0, len(texts), 64):
            chunk = texts[start : start + 64]
            for text, scores in zip(chunk, reader.scores(chunk), strict=True):
                emotions = answer(reader, scores, threshold) if text.strip() else []
                predicted = [emotion.label for emotion in emotions if emotion.predicted]
                answers.append({"text": text, "predicted": predicted, "emotions": as_json(emotions, top_k)})
        return answers

    def explain(text: str, emotion: str | None = None) -> dict:
        """What each word adds to an emotion's score (below 0: speaks against it), and the score without each part.

        Args:
            text: A sentence or a short paragraph, up to 5,000 characters.
            emotion: One of the labels that classify lists; left out, the best one.

        Returns:
            {"text", "emotion", "score", "words": [{"text", "effect"}], "without": {part: score}}
        """
        text = check_text(text)
        if emotion is not None and emotion not in reader.labels:
            raise RefusalError(
                f"There is no emotion '{str(emotion)[:100]}': expected one of {', '.join(reader.labels)}."
            )
        explanation = leave_out_in_turn(reader, text)
        label = emotion or reader.labels[int(explanation.scores.argmax())]
        place = reader.labels.index(label)
        return {
            "text": text,
            "emotion": label,
            "score": round(float(explanation.scores[place]), 6),
            "words": [
                {"text": piece.text, "effect": round(float(piece.effects[place]), 6)}
                for piece in explanation.pieces
                if piece.effects is not None
            ],
            "without": {part: round(float(scores[place]), 6) for part, scores in explanation.without.items()},
        }

    def compare(text: str, first: str, second: str, threshold: float | None = None) -> dict:
        """Emotions of one text by two of the models that /models lists."""
        text, threshold = check_text(text), check_threshold(threshold)
        readers = [shelf.take(first), shelf.take(second)]
        answers = [answer(one, one.scores([text])[0], threshold) for one in readers]
        return {"text": text, "first": as_json(answers[0]), "second": as_json(answers[1])}

    def models() -> list[str]:
        """The models that /compare takes, the main one first."""
        return shelf.names

    def describe() -> dict:
        """The model's name, labels, thresholds, licence and figures."""
        facts = asdict(about(reader))
        return {
            "model": facts["title"],
            "labels": reader.labels,
            "thresholds": reader.thresholds,
            **{key: facts[key] for key in ("licence", "facts", "split", "headline", "by_label", "limits")},
        }

    gr.api(_with_sentences(classify), api_name="classify")
    gr.api(_with_sentences(classify_many), api_name="classify_many", concurrency_limit=4)
    gr.api(_with_sentences(explain), api_name="explain")
    gr.api(_with_sentences(compare), api_name="compare")
    gr.api(_with_sentences(models), api_name="models")
    gr.api(_with_sentences(describe), api_name="about")
