"""Behavioural tests (CheckList: Ribeiro et al., ACL 2020): do scores move where a few words change what is meant?

python -m benchmarks.behaviour --model outputs/minilm-sample

`behaviour.csv` holds pairs of texts in ten kinds. From a pair's first text to its second, the score of one label has to
rise, or fall, by `--factor`.
"""

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from transformers import AutoModelForSequenceClassification

import fusion_model  # noqa: F401  registers the classes, so that a local folder needs no remote code
from benchmarks.measure import parser, report
from fusion_model.predictions import probabilities

PAIRS = Path(__file__).with_suffix(".csv")


@dataclass(frozen=True)
class Pair:
    """Two texts, and how the score of a label moves from the first to the second."""

    kind: str
    first: str
    second: str
    label: str
    direction: Literal["up", "down"]

    def passes(self, first_score: float, second_score: float, factor: float) -> bool:
        """Whether the score moves by the factor or more in the right direction; scores are from 0 to 1."""
        low, high = (first_score, second_score) if self.direction == "up" else (second_score, first_score)
        return high >= factor * low


def read_pairs(file: Path = PAIRS) -> list[Pair]:
    """Read the pairs of a CSV file with the columns of `Pair`."""
    with file.open(encoding="utf-8", newline="") as opened:
        return [Pair(**row) for row in csv.DictReader(opened, strict=True)]  # type: ignore[arg-type]


def main(argv: list[str] | None = None) -> None:
    """Print how many pairs of each kind a model tells apart."""
    arguments = parser(__doc__)
    arguments.add_argument("--model", required=True, help="model folder or Hub id")
    arguments.add_argument("--factor", type=float, default=2.0, help="by which a score has to move (2)")
    arguments.add_argument("--failures", action="store_true", help="print the pairs that fail, with their scores")
    given = arguments.parse_args(argv)
    if given.factor <= 1:
        raise SystemExit(f"--factor is {given.factor}, but a score moves by more than 1 only. Leave it out for 2.")
    model = AutoModelForSequenceClassification.from_pretrained(given.model)
    columns = {name: index for index, name in model.config.id2label.items()}
    every = read_pairs()
    pairs = [pair for pair in every if pair.label in columns]
    if not pairs:
        raise SystemExit(
            f"'{given.model}' has none of the pairs' labels ({', '.join(sorted({pair.label for pair in every}))}), but "
            f"{', '.join(list(columns)[:5])} and the like. Train it on labels that are called so: --dataset sample."
        )
    texts = [text for pair in pairs for text in (pair.first, pair.second)]
    scores = probabilities(model.logits(texts).numpy(), model.config.thresholds is not None)
    outcomes = defaultdict(list)
    for number, pair in enumerate(pairs):
        first, second = (float(scores[2 * number + i, columns[pair.label]]) for i in (0, 1))
        passed = pair.passes(first, second, given.factor)
        outcomes[pair.kind].append(passed)
        if given.failures and not passed:
            moved = f"{first:.3f} {pair.first!r}, {pair.direction}: {second:.3f} {pair.second!r}"
            print(f"{pair.kind}: {pair.label} {moved}")
    outcomes["all"] = [passed for kind in outcomes.values() for passed in kind]
    table = [
        {"kind": kind, "pairs": len(passed), "passed": sum(passed), "rate": f"{sum(passed) / len(passed):.0%}"}
        for kind, passed in outcomes.items()
    ]
    left_out = {"pairs_left_out_as_the_model_lacks_their_label": len(every) - len(pairs)}
    report(f"Behavioural tests: {given.model}, factor {given.factor:g}", table, given.json, **left_out)


if __name__ == "__main__":
    main()
