"""Configuration of a fusion classifier: which backbones are read, how, and what the head does with them."""

from typing import Any, Literal, cast

import torch
from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .backbones import Backbone, check_backbones

MAX_LABELS = 65_536
# Modules are Python objects: what a configuration describes must be quick to build, whatever the size of its tensors.
MAX_MODULES = 2_048


class TasksWithAlias(dict):
    """Custom pipelines that are found by the task's older name, too.

    A second entry would do that as well, but `pipeline(model=…)` takes the task from a config that has one alone.
    """

    def __contains__(self, task: object) -> bool:
        return super().__contains__(self._name(task))

    def __getitem__(self, task: str) -> Any:
        return super().__getitem__(self._name(task))

    @staticmethod
    def _name(task: Any) -> Any:
        return "text-classification" if task == "sentiment-analysis" else task


@strict
class FusionConfig(PreTrainedConfig):
    r"""
    Everything that determines a score travels in this configuration: backbones, head, label names, thresholds.

    Args:
        backbones (`list[Backbone]`):
            The language models, see [`fusion_model.backbones.Backbone`]; dicts of its fields in config.json. A backbone
            contributes `len(layers) * len(pooling)` slots of `hidden_size` numbers.
        fusion_dim (`int`):
            Width that slots are compressed to. A slot that has this width already is taken as it is.
        sigma (`float`):
            Power normalisation is `tanh(2 * sigma * X)` (LLMEmbed, ACL 2024, section 3.2). 0 switches it off.
        cooccurrence (`bool`):
            Whether the head sees the products of all pairs of slots, `S @ S.T`.
        scale_products (`bool`):
            Divide the products by `fusion_dim`, so that tanh does not saturate. Off in the reference.
        average_backbone (`str`, *optional*):
            Name of the backbone whose mean over its slots is concatenated to the products (the LLM, in the reference).
        slot_skip (`bool`):
            Whether the compressed slots themselves are concatenated too.
        linear_skip (`bool`):
            Whether a linear layer on all features is added to the logits.
        standardise (`bool`):
            Whether features are brought to mean 0 and deviation 1 with statistics of the training set.
        hidden_sizes (`list[int]`):
            Widths of the feed-forward layers between the fused vector and the labels.
        dropout (`float`):
            Dropout after each compression and each feed-forward layer.
        input_dropout (`float`):
            Dropout on the (standardised) features themselves.
        num_members (`int`):
            Ensemble size: heads with different initialisations in one model, whose logits are averaged.
        lexical_terms, lexical_bytes (`int`):
            Number of terms of the TF-IDF branch and bytes of its vocabulary; 0 without such a branch.
        lexical_weight (`float`):
            Factor of the TF-IDF branch's logits in the sum.
        tuned_weight (`float`):
            Factor of the fine-tuned backbones' logits in the sum.
        thresholds (`list[float]`, *optional*):
            A probability for each label from which on it is predicted (multi-label only).
        temperature (`float`):
            Logits are divided by this (Guo et al., ICML 2017). Fitted on validation.
        text_columns (`list[str]`, *optional*):
            The two columns that a model was trained on which reads pairs of texts.
    """

    model_type = "fusion"

    backbones: list | tuple = ()
    fusion_dim: int = 1024
    sigma: float | int = 1.0
    cooccurrence: bool = True
    scale_products: bool = False
    average_backbone: str | None = None
    slot_skip: bool = False
    linear_skip: bool = False
    standardise: bool = False
    hidden_sizes: list[int] | tuple[int, ...] = (1024, 256)
    dropout: float | int = 0.5
    input_dropout: float | int = 0.0
    num_members: int = 1
    lexical_terms: int = 0
    lexical_bytes: int = 0
    lexical_weight: float | int = 1.0
    tuned_weight: float | int = 1.0
    thresholds: list[float | int] | None = None
    temperature: float | int = 1.0
    text_columns: list[str] | None = None
    problem_type: Literal["single_label_classification", "multi_label_classification"] | None = None

    def __post_init__(self, **kwargs):
        labels = kwargs.get("num_labels")
        if labels is not None and not (type(labels) is int and 1 <= labels <= MAX_LABELS):
            # Before transformers invents a name for each.
            raise ValueError(f"num_labels is {labels!r}: expected 1 to {MAX_LABELS:,}.")
        if not isinstance(names := kwargs.get("id2label", self.id2label) or {}, dict):
            raise ValueError(f"id2label is {names!r:.100}: expected a name for each number, as in {{0: 'joy'}}.")
        self.hidden_sizes = list(self.hidden_sizes)
        # transformers builds a bare config when it compares defaults, so no backbones at all must be possible.
        self.backbones = check_backbones(list(self.backbones))
        try:
            super().__post_init__(**kwargs)
        except (AttributeError, TypeError, LookupError, OverflowError) as error:
            # transformers takes its own fields, such as id2label or dtype, to be of the right kind.
            raise ValueError(f"The config has a field of a wrong kind: {error!s:.200}.") from None
        tasks: Any = getattr(self, "custom_pipelines", None)
        if isinstance(tasks, dict) and tasks:
            self.custom_pipelines: dict[str, Any] = TasksWithAlias(tasks)
        self.check()

    @property
    def frozen(self) -> list[Backbone]:
        """The backbones that the fusion heads read."""
        return [backbone for backbone in self.backbones if not backbone.tuned]

    @property
    def num_slots(self) -> int:
        """Number of feature vectors that the heads fuse, over all frozen backbones."""
        return sum(backbone.num_slots for backbone in self.frozen)

    def to_dict(self) -> dict:
        """As in transformers, with a dict for each backbone; a model of single texts has no `text_columns`."""
        content = {**super().to_dict(), "backbones": [backbone.to_dict() for backbone in self.backbones]}
        return content if self.text_columns else {k: v for k, v in content.items() if k != "text_columns"}

    def check(self) -> None:
        """Compare fields with each other.

        Raises:
            ValueError: a number is out of range, or two fields contradict each other.
        """
        names = [backbone.name for backbone in self.frozen]
        if self.average_backbone is not None and self.average_backbone not in names:
            raise ValueError(f"average_backbone is '{self.average_backbone}', but the frozen backbones are {names}.")
        if self.thresholds is not None and len(self.thresholds) != self.num_labels:
            raise ValueError(f"{len(self.thresholds)} thresholds for {self.num_labels} labels: one each is expected.")
        pair = self.text_columns
        if pair is not None and (len(pair) != 2 or not all(map(str.strip, pair))):
            raise ValueError(f"text_columns is {self.text_columns}: expected the names of two columns, or nothing.")
        if bool(self.lexical_terms) != bool(self.lexical_bytes):
            raise ValueError(
                f"lexical_terms is {self.lexical_terms} and lexical_bytes {self.lexical_bytes}: both or neither are 0."
            )
        share, width, count, factor = (0, 0.999), (1, 65_536), (0, 2**31 - 1), (-1e6, 1e6)
        ranges: list[tuple[str, float, tuple[float, float]]] = [
            ("dropout", self.dropout, share),
            ("input_dropout", self.input_dropout, share),
            ("sigma", self.sigma, (0, 1e6)),
            ("temperature", self.temperature, (1e-6, 1e6)),
            ("lexical_weight", self.lexical_weight, factor),
            ("tuned_weight", self.tuned_weight, factor),
            ("fusion_dim", self.fusion_dim, width),
            ("num_members", self.num_members, width),
            ("lexical_terms", self.lexical_terms, count),
            ("lexical_bytes", self.lexical_bytes, count),
            *((f"hidden_sizes[{i}]", size, width) for i, size in enumerate(self.hidden_sizes)),
            *((f"thresholds[{i}]", value, (0, 1)) for i, value in enumerate(self.thresholds or [])),
        ]
        for name, value, (low, high) in ranges:
            if not low <= value <= high:  # NaN is not either
                raise ValueError(f"{name} is {value}: expected {low:,} to {high:,}.")
        if not (self.dtype is None or isinstance(self.dtype, torch.dtype)):
            raise ValueError(f"dtype is {self.dtype!r}: expected a dtype of torch, such as float32.")
        if not 1 <= cast(int, self.num_labels) <= MAX_LABELS:
            raise ValueError(f"The config names {self.num_labels} labels: expected 1 to {MAX_LABELS:,}.")
        modules = self.num_members * (self.num_slots + len(self.hidden_sizes) + 1)
        if modules > MAX_MODULES:
            raise ValueError(
                f"num_members {self.num_members} x ({self.num_slots} slots + {len(self.hidden_sizes)} hidden_sizes) "
                f"are {modules:,} layers: expected up to {MAX_MODULES:,}."
            )
        for kind in (self._attn_implementation, self._experts_implementation):
            if isinstance(kind, str) and "/" in kind:
                raise ValueError(f"The config asks for the kernel '{kind}' from the Hub, which is not run.")
        if self.frozen and not (self.cooccurrence or self.average_backbone or self.slot_skip or self.linear_skip):
            raise ValueError(
                "The head sees nothing: set one of cooccurrence, average_backbone, slot_skip, linear_skip."
            )


__all__ = ["FusionConfig"]
