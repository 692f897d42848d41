"""With few rows the heads are one linear layer, fitted to its optimum; epochs, dropout and early stopping need more."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from sklearn.model_selection import KFold
from torch import nn

from fusion_model import FusionForSequenceClassification
from fusion_model.head import FusionHead

from .arguments import Arguments
from .calibration import negative_log_likelihood
from .feed import FeatureDataset
from .tfidf import fit_linear

# Inverse regularisation that is chosen from, of features whose rows have a mean square length of 1.
TRIED_C = (3.0, 10.0, 30.0)
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
    print(
        f"{rows:,} training rows are few: one linear layer is fitted, its regularisation chosen by {FOLDS} folds. "
        "With --few_rows 0 heads are trained by epochs, as with more rows."
    )
    arguments.head = replace(
        arguments.head,
        **{"cooccurrence": False, "slot_skip": False, "average_backbone": None},
        **{"linear_skip": True, "standardise": True, "num_members": 1},
    )


@torch.no_grad()
def fit_head(model: FusionForSequenceClassification, train: FeatureDataset) -> float:
    """Fit a head that is one linear layer; it stays near its start, see `training.prior`, as far as C asks.

    Args:
        model: From `build_model`; its only head's layer is set.
        train: Training features and labels.

    Returns:
        The C that was chosen.
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
    c = _choose_c(vectors, targets, offset, train.labels)
    weight, bias = (torch.from_numpy(one) for one in fit_linear(vectors, targets, c, several, offset))
    if root is not None:
        weight = rows.T @ torch.linalg.solve_triangular(root.T, weight.double(), upper=True).float()
    layer.weight += weight.T / scale
    layer.bias.copy_(bias)
    return c


def _choose_c(vectors: np.ndarray, targets: np.ndarray, offset: np.ndarray, labels: np.ndarray) -> float:
    """The one of `TRIED_C` with the lowest cross-validated negative log-likelihood."""
    folds: Sequence = list(KFold(min(FOLDS, len(labels)), shuffle=True, random_state=0).split(vectors))
    loss = dict.fromkeys(TRIED_C, 0.0)
    for c in TRIED_C:
        for fit_on, apply_to in folds:
            weight, bias = fit_linear(vectors[fit_on], targets[fit_on], c, targets is labels, offset[fit_on])
            logits = vectors[apply_to] @ weight + bias + offset[apply_to]
            loss[c] += negative_log_likelihood(logits, labels[apply_to]) * len(apply_to)
    return min(loss, key=loss.__getitem__)


__all__ = ["adapt", "fit_head"]
