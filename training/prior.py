"""What is known of the labels before any text is read: their shares, and what their names mean."""

from dataclasses import dataclass

import numpy as np
import torch
from datasets import Dataset
from scipy.optimize import minimize_scalar

from fusion_model import Backbone

from .calibration import negative_log_likelihood
from .feed import FeatureColumn

# A name is read in each of these; their features are averaged.
PROMPTS = ("{}", "I feel {}.", "This is about {}.")
# Their key among the splits.
NAMES = "label names"
# In logits, of one deviation of the likeness over texts and labels.
LARGEST_WEIGHT = 5.0


@dataclass
class Prior:
    """Where the heads' linear layers start.

    Args:
        bias: Log-odds (0/1 labels) or log-shares (class ids) of the labels in the training set, `(num_labels,)`.
        names: For each backbone's name the weights of its raw features, `(num_labels, width)`, that give each text's
            likeness to the labels' names.
    """

    bias: torch.Tensor
    names: dict[str, torch.Tensor]


def prompts(label_names: list[str]) -> Dataset:
    """The texts from whose features the names' meaning is taken: all labels in one prompt after the other."""
    words = [name.replace("_", " ") for name in label_names]
    return Dataset.from_dict({"text": [prompt.format(word) for prompt in PROMPTS for word in words]})


def log_prior(labels: np.ndarray, num_labels: int) -> torch.Tensor:
    """Log-odds (0/1 labels) or log-shares (class ids) of the labels in the training set, `(num_labels,)`."""
    if labels.ndim == 2:
        return torch.from_numpy(labels.mean(axis=0)).double().clamp(1e-5, 1 - 1e-5).logit().float()
    share = np.bincount(labels, minlength=num_labels) / len(labels)
    return torch.from_numpy(share).clamp_min(1e-5).log().float()


def fit_prior(
    backbones: list[Backbone], columns: dict[str, dict[str, FeatureColumn]], labels: np.ndarray, num_labels: int
) -> Prior:
    """What the training set tells before a head is trained.

    Args:
        backbones: Of the recipe, pinned.
        columns: For `train`, and for `NAMES` if names are to be read, each frozen backbone's features.
        labels: Of the training set, class ids `(rows,)` or 0/1 `(rows, num_labels)`.
        num_labels: Number of labels.
    """
    bias, named = log_prior(labels, num_labels), columns.get(NAMES, {})
    return Prior(
        bias,
        {
            one.name: name_weights(one, columns["train"][one.name], named[one.name], labels, bias)
            for one in backbones
            if one.name in named
        },
    )


def name_weights(
    backbone: Backbone, column: FeatureColumn, named: FeatureColumn, labels: np.ndarray, bias: torch.Tensor
) -> torch.Tensor:
    """Weights under which a text's logits grow with its likeness to each label's name.

    The likeness is the inner product of the last layer's states, that of the name at length 1, less its mean over the
    training set; one factor for all labels is fitted there, so that names which tell nothing weigh nothing.

    Args:
        backbone: Whose features these are.
        column: Features of the training texts.
        named: Features of `prompts`.
        labels: Class ids `(rows,)`, or 0/1 `(rows, num_labels)`.
        bias: From `log_prior`.

    Returns:
        float32 `(num_labels, width)`, zero but for one slot.
    """
    size = backbone.width // backbone.num_slots
    last = max(range(len(backbone.layers)), key=lambda i: (backbone.layers[i] == -1, backbone.layers[i]))
    pooling = backbone.pooling.index("mean") if "mean" in backbone.pooling else 0
    start = (last * len(backbone.pooling) + pooling) * size
    slot = slice(start, start + size)
    states = named.take(np.arange(len(named)))[:, slot].astype(np.float64)
    states /= np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-12)
    states = states.reshape(len(PROMPTS), -1, size).mean(axis=0)
    states /= np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-12)
    likeness = np.concatenate(
        [
            column.take(np.arange(first, min(first + 1024, len(column))))[:, slot].astype(np.float64) @ states.T
            for first in range(0, len(column), 1024)
        ]
    )
    likeness -= likeness.mean(axis=0)
    scale = max(float(likeness.std()), 1e-12)
    found = minimize_scalar(
        lambda weight: negative_log_likelihood(bias.numpy() + weight / scale * likeness, labels),
        bounds=(0, LARGEST_WEIGHT),
        method="bounded",
    )
    weights = torch.zeros(len(states), backbone.width)
    weights[:, slot] = torch.from_numpy(states * (found.x / scale)).float()
    return weights
