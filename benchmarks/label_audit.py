"""How many labels that were made wrong an audit finds, beside cleanlab on sentence-transformers' embeddings.

python -m benchmarks.label_audit --dataset sample
python -m benchmarks.label_audit --dataset empathetic_dialogues --seeds 5 --json label_audit.json
python -m benchmarks.label_audit --dataset go_emotions --whole

Of a share of the training rows one label is replaced, by any other one or by the one that it is most often taken for.
As many rows as were changed are then looked at, the most doubtful first: precision and recall are the same number.
`--whole` audits the data as they are, and prints seconds and the process's peak memory.
"""

import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from cleanlab import multilabel_classification, rank
from scipy.special import softmax
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier

from benchmarks.measure import parser, report
from benchmarks.peers import TRIED_C, embedded
from common.recipes import load_recipe
from extraction.reading import LoadedData
from extraction.sources import load_source
from fusion_model.backbones import MINILM, Backbone, package_folder
from labels.cross_validation import FOLDS, folds, out_of_sample, shares
from labels.findings import WRONG_BELOW, examine
from labels.groups import find_groups
from labels.material import Material, gather
from labels.quality import score_labels

METHODS = ("self_confidence", "normalized_margin")
Scores = dict[str, np.ndarray]


class Peer:
    """Cross-validated logistic regressions on embeddings, scored by cleanlab.

    Args:
        material: Texts, and labels as they are; C is the one that is best for these.
    """

    def __init__(self, material: Material):
        folder = package_folder(Backbone.from_dict({"name": "minilm", **MINILM}))
        self.vectors = embedded(SentenceTransformer(str(folder)), material.texts)  # type: ignore[arg-type]
        self.several = material.several
        right = {c: self._hits(self.probabilities(material.given, c), material.given) for c in TRIED_C}
        self.c = max(right, key=right.__getitem__)

    @staticmethod
    def _hits(probabilities: np.ndarray, given: np.ndarray) -> float:
        """Share of rows whose most probable label is one of those given."""
        return float(given[np.arange(len(given)), probabilities.argmax(axis=1)].mean())

    def probabilities(self, given: np.ndarray, c: float | None = None, seed: int = 0) -> np.ndarray:
        """Out of sample, `(rows, num_labels)`."""
        regression = LogisticRegression(C=c or self.c, max_iter=1000)
        if self.several:
            split, model, target = KFold(FOLDS, shuffle=True, random_state=seed), OneVsRestClassifier(regression), given
        else:
            split = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
            model, target = regression, given.argmax(axis=1)
        return cross_val_predict(model, self.vectors, target, cv=split, method="predict_proba")

    def scores(self, given: np.ndarray, seed: int) -> Scores:
        """cleanlab's label quality by each of `METHODS`, `(rows,)`."""
        found = self.probabilities(given, seed=seed)
        if self.several:
            ids = [np.flatnonzero(row).tolist() for row in given]
            return {
                f"cleanlab {method}": multilabel_classification.get_label_quality_scores(ids, found, method=method)
                for method in METHODS
            }
        return {
            f"cleanlab {method}": rank.get_label_quality_scores(given.argmax(axis=1), found, method=method)
            for method in METHODS
        }


def audited(material: Material, near: np.ndarray, given: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """This project's scores `(rows,)` and logits `(rows, num_labels)` for the same texts with these labels."""
    logits = out_of_sample(material, shares(given), folds(near, given, seed=seed), several=False)
    return score_labels(logits, given).of_rows(len(given)), logits[:, : given.shape[1]]


def taken_for(given: np.ndarray, *probabilities: np.ndarray) -> np.ndarray:
    """For each label the others, the one it is most often taken for first, by the mean of several models.

    Returns:
        Integers `(num_labels, num_labels - 1)`.
    """
    mass = given.T @ np.mean(probabilities, axis=0)
    np.fill_diagonal(mass, -1)
    return np.argsort(-mass, axis=1)[:, :-1]


def replaced(given: np.ndarray, share: float, seed: int, choose: Callable) -> tuple[np.ndarray, np.ndarray]:
    """Replace one label in a share of the rows.

    Args:
        given: 0/1 `(rows, num_labels)`.
        share: Of the rows.
        seed: Of the draw.
        choose: Called with a generator, the label that goes, and the labels that the row lacks; the one that comes.

    Returns:
        The labels, and the rows that were changed.
    """
    random = np.random.default_rng(seed)
    labelled = np.flatnonzero(given.any(axis=1))
    rows = random.permutation(labelled)[: round(share * len(given))]
    changed = given.copy()
    for row in rows:
        old = random.choice(np.flatnonzero(given[row]))
        new = choose(random, old, np.flatnonzero(given[row] == 0))
        changed[row, [old, new]] = 0, 1
    return changed, rows


def found(scores: np.ndarray, rows: np.ndarray) -> float:
    """Share of the changed rows among as many with the lowest scores."""
    return float(np.isin(np.argsort(scores, kind="stable")[: len(rows)], rows).mean())


def whole(data: LoadedData, given, recipe: str) -> None:
    """Audit all, once, from cached features."""
    material = gather(data, load_recipe(recipe), given.cache_dir)
    started = time.perf_counter()
    material = gather(data, load_recipe(recipe), given.cache_dir)
    findings = examine(material)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    row = {"rows": len(material), "label errors": int((findings.scores < WRONG_BELOW).sum()), "seconds": seconds}
    report(f"Whole audit: {Path(given.dataset).name}", [{**row, "peak GiB": peak}], given.json)


def main(argv: list[str] | None = None) -> None:
    """Print precision (= recall) of both ways for each kind and share of wrong labels."""
    arguments = parser(__doc__)
    arguments.add_argument("--dataset", default="sample")
    arguments.add_argument("--shares", type=float, nargs="+", default=[0.05, 0.1, 0.2])
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--recipe", default="minilm")
    arguments.add_argument("--cache_dir", type=Path)
    arguments.add_argument("--whole", action="store_true", help="time an audit of the data as they are")
    given = arguments.parse_args(argv)
    data = load_source(given.dataset)
    data = LoadedData({"train": data["train"]}, data.reading)
    if given.whole:
        whole(data, given, given.recipe)
        return
    material = gather(data, load_recipe(given.recipe), given.cache_dir)
    near = find_groups(material.texts, material.meaning).near
    peer = Peer(material)
    order = taken_for(
        material.given,
        softmax(audited(material, near, material.given, 0)[1], axis=1),
        peer.probabilities(material.given),
    )
    kinds = {
        "at random": lambda random, old, free: random.choice(free),
        "most confused": lambda random, old, free: next(label for label in order[old] if label in free),
    }
    table = []
    for kind, choose in kinds.items():
        for share in given.shares:
            figures: dict[str, list[float]] = {}
            for seed in range(given.seeds):
                changed, rows = replaced(material.given, share, seed, choose)
                ours, _ = audited(material, near, changed, seed)
                doubtful = np.flatnonzero(ours < WRONG_BELOW)
                for way, scores in {"labels.audit": ours, **peer.scores(changed, seed)}.items():
                    figures.setdefault(way, []).append(found(scores, rows))
                figures.setdefault("in its table", []).append(len(doubtful) / len(rows))
                figures.setdefault("of these wrong", []).append(float(np.isin(doubtful, rows).mean()))
            shown = {way: f"{np.mean(values):.3f} ± {np.std(values):.3f}" for way, values in figures.items()}
            table.append({"replaced": kind, "share": f"{share:.0%}", **shown})
            print(table[-1], flush=True)
    report(f"Wrong labels found: {Path(given.dataset).name}", table, given.json, C=peer.c, seeds=given.seeds)


if __name__ == "__main__":
    main()
