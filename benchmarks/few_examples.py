"""How good a model of few labelled texts is, beside SetFit and a regression on sentence-transformers' embeddings.

python -m benchmarks.few_examples --dataset empathetic_dialogues --rows 250 1000 4000 --seeds 5
python -m benchmarks.few_examples --dataset empathetic_dialogues --rows 250 --ways train.py SetFit --setfit_steps 500

Each seed draws other rows of the training split; all ways see these alone, and are scored on all of validation. SetFit
is installed apart (benchmarks/setfit_peer.py).
"""

import io
import json
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_val_predict
from sklearn.multiclass import OneVsRestClassifier

import train
from benchmarks.measure import parser, report
from benchmarks.peers import TRIED_C, embedded
from extraction.sources import load_source
from extraction.splits import is_multi_label, label_matrix, label_names
from fusion_model import FusionForSequenceClassification
from fusion_model.backbones import MINILM, Backbone, package_folder
from fusion_model.predictions import probabilities
from training.thresholds import fit_averaged

WAYS = ["train.py", "LogisticRegression", "SetFit"]
Outcome = tuple[np.ndarray, float]  # predicted labels, 0/1 `(unseen texts, num_labels)`, and the seconds of training


def ours(texts: list[str], labels: np.ndarray, names: list[str], unseen: list[str], recipe: str) -> Outcome:
    """What `train.py` as it is makes of the texts."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        rows = (
            {"text": text, "labels": [names[i] for i in np.flatnonzero(row)]}
            for text, row in zip(texts, labels, strict=True)
        )
        data = Path(scratch) / "few.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        flags = ["--recipe", recipe, "--cache_dir", f"{scratch}/cache", "--output_dir", f"{scratch}/model"]
        with redirect_stdout(io.StringIO()):
            folder = train.main(["--dataset", str(data), *flags])
        seconds = time.perf_counter() - started
        model = FusionForSequenceClassification.from_pretrained(folder)
        scores = probabilities(model.logits(unseen).numpy(), model.config.thresholds is not None)
        predicted = np.zeros((len(unseen), len(names)), dtype=int)
        columns = [names.index(model.config.id2label[i]) for i in range(model.config.num_labels)]
        if model.config.thresholds is None:
            predicted[np.arange(len(unseen)), np.asarray(columns)[scores.argmax(axis=1)]] = 1
        else:
            predicted[:, columns] = scores >= np.asarray(model.config.thresholds)
        return predicted, seconds


def regression(texts: list[str], labels: np.ndarray, unseen: np.ndarray, encoder: SentenceTransformer) -> Outcome:
    """What a regression makes of them; C and, for several labels a text, thresholds are chosen by folds."""
    started = time.perf_counter()
    seen = embedded(encoder, texts)
    fitted = LogisticRegressionCV(Cs=TRIED_C, cv=3, max_iter=1000, scoring="accuracy", use_legacy_attributes=False)
    predicted = np.zeros((len(unseen), labels.shape[1]), dtype=int)
    if (labels.sum(axis=1) == 1).all():
        fitted.fit(seen, labels.argmax(axis=1))
        seconds = time.perf_counter() - started
        predicted[np.arange(len(unseen)), fitted.predict(unseen)] = 1
        return predicted, seconds
    kept = np.flatnonzero(labels.sum(axis=0) >= 6)  # each fold of a fold needs an example
    several = OneVsRestClassifier(fitted)
    apart = cross_val_predict(several, seen, labels[:, kept], cv=2, method="predict_proba")
    thresholds = fit_averaged(apart, labels[:, kept])
    several.fit(seen, labels[:, kept])
    seconds = time.perf_counter() - started
    predicted[:, kept] = several.predict_proba(unseen) >= thresholds
    return predicted, seconds


def main(argv: list[str] | None = None) -> None:
    """Print accuracy, macro-F1 and seconds of both ways for each number of rows."""
    arguments = parser(__doc__)
    arguments.add_argument("--dataset", required=True)
    arguments.add_argument("--label_mode", default="auto", choices=["auto", "single", "multi"])
    arguments.add_argument("--rows", type=int, nargs="+", default=[250, 1000, 4000])
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--recipe", default="minilm")
    arguments.add_argument("--ways", nargs="+", default=WAYS[:2], choices=WAYS)
    arguments.add_argument("--setfit_steps", type=int, default=-1, help="batches of 16 pairs; -1 for all pairs once")
    given = arguments.parse_args(argv)
    data = load_source(given.dataset, label_mode=given.label_mode)
    names, multi_label = label_names(data), is_multi_label(data)

    def matrix(split: str) -> np.ndarray:
        if multi_label:
            return label_matrix(data[split], len(names)).astype(int)
        return np.eye(len(names), dtype=int)[data[split]["labels"][:]]

    labels, truth = matrix("train"), matrix("validation")
    texts, unseen = data["train"]["text"][:], data["validation"]["text"][:]
    folder = str(package_folder(Backbone.from_dict({"name": "minilm", **MINILM})))
    encoder = SentenceTransformer(folder)
    seen = embedded(encoder, unseen)
    if "SetFit" in given.ways:
        from benchmarks.setfit_peer import setfit
    table = []
    for rows in given.rows:
        ways: dict[str, list[tuple[float, float, float]]] = {way: [] for way in given.ways}
        for seed in range(given.seeds):
            drawn = np.random.default_rng(seed).permutation(len(texts))[:rows]
            part, part_labels = [texts[i] for i in drawn], labels[drawn]
            for way, found in ways.items():
                if way == "train.py":
                    predicted, seconds = ours(part, part_labels, names, unseen, given.recipe)
                elif way == "SetFit":
                    predicted, seconds = setfit(part, part_labels, unseen, folder, given.setfit_steps, seed)
                else:
                    predicted, seconds = regression(part, part_labels, seen, encoder)
                exact = float((predicted == truth).all(axis=1).mean())
                macro = float(f1_score(truth, predicted, average="macro", zero_division=0))
                found.append((exact, macro, seconds))
        for way, found in ways.items():
            mean, deviation = np.mean(found, axis=0), np.std(found, axis=0)
            table.append(
                {
                    "rows": rows,
                    "way": way,
                    "accuracy": f"{mean[0]:.3f} ± {deviation[0]:.3f}",
                    "macro_f1": f"{mean[1]:.3f} ± {deviation[1]:.3f}",
                    "seconds": float(mean[2]),
                }
            )
    report(f"Few examples: {Path(given.dataset).name}, {given.seeds} draws", table, given.json)


if __name__ == "__main__":
    main()
