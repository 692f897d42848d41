"""Texts to be labelled, as annotation tools import them, with a model's guesses filled in."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pandas as pd

from fusion_model.texts import Text

from .table import write_table


@dataclass(frozen=True)
class Suggestion:
    """A text that is worth labelling.

    Args:
        identity: Its id in the corpus, or its row from 0.
        text: The text, or a pair.
        guess: Labels that the model predicts; its best one where none reaches its threshold.
        score: Probability of the best label.
    """

    identity: Any
    text: Text
    guess: list[str]
    score: float

    @property
    def columns(self) -> dict[str, str]:
        """The text under `text`, and of a pair the second one under `text_pair`."""
        return dict(zip(("text", "text_pair"), (self.text,) if isinstance(self.text, str) else self.text, strict=False))


def write_all(suggestions: list[Suggestion], names: list[str], several: bool, model: str, folder: Path) -> list[Path]:
    """Write the layouts of Label Studio, doccano and a table; each is read by `--dataset` when it comes back.

    Args:
        suggestions: In the order in which they should be labelled.
        names: All labels.
        several: Whether a text can have several.
        model: Named as the guesses' author.
        folder: It exists.

    Returns:
        The files.
    """
    studio, control = folder / "label_studio.json", folder / "label_studio.xml"
    doccano = folder / "doccano.jsonl"
    tasks = [_task(one, model) for one in suggestions]
    studio.write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    control.write_text(_control(names, several, any(isinstance(one.text, tuple) for one in suggestions)), "utf-8")
    lines = [json.dumps({"id": one.identity, **one.columns, "label": one.guess}, default=str) for one in suggestions]
    doccano.write_text("\n".join(lines) + "\n", encoding="utf-8")
    table = pd.DataFrame({"id": one.identity, **one.columns, "label": one.guess} for one in suggestions)
    return [studio, control, doccano, *write_table(table, names, folder, "suggestions")]


def _task(one: Suggestion, model: str) -> dict[str, Any]:
    """A task of Label Studio with its pre-annotation."""
    choices = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": one.guess}}
    predicted = {"model_version": model, "score": round(one.score, 4), "result": [choices]}
    return {"data": {"id": one.identity, **one.columns}, "predictions": [predicted]}


def _control(names: list[str], several: bool, pairs: bool) -> str:
    """Label Studio's labelling interface."""
    texts = '  <Text name="text" value="$text"/>\n' + '  <Text name="second" value="$text_pair"/>\n' * pairs
    choices = "".join(f"    <Choice value={quoteattr(name)}/>\n" for name in names)
    kind = "multiple" if several else "single"
    return f'<View>\n{texts}  <Choices name="label" toName="text" choice="{kind}">\n{choices}  </Choices>\n</View>\n'


__all__ = ["Suggestion", "write_all"]
