"""Behavioural tests of any model: how many of the pairs that training/behaviour.py describes does it tell apart?

python -m benchmarks.behaviour --model outputs/minilm-sample
"""

from transformers import AutoModelForSequenceClassification

import fusion_model  # noqa: F401  registers the classes, so that a local folder needs no remote code
from benchmarks.measure import parser, report
from training.behaviour import FACTOR, count_passed, label_names, read_pairs, score_pairs


def main(argv: list[str] | None = None) -> None:
    """Print how many pairs of each kind a model tells apart."""
    arguments = parser(__doc__)
    arguments.add_argument("--model", required=True, help="model folder or Hub id")
    arguments.add_argument("--factor", type=float, default=FACTOR, help=f"by which a score has to move ({FACTOR:g})")
    arguments.add_argument("--failures", action="store_true", help="print the pairs that fail, with their scores")
    given = arguments.parse_args(argv)
    if given.factor <= 1:
        raise SystemExit(f"--factor is {given.factor}, but a score moves by more than 1 only. Leave it out for 2.")
    model = AutoModelForSequenceClassification.from_pretrained(given.model)
    labels = label_names(model)
    every = read_pairs()
    pairs = [pair for pair in every if pair.label in labels]
    if not pairs:
        raise SystemExit(
            f"'{given.model}' has none of the pairs' labels ({', '.join(sorted({pair.label for pair in every}))}), but "
            f"{', '.join(labels[:5])} and the like. Train it on labels that are called so: --dataset sample."
        )
    outcomes = []
    for pair, (first, second) in zip(pairs, score_pairs(model, pairs).tolist(), strict=True):
        passed = pair.passes(first, second, given.factor)
        outcomes.append((pair.kind, passed))
        if given.failures and not passed:
            moved = f"{first:.3f} {pair.first!r}, {pair.direction}: {second:.3f} {pair.second!r}"
            print(f"{pair.kind}: {pair.label} {moved}")
    table = [
        {"kind": kind, **counts, "rate": f"{counts['passed'] / counts['pairs']:.0%}"}
        for kind, counts in count_passed(outcomes).items()
    ]
    left_out = {"pairs_left_out_as_the_model_lacks_their_label": len(every) - len(pairs)}
    report(f"Behavioural tests: {given.model}, factor {given.factor:g}", table, given.json, **left_out)


if __name__ == "__main__":
    main()
