"""Picks the texts worth labelling next: those that a model is unsure of, each of them unlike the others.

python -m labels.suggest --model outputs/minilm-feelings --input unlabelled.csv --rows 200
python -m labels.suggest --model user/emotions --input corpus/ --rows 500 --rare_first --output next
"""

import argparse
import json
import logging
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import hf_hub_download
from scipy.special import logit
from sklearn.cluster import KMeans
from sklearn.preprocessing import normalize
from transformers.utils.logging import disable_progress_bar

from common.command import check_flags, end_with_status
from fusion_model import FusionForSequenceClassification
from fusion_model.modeling_fusion import PREDICT_CHUNK
from fusion_model.predictions import probabilities, rank
from fusion_model.texts import Text, is_blank, joined
from labelling.corpus import Corpus, open_corpus, read
from labelling.model import ModelFacts, find_model
from labelling.worker import readable

from .annotation_tools import Suggestion, write_all
from .material import meaning_slot

# So many of the least sure texts are looked at for each one that is picked.
CANDIDATES = 10
PART_ROWS = 8192


class Pool:
    """The texts of a corpus that are most worth labelling, as many as fit.

    Args:
        size: How many are kept.
    """

    def __init__(self, size: int):
        self.size = size
        self.rows: list[tuple[Any, Text]] = []
        self.worth = np.empty(0)
        self.scores = self.meaning = np.empty((0, 0), dtype=np.float32)

    def add(self, rows: list[tuple[Any, Text]], worth: np.ndarray, scores: np.ndarray, meaning: np.ndarray) -> None:
        """Take in rows with their ids, and let go of those that are worth least."""
        if self.rows:
            worth, scores, meaning = (
                np.concatenate(pair) for pair in ((self.worth, worth), (self.scores, scores), (self.meaning, meaning))
            )
        every = self.rows + rows
        kept = np.sort(np.argsort(-worth, kind="stable")[: self.size])
        self.rows = [every[place] for place in kept]
        self.worth, self.scores, self.meaning = worth[kept], scores[kept], meaning[kept]

    def pick(self, count: int, seed: int) -> list[int]:
        """The one most worth labelling of each of `count` clusters of meaning, the best first."""
        order = np.argsort(-self.worth, kind="stable").tolist()
        if len(self.rows) <= count:
            return order
        vectors = normalize(self.meaning)
        kinds = min(count, len(np.unique(vectors, axis=0)))
        cluster = KMeans(kinds, n_init=1, max_iter=50, random_state=seed).fit_predict(vectors)
        best: dict[int, int] = {}
        for place in order:
            best.setdefault(int(cluster[place]), place)
        chosen = set(best.values())  # fewer than `count` where texts are alike
        return [*best.values(), *(place for place in order if place not in chosen)][:count]


def doubt(scores: np.ndarray, thresholds: list[float] | None) -> tuple[np.ndarray, np.ndarray]:
    """How little a model is sure of each text, and of which label.

    Args:
        scores: Calibrated probabilities `(rows, num_labels)`.
        thresholds: Of each label where a text can have several.

    Returns:
        Doubt from 0 to 1, `(rows,)`: 1 less the lead of the best label over the second one, or how near a label is to
        its threshold in log-odds; and that label (of the two best, the second), `(rows,)`.
    """
    if thresholds is None:
        ranked = np.argsort(-scores, axis=1)
        first, second = (np.take_along_axis(scores, ranked[:, [place]], 1)[:, 0] for place in (0, 1))
        return 1 - (first - second), ranked[:, 1]
    odds = logit(np.clip(scores, 1e-6, 1 - 1e-6)) - logit(np.clip(thresholds, 1e-6, 1 - 1e-6))
    nearest = np.abs(odds).argmin(axis=1)
    return np.exp(-np.abs(odds[np.arange(len(odds)), nearest])), nearest


def rarity(facts: ModelFacts) -> np.ndarray:
    """How much more an example of each label is worth than one of the most frequent, `(num_labels,)`, from 1 on.

    Raises:
        ValueError: the model has no metrics.json, which counts the examples of each label.
    """
    try:
        if facts.digest is None:
            file = Path(hf_hub_download(facts.name, "metrics.json", revision=facts.revision))
        else:
            file = Path(facts.name) / "metrics.json"
        labels = json.loads(file.read_text(encoding="utf-8"))["runs"][0]["validation"]["per_label"]
        support = np.array([labels[name]["support"] for name in facts.labels], dtype=np.float64) + 1
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        raise ValueError(
            f"--rare_first: the model '{facts.name}' has no metrics.json of train.py's beside it, which says how rare "
            "each label is. Leave the flag out, or train the model again."
        ) from None
    return np.sqrt(support.max() / support)


def chunks(corpus: Corpus) -> Iterator[list[tuple[Any, Text]]]:
    """Ids and texts, a few thousand at a time; blank texts and repeated ones are left out."""
    seen: set[int] = set()
    for part in range(len(corpus.parts)):
        rows = read(corpus.task(part), corpus.id_type)
        while chunk := list(islice(rows, PREDICT_CHUNK)):
            kept = []
            for identity, cell in chunk:
                text = readable(cell)
                if text is None or is_blank(joined(text)):
                    continue
                key = hash(" ".join(joined(text).lower().split()))
                if key not in seen:
                    seen.add(key)
                    kept.append((identity, text))
            if kept:
                yield kept


@torch.no_grad()
def read_texts(model: FusionForSequenceClassification, texts: list[Text]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities `(texts, num_labels)` and vectors of meaning `(texts, width)`; a backbone reads each text once."""
    features = {name: value.to(model.device) for name, value in model.encode(texts).items()}
    lexical = model.lexical(texts) if model.lexical is not None else None
    logits = model(features, lexical_logits=lexical).logits.float().cpu().numpy()
    scores = probabilities(logits, model.config.thresholds is not None)
    if not model.config.backbones:
        return scores, scores
    backbone = model.config.backbones[0]
    size = backbone.width // backbone.num_slots
    first = meaning_slot(backbone) * size
    return scores, features[backbone.name][:, first : first + size].float().cpu().numpy()


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line.

    Raises:
        ValueError: `--rows` is out of range.
        SystemExit: a flag is wrong; what is right is printed.
    """
    parser = argparse.ArgumentParser(
        prog="python -m labels.suggest", description=(__doc__ or "").splitlines()[0], allow_abbrev=False
    )
    parser.add_argument("--model", required=True, help="Model folder or Hub id (user/model@v1 for a revision).")
    parser.add_argument("--input", required=True, help="Texts, as label.py takes them.")
    parser.add_argument("--output", type=Path, default=Path("suggestions"), help="Folder for the files; new.")
    parser.add_argument("--rows", type=int, default=200, help="So many texts are picked.")
    parser.add_argument("--rare_first", action="store_true", help="Texts that may have rare labels come first.")
    parser.add_argument("--text_column", help="As label.py takes it.")
    parser.add_argument("--id_column", help="Column with the rows' ids (rows are numbered from 0 if left out).")
    parser.add_argument("--column_names", nargs="+", help="Names of the columns, where the first line has none.")
    parser.add_argument("--seed", type=int, default=42, help="Of the clusters.")
    check_flags(parser, argv)
    options = parser.parse_args(argv)
    if options.rows < 1:
        raise ValueError(f"--rows is {options.rows}: expected 1 or more.")
    return options


def main(argv: list[str]) -> None:
    """Pick texts and write them for annotation tools.

    Raises:
        ValueError: arguments, corpus or model are not usable, or the output folder holds suggestions already.
        OSError: something cannot be read or written.
    """
    options = parse(argv)
    if (options.output / "suggestions.csv").exists():
        raise ValueError(f"'{options.output}' holds suggestions, which may be labelled by now: give another --output.")
    facts = find_model(options.model)
    column = options.text_column or (",".join(facts.text_columns) if facts.text_columns else None)
    copies = options.output / "_copies"
    corpus = open_corpus(options.input, column, options.id_column, PART_ROWS, copies, options.column_names)
    factors = rarity(facts) if options.rare_first else np.ones(len(facts.labels))
    model = FusionForSequenceClassification.from_pretrained(facts.name, revision=facts.revision)
    model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    pool, count = Pool(options.rows * CANDIDATES), 0
    for rows in chunks(corpus):
        scores, meaning = read_texts(model, [text for _, text in rows])
        unsure, label = doubt(scores, model.config.thresholds)
        pool.add(rows, unsure * factors[label], scores, meaning)
        count += len(rows)
    picked = pool.pick(options.rows, options.seed)
    suggestions = []
    for place in picked:
        best = rank(pool.scores[place], model.config, "predicted") or rank(pool.scores[place], model.config, 1)
        identity, text = pool.rows[place]
        suggestions.append(Suggestion(identity, text, [one["label"] for one in best], float(best[0]["score"])))
    options.output.mkdir(parents=True, exist_ok=True)
    several = model.config.thresholds is not None
    files = write_all(suggestions, facts.labels, several, Path(options.model).name, options.output)
    print(f"{len(picked):,} of {count:,} different texts in '{corpus.text_column}': {', '.join(map(str, files))}")
    print("Label them, and give the tool's export (or the CSV with `label` corrected) to train.py as --dataset.")


def run(argv: list[str] | None = None) -> int:
    """`main` with errors and signals in one sentence instead of a traceback; the process's exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    disable_progress_bar()
    arguments = sys.argv[1:] if argv is None else argv
    return end_with_status(main, arguments, advice="nothing was written; run the same command again.")


if __name__ == "__main__":
    sys.exit(run())
