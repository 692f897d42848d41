"""Losses for labels that are many, rare and several at once. Each takes logits, returns a scalar.

A weight is a factor of each label's part of the sum. Over class ids the sum is divided by the weights of the ids, as
in torch; over 0/1 targets by their number. Logits of any size give finite losses and gradients.
"""

import math

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

    Raises:
        ValueError: the targets are class ids.
    """
    _check_several(target, logits, "bce")
    return F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), weight=weight)


def cross_entropy(
    logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None, label_smoothing: float = 0.0
) -> torch.Tensor:
    """`-log softmax(logits)[target]`, targets softened to `(1 - s) * onehot + s / num_labels` (Szegedy et al., 2016).

    Args:
        logits: `(batch, num_labels)`.
        target: Class ids `(batch,)`.
        weight: A factor for each label `(num_labels,)`.
        label_smoothing: `s`, from 0 to 1.

    Returns:
        Scalar.

    Raises:
        ValueError: the targets are not class ids.
    """
    if target.dim() != 1:
        raise ValueError(
            f"The loss cross_entropy is for one label a text, but the targets have the shape {tuple(target.shape)}: "
            "choose bce, asymmetric or focal."
        )
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
        loss = -_power(-torch.expm1(log_p), gamma) * log_p
        return (loss * weight[target]).sum() / weight[target].sum() if weight is not None else loss.mean()
    _check_several(target, logits, "focal")
    log_p = -F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), reduction="none")
    loss = -_power(-torch.expm1(log_p), gamma) * log_p
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

    Raises:
        ValueError: the targets are class ids.
    """
    _check_several(target, logits, "asymmetric")
    target = target.to(logits.dtype)
    # log(1 - p_m) = log(min(1 - p + clip, 1)), from logarithms: 1 - p itself is 0 where a logit is large.
    log_rest = F.logsigmoid(-logits)
    if clip > 0:
        log_rest = torch.logaddexp(log_rest, log_rest.new_tensor(math.log(clip))).clamp_max(0)
    positive = -_power(torch.sigmoid(-logits), gamma_positive) * F.logsigmoid(logits)
    negative = -_power(-torch.expm1(log_rest), gamma_negative) * log_rest
    loss = target * positive + (1 - target) * negative
    return (loss * weight if weight is not None else loss).mean()


def _power(base: torch.Tensor, gamma: float) -> torch.Tensor:
    """`base ** gamma` for a base from 0 to 1; below gamma 1 its slope at 0 is infinite, so the base stays above."""
    return base.clamp_min(1e-12) ** gamma


def _check_several(target: torch.Tensor, logits: torch.Tensor, loss: str) -> None:
    """Refuse class ids where 0/1 targets are expected."""
    if target.shape != logits.shape:
        raise ValueError(
            f"The loss {loss} wants 0/1 targets of the logits' shape {tuple(logits.shape)}, but they have the shape "
            f"{tuple(target.shape)}: for one label a text, choose cross_entropy or focal."
        )


def class_balanced_weights(counts: torch.Tensor, beta: float = 0.999) -> torch.Tensor:
    """`(1 - beta) / (1 - beta^n)` for a label with `n` examples (Cui et al., CVPR 2019, equation 3), averaging 1.

    Args:
        counts: Examples of each label `(num_labels,)`; a label without any counts as one.
        beta: From 0 (all equal) towards 1 (inverse frequency).

    Returns:
        Weights `(num_labels,)`.

    Raises:
        ValueError: beta is not from 0 up to, but not including, 1.
    """
    if not 0 <= beta < 1:
        raise ValueError(f"class_balanced_beta is {beta}: expected 0 or more and less than 1, such as 0.999.")
    weights = (1 - beta) / (1 - beta ** counts.clamp_min(1).double())
    return (weights / weights.mean()).float()


LOSSES = {
    "bce": binary_cross_entropy,
    "cross_entropy": cross_entropy,
    "focal": focal,
    "asymmetric": asymmetric,
}
