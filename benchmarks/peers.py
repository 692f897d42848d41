"""What a user would train instead: sentence-transformers' embeddings with a logistic regression, or SetFit's way."""

import time
from collections.abc import Callable

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from training.evaluation import calibrate, score

# Inverse regularisation, tried on validation; the time counts one fit, that of the best.
TRIED_C = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
CONTRASTIVE_BATCH = 16


def embedded(model: SentenceTransformer, texts: list[str]) -> np.ndarray:
    """Embeddings `(texts, width)`, as the library gives them by default."""
    return model.encode(texts, show_progress_bar=False)


def regression_logits(
    train: np.ndarray, labels: np.ndarray, validation: np.ndarray, truth: np.ndarray, names: list[str]
) -> tuple[dict, float, float]:
    """Fit a logistic regression a label (or one softmax) for every C.

    Args:
        train: Embeddings `(rows, width)`.
        labels: Class ids `(rows,)` or 0/1 `(rows, num_labels)`.
        validation: Embeddings `(rows, width)`.
        truth: Labels of these.
        names: Label names.

    Returns:
        The figures of the best C on validation, with thresholds fitted as `train.py` fits them; that C; the seconds of
        its fit.
    """
    best: tuple[dict, float, float] | None = None
    for c in TRIED_C:
        started = time.perf_counter()
        regression = LogisticRegression(C=c, max_iter=1000)
        if labels.ndim == 2:
            logits = OneVsRestClassifier(regression).fit(train, labels).decision_function(validation)
        else:  # of two classes the decision function is one column
            logits = regression.fit(train, labels).predict_log_proba(validation)
        seconds = time.perf_counter() - started
        calibration = calibrate(logits, truth)
        figures = score(logits, truth, calibration, names)
        if calibration.selection is not None:
            figures["cross_fitted_macro_f1"] = max(calibration.selection["cross_fitted"].values())
        key = "cross_fitted_macro_f1" if labels.ndim == 2 else "macro_f1"
        if best is None or figures[key] > best[0][key]:
            best = figures, c, seconds
    assert best is not None
    return best


def tune_contrastively(
    model: SentenceTransformer, texts: list[str], labels: np.ndarray, examples: int, steps: int, seed: int = 0
) -> None:
    """SetFit's first stage (Tunstall et al., 2022): pairs of a few examples a label are drawn together or apart.

    Args:
        model: It is tuned in place.
        texts: Training texts.
        labels: Class ids `(rows,)` or 0/1 `(rows, num_labels)`.
        examples: Of each label.
        steps: Of `CONTRASTIVE_BATCH` pairs each.
        seed: Of the examples and pairs.
    """
    random = np.random.default_rng(seed)
    ids = labels.argmax(axis=1) if labels.ndim == 2 else labels
    groups = [random.permutation(np.flatnonzero(ids == label))[:examples] for label in np.unique(ids)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    embed: Callable[[list[str]], torch.Tensor] = lambda part: model(model.tokenize(part))["sentence_embedding"]  # noqa: E731
    model.train()
    for _ in range(steps):
        pairs, same = [], []
        for number in range(CONTRASTIVE_BATCH):
            first = random.integers(len(groups))
            second = first if number % 2 else (first + random.integers(1, max(2, len(groups)))) % len(groups)
            pairs.append((random.choice(groups[first]), random.choice(groups[second])))
            same.append(float(first == second))
        left, right = (embed([texts[pair[side]] for pair in pairs]) for side in (0, 1))
        loss = torch.nn.functional.mse_loss(torch.cosine_similarity(left, right), torch.tensor(same))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
