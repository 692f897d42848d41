"""Losses for labels that are many, rare and several at once. Each takes logits, returns a scalar."""

import torch
from torch.nn import functional as F


def binary_cross_entropy(
    logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None
) -> torch.Tensor:
    """`-[y log p + (1 - y) log(1 - p)]`, averaged over labels and examples.

    Args:
        logits: `(batch, num_labels)`.
        target: 0/1 `(batch, num_labels)`.
        weight: A factor for each label `(num_labels,)`.

    Returns:
        Scalar.
    """
    return F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), weight=weight)


def cross_entropy(
    logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None, label_smoothing: float = 0.0
) -> torch.Tensor:
    """`-log softmax(logits)[target]`, the target softened to `(1 - s) * onehot + s / num_labels` (Szegedy et al., 2016).

    Args:
        logits: `(batch, num_labels)`.
        target: Class ids `(batch,)`.
        weight: A factor for each label `(num_labels,)`.
        label_smoothing: `s`, from 0 to 1.

    Returns:
        Scalar.
    """
    return F.cross_entropy(logits, target, weight=weight, label_smoothing=label_smoothing)


def focal(
    logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None, gamma: float = 2.0
) -> torch.Tensor:
    """`-(1 - p_t)^gamma log p_t` (Lin et al., ICCV 2017, equation 4): easy examples count less.

    Args:
        logits: `(batch, num_labels)`.
        target: Class ids `(batch,)`, then over the softmax; or 0/1 `(batch, num_labels)`, then over each sigmoid.
        weight: A factor for each label `(num_labels,)`.
        gamma: 0 gives cross-entropy.

    Returns:
        Scalar.
    """
    if target.dim() == 1:
        log_p = F.log_softmax(logits, dim=-1).gather(1, target[:, None]).squeeze(1)
        loss = -((1 - log_p.exp()) ** gamma) * log_p
        return (loss * weight[target]).sum() / weight[target].sum() if weight is not None else loss.mean()
    log_p = -F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), reduction="none")
    loss = -((1 - log_p.exp()) ** gamma) * log_p
    return (loss * weight if weight is not None else loss).mean()


def asymmetric(
    logits: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    gamma_positive: float = 0.0,
    gamma_negative: float = 2.0,
    clip: float = 0.05,
) -> torch.Tensor:
    """Asymmetric loss (Ben-Baruch et al., ICCV 2021, equations 4 to 7): easy negatives count less, very easy ones not.

    `y (1 - p)^g+ (-log p) + (1 - y) p_m^g- (-log(1 - p_m))` with `p_m = max(p - clip, 0)`.

    Args:
        logits: `(batch, num_labels)`.
        target: 0/1 `(batch, num_labels)`.
        weight: A factor for each label `(num_labels,)`.
        gamma_positive: Focusing of positives, `g+`.
        gamma_negative: Focusing of negatives, `g-`.
        clip: Probability from which on a negative counts at all.

    Returns:
        Scalar.
    """
    target = target.to(logits.dtype)
    p = logits.sigmoid()
    shifted = (p - clip).clamp_min(0)
    positive = -((1 - p) ** gamma_positive) * F.logsigmoid(logits)
    negative = -(shifted**gamma_negative) * torch.log1p(-shifted.clamp_max(1 - 1e-6))
    loss = target * positive + (1 - target) * negative
    return (loss * weight if weight is not None else loss).mean()


def class_balanced_weights(counts: torch.Tensor, beta: float = 0.999) -> torch.Tensor:
    """`(1 - beta) / (1 - beta^n)` for a label with `n` examples (Cui et al., CVPR 2019, equation 3), averaging 1.

    Args:
        counts: Examples of each label `(num_labels,)`; a label without any counts as one.
        beta: From 0 (all equal) towards 1 (inverse frequency).

    Returns:
        Weights `(num_labels,)`.
    """
    weights = (1 - beta) / (1 - beta ** counts.clamp_min(1).double())
    return (weights / weights.mean()).float()


LOSSES = {
    "bce": binary_cross_entropy,
    "cross_entropy": cross_entropy,
    "focal": focal,
    "asymmetric": asymmetric,
}
