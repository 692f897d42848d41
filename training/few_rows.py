"""With few rows the heads are one linear layer, fitted to its optimum; epochs, dropout and early stopping need more."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import cast

import numpy as np
import torch
from scipy import sparse
from sklearn.model_selection import KFold
from torch import nn

from fusion_model import FusionForSequenceClassification
from fusion_model.head import FusionHead
from fusion_model.texts import Text

from .arguments import Arguments
from .calibration import fit_temperature, negative_log_likelihood
from .feed import FeatureDataset
from .tfidf import fit_linear, tfidf_vectors

logger = logging.getLogger(__name__)

# Inverse regularisation that is chosen from, of features whose rows have a mean square length of 1, and shares of
# --lexical_weight.
TRIED_C, TRIED_SHARES = (3.0, 10.0, 30.0), (0.5, 1.0)
FOLDS = 5


def adapt(arguments: Arguments, rows: int) -> None:
    """Make the head one linear layer where training rows are few, and say so; else set `few_rows` to 0.

    Args:
        arguments: They are changed in place.
        rows: Of the training split.
    """
    if rows > arguments.training.few_rows or all(backbone.tuned for backbone in arguments.backbones):
        arguments.training.few_rows = 0
        return
    logger.info(
        f"{rows:,} training rows are few: one linear layer is fitted to its optimum. With --few_rows 0 heads are "
        "trained by epochs, as with more rows."
    )
    if arguments.training.num_runs > 1:
        logger.info("It has one optimum, whatever the seed: one run in place of several.")
        arguments.training.num_runs = 1
    linear = replace(arguments.head, cooccurrence=False, slot_skip=False, average_backbone=None, num_members=1)
    arguments.head = replace(linear, linear_skip=True, standardise=True)


@torch.no_grad()
def fit_head(
    model: FusionForSequenceClassification,
    train: FeatureDataset,
    texts: Sequence[Text],
    lexical_c: float,
    c: float | None = None,
) -> tuple[float, np.ndarray | None]:
    """Fit a head that is one linear layer; it stays near its start, see `training.prior`, as far as C asks.

    Args:
        model: From `build_model`; its only head's layer is set.
        train: Training features and labels.
        texts: Training texts.
        lexical_c: Inverse regularisation of the TF-IDF branch.
        c: Inverse regularisation of the layer. Left out, it is chosen by folds together with the weight of the TF-IDF
            branch, which is set.

    Returns:
        C; and, where it was chosen, the logits that the model's parts fitted on the other folds give each row,
        `(rows, num_labels)`, on which temperature and thresholds can be fitted.
    """
    layer = cast(nn.Linear, cast(FusionHead, model.heads[0]).linear_skip)
    features = train.__getitems__(list(range(len(train))))["features"]
    rows = torch.cat([model.standardise[one.name](features[one.name]) for one in model.config.frozen], dim=1)
    several, offset = train.labels.ndim == 2, (rows @ layer.weight.T).numpy()
    targets = train.labels if several else np.eye(len(layer.weight), dtype=np.float32)[train.labels]
    scale = rows.square().sum(dim=1).mean().clamp_min(1e-12).sqrt()
    rows /= scale
    # With fewer rows than features each row in as many coordinates as there are rows: a smaller product for each step.
    root = None
    if len(rows) < rows.shape[1]:
        products = rows.double() @ rows.double().T
        root = torch.linalg.cholesky(products + 1e-6 * torch.eye(len(rows), dtype=torch.float64))
    vectors = (rows if root is None else root.float()).numpy()

    apart = None
    if c is None:
        folds = list(KFold(min(FOLDS, len(rows)), shuffle=True, random_state=0).split(vectors))
        said = {c: offset + _held_out(vectors, targets, c, several, folds, offset) for c in TRIED_C}
        words = np.zeros_like(offset)
        if model.lexical is not None:
            words = _held_out(tfidf_vectors(texts)[2], targets, lexical_c, several, folds) * model.config.lexical_weight
        loss = {(c, share): _loss(said[c] + share * words, train.labels) for c, share in product(TRIED_C, TRIED_SHARES)}
        c, share = min(loss, key=loss.__getitem__)
        apart = said[c] + share * words
        model.config.lexical_weight *= share
        logger.info(f"  chosen by {len(folds)} folds: C {c:g}, --lexical_weight {model.config.lexical_weight:g}")

    weight, bias = (torch.from_numpy(one) for one in fit_linear(vectors, targets, c, several, offset))
    if root is not None:
        weight = rows.T @ torch.linalg.solve_triangular(root.T, weight.double(), upper=True).float()
    layer.weight += weight.T / scale
    layer.bias.copy_(bias)
    return c, apart


def _held_out(
    vectors: np.ndarray | sparse.csr_matrix,
    targets: np.ndarray,
    c: float,
    several: bool,
    folds: list[tuple[np.ndarray, np.ndarray]],
    offset: np.ndarray | None = None,
) -> np.ndarray:
    """What linear layers that were fitted on the other folds add to a row's logits, float32 `(rows, num_labels)`."""
    logits = np.empty_like(targets)
    for fit_on, apply_to in folds:
        known = None if offset is None else offset[fit_on]
        weight, bias = fit_linear(vectors[fit_on], targets[fit_on], c, several, known)
        logits[apply_to] = vectors[apply_to] @ weight + bias
    return logits


def _loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Negative log-likelihood at the best temperature, which a model gets in the end."""
    return negative_log_likelihood(logits / fit_temperature(logits, labels), labels)


__all__ = ["adapt", "fit_head"]
