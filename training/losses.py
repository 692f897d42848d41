"""Losses for labels that are many, rare and several at once: each an object that holds its options and class weights.

A weight is a factor of each label's part of the sum. Over class ids the sum is divided by the weights of the ids, as
in torch; over 0/1 targets by their number. Logits of any size give finite losses and gradients.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional as F


@dataclass(frozen=True)
class Loss:
    """A function of logits and targets; subclasses add their options as fields.

    Args:
        weight: A factor for each label `(num_labels,)`, or None.

    Raises:
        ValueError: an option is not a number or out of its range.
    """

    name: ClassVar[str]
    # Which targets it is made for: class ids `(batch,)`, or 0/1 `(batch, num_labels)`.
    for_ids: ClassVar[bool]
    for_several: ClassVar[bool]
    # Option -> its range.
    ranges: ClassVar[dict[str, tuple[float, float]]] = {}

    weight: torch.Tensor | None = None

    def __post_init__(self):
        for option, (low, high) in self.ranges.items():
            value = getattr(self, option)
            if not low <= value <= high:
                raise ValueError(f"The loss {self.name}: {option} is {value}: expected {low:g} to {high:g}.")

    def __call__(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Compute the loss.

        Args:
            logits: `(batch, num_labels)`.
            target: Class ids `(batch,)`, or 0/1 `(batch, num_labels)`.

        Returns:
            Scalar.

        Raises:
            ValueError: the loss is not made for such targets.
        """
        self.check(several=target.dim() == 2)
        weight = None if self.weight is None else self.weight.to(logits.device)
        return self.compute(logits, target, weight)

    def compute(self, logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
        """The formula; arguments as in `__call__`, the weight on the logits' device."""
        raise NotImplementedError

    @classmethod
    def check(cls, several: bool) -> None:
        """Refuse targets that the loss is not made for.

        Raises:
            ValueError: names the losses that are.
        """
        if not (cls.for_several if several else cls.for_ids):
            kind = "several labels a text" if several else "one label a text"
            fitting = sorted(n for n, loss in LOSSES.items() if (loss.for_several if several else loss.for_ids))
            raise ValueError(f"The data have {kind}, which the loss {cls.name} is not for: choose one of {fitting}.")

    @classmethod
    def options(cls) -> list[str]:
        """Names of the loss's options."""
        return [one.name for one in fields(cls) if one.name != "weight"]


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """`-[y log p + (1 - y) log(1 - p)]`, averaged over labels and examples."""

    name = "bce"
    for_ids, for_several = False, True

    def compute(self, logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
        """See `Loss.compute`."""
        return F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), weight=weight)


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """`-log softmax(logits)[target]`, targets softened to `(1 - s) * onehot + s / num_labels` (Szegedy et al., 2016).

    Args:
        label_smoothing: `s`, from 0 to 1.
    """

    name = "cross_entropy"
    for_ids, for_several = True, False
    ranges = {"label_smoothing": (0, 1)}

    label_smoothing: float = 0.0

    def compute(self, logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
        """See `Loss.compute`."""
        return F.cross_entropy(logits, target, weight=weight, label_smoothing=self.label_smoothing)


@dataclass(frozen=True)
class Focal(Loss):
    """`-(1 - p_t)^gamma log p_t` (Lin et al., ICCV 2017, equation 4): easy examples count less.

    Over class ids `p` is the softmax, over 0/1 targets each label's sigmoid.

    Args:
        gamma: 0 gives cross-entropy.
    """

    name = "focal"
    for_ids, for_several = True, True
    ranges = {"gamma": (0, 100)}

    gamma: float = 2.0

    def compute(self, logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
        """See `Loss.compute`."""
        if target.dim() == 1:
            log_p = F.log_softmax(logits, dim=-1).gather(1, target[:, None]).squeeze(1)
            loss = -_power(-torch.expm1(log_p), self.gamma) * log_p
            return (loss * weight[target]).sum() / weight[target].sum() if weight is not None else loss.mean()
        log_p = -F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), reduction="none")
        loss = -_power(-torch.expm1(log_p), self.gamma) * log_p
        return (loss * weight if weight is not None else loss).mean()


@dataclass(frozen=True)
class Asymmetric(Loss):
    """Asymmetric loss (Ben-Baruch et al., ICCV 2021, equations 4 to 7): easy negatives count less, very easy ones not.

    `y (1 - p)^g+ (-log p) + (1 - y) p_m^g- (-log(1 - p_m))` with `p_m = max(p - clip, 0)`.

    Args:
        gamma_positive: Focusing of positives, `g+`.
        gamma_negative: Focusing of negatives, `g-`.
        clip: Probability from which on a negative counts at all.
    """

    name = "asymmetric"
    for_ids, for_several = False, True
    ranges = {"gamma_positive": (0, 100), "gamma_negative": (0, 100), "clip": (0, 1)}

    gamma_positive: float = 0.0
    gamma_negative: float = 2.0
    clip: float = 0.05

    def compute(self, logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
        """See `Loss.compute`."""
        target = target.to(logits.dtype)
        # log(1 - p_m) = log(min(1 - p + clip, 1)), from logarithms: 1 - p itself is 0 where a logit is large.
        log_rest = F.logsigmoid(-logits)
        if self.clip > 0:
            log_rest = torch.logaddexp(log_rest, log_rest.new_tensor(math.log(self.clip))).clamp_max(0)
        positive = -_power(torch.sigmoid(-logits), self.gamma_positive) * F.logsigmoid(logits)
        negative = -_power(-torch.expm1(log_rest), self.gamma_negative) * log_rest
        loss = target * positive + (1 - target) * negative
        return (loss * weight if weight is not None else loss).mean()


# Name for --loss and for a finetune block -> class.
LOSSES: dict[str, type[Loss]] = {
    loss.name: loss
    for loss in (
        BinaryCrossEntropy,
        CrossEntropy,
        Focal,
        Asymmetric,
    )
}


@dataclass(frozen=True)
class LossSettings:
    """Which loss is asked for; the targets complete it, see `make`.

    Args:
        name: A name of `LOSSES`; None is bce where several labels may apply to a text, else cross_entropy.
        options: The loss's own.
        class_balanced_beta: Labels are weighted by their number of examples, see `class_balanced_weights`; 0 is off.
    """

    name: str | None
    options: Mapping[str, float]
    class_balanced_beta: float = 0.0

    def make(self, labels: np.ndarray, num_labels: int) -> Loss:
        """The loss for a training set: the one place where a loss is chosen, for heads and for fine-tuning.

        Args:
            labels: Class ids `(rows,)`, or 0/1 `(rows, num_labels)`.
            num_labels: Number of labels.

        Raises:
            ValueError: there is no such loss or option, a value is out of its range, or the loss is not for such
                labels.
        """
        several = labels.ndim == 2
        name = self.name or ("bce" if several else "cross_entropy")
        if name not in LOSSES:
            raise ValueError(f"There is no loss '{name}': choose one of {sorted(LOSSES)}.")
        kind = LOSSES[name]
        kind.check(several)
        unknown = sorted(set(self.options) - set(kind.options()))
        if unknown:
            having = sorted(other for other, loss in LOSSES.items() if unknown[0] in loss.options())
            raise ValueError(
                f"The loss {name} has no option '{unknown[0]}': its options are {kind.options()}."
                + (f" It belongs to {' and '.join(having)}." if having else "")
            )
        weight = None
        if self.class_balanced_beta:
            counts = labels.sum(axis=0) if several else np.bincount(labels, minlength=num_labels)
            weight = class_balanced_weights(torch.from_numpy(np.asarray(counts)), self.class_balanced_beta)
        return kind(weight, **self.options)


def parse_options(words: list[str]) -> dict[str, float]:
    """Read a loss's options.

    Args:
        words: `name=number`, such as `gamma=1.5`.

    Raises:
        ValueError: a word has another form.
    """
    options = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            options[name] = float(value)
        except ValueError:
            raise ValueError(
                f"The loss option '{word}' is not understood: expected name=number, such as gamma=2."
            ) from None
    return options


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


def _power(base: torch.Tensor, gamma: float) -> torch.Tensor:
    """`base ** gamma` for a base from 0 to 1; below gamma 1 its slope at 0 is infinite, so the base stays above."""
    return base.clamp_min(1e-12) ** gamma
