"""The recipe `words` beside model2vec, both without a language model at work: texts a second and macro-F1.

python -m benchmarks.static_peer --model outputs/words-go_emotions --static STATIC --dataset go_emotions

`pip install model2vec`; STATIC is a folder that model2vec distilled from MiniLM, which wants an environment of its own:
`distill("sentence-transformers/all-MiniLM-L6-v2", pca_dims=256).save_pretrained("STATIC")` with `model2vec[distill]`.
"""

import sys
from collections.abc import Callable
from functools import partial

import numpy as np
from model2vec import StaticModel
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from transformers import AutoModelForSequenceClassification

import fusion_model  # noqa: F401  registers the classes, so that a local folder needs no remote code
from benchmarks.measure import in_turn, parser, report
from extraction.sources import load_source
from extraction.splits import is_multi_label, label_matrix, label_names
from training.evaluation import calibrate, score


def quality(logits: np.ndarray, truth: np.ndarray, names: list[str]) -> dict[str, float]:
    """Macro-F1 with thresholds fitted as `train.py` fits them, on the same rows and cross-validated."""
    calibration = calibrate(logits, truth)
    figures = {"macro_f1_fitted": score(logits, truth, calibration, names)["macro_f1"]}
    if calibration.selection is not None:
        figures["cross_validated"] = max(calibration.selection["cross_fitted"].values())
    return figures


def main(argv: list[str] | None = None) -> dict:
    """Print the table; what goes into the JSON file."""
    command = parser(__doc__)
    command.add_argument("--model", required=True, help="folder of a model of the recipe words")
    command.add_argument("--static", required=True, help="folder of a static model")
    command.add_argument("--dataset", required=True)
    command.add_argument("--c", type=float, default=10.0, help="the regression's inverse regularisation")
    command.add_argument("--repeats", type=int, default=3)
    options = command.parse_args(argv)
    data = load_source(options.dataset)
    names, texts, unseen = label_names(data), data["train"]["text"][:], data["validation"]["text"][:]
    if not is_multi_label(data):
        raise SystemExit("Thresholds are compared: expected a data set with several labels a text.")
    labels, truth = (label_matrix(data[split], len(names)) for split in ("train", "validation"))
    model = AutoModelForSequenceClassification.from_pretrained(options.model)
    static = StaticModel.from_pretrained(options.static)
    regression = OneVsRestClassifier(LogisticRegression(C=options.c, max_iter=1000)).fit(static.encode(texts), labels)
    ways: dict[str, Callable[[list[str]], object]] = {
        "this model": model.predict,
        "model2vec + LogisticRegression": lambda some: regression.predict_proba(static.encode(some)),
    }
    seconds = in_turn({way: partial(call, texts) for way, call in ways.items()}, options.repeats)
    logits = {
        "this model": model.logits(unseen).numpy(),
        "model2vec + LogisticRegression": regression.decision_function(static.encode(unseen)),
    }
    rows = [
        {"way": way, "texts_a_second": len(texts) / min(seconds[way])} | quality(logits[way], truth, names)
        for way in ways
    ]
    return report("without a language model", rows, options.json, texts=len(texts), C=options.c)


if __name__ == "__main__":
    main(sys.argv[1:])
