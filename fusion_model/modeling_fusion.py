"""The classifier: frozen backbones (held, not registered), a trained head, label scores for raw texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

# By name: a process that dill rebuilt, as `Dataset.map(num_proc=2)` makes, does not find this module in its package.
from transformers.initialization import ones_, uniform_, zeros_
from transformers.modeling_outputs import ModelOutput
from transformers.utils import SAFE_WEIGHTS_NAME, cached_file
from transformers.utils.hub import extract_commit_hash

from .configuration_fusion import FusionConfig
from .head import FineTunedHead, FusionHead, Standardise, combine_logits
from .held_backbones import BackboneHolder

# Imported so that save_pretrained, which copies the files that this one imports, carries the pipeline along.
from .pipeline_fusion import FusionTextClassificationPipeline
from .predictions import check_choice, probabilities, rank
from .texts import Text, check_texts
from .tfidf import TfidfBranch
from .trust import check_weights

PREDICT_CHUNK = 2048
HUB_OPTIONS = ("cache_dir", "force_download", "local_files_only", "proxies", "revision", "subfolder", "token")
# Those that also say where a backbone comes from.
BACKBONE_OPTIONS = ("cache_dir", "local_files_only", "proxies", "token")


@dataclass
class FusionOutput(ModelOutput):
    """
    Args:
        loss: Scalar, if labels were given.
        logits: `(batch, num_labels)`, of all parts, divided by the temperature, see `combine_logits`.
        member_logits: `(ensemble, batch, num_labels)`, what the heads are trained on.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    member_logits: torch.Tensor | None = None


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of class ids `(batch,)`, binary cross-entropy of 0/1 labels `(batch, num_labels)`."""
    if labels.dim() == 2:
        return nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    return nn.functional.cross_entropy(logits, labels)


class FusionForSequenceClassification(BackboneHolder):
    """Classifies texts by fusing pooled hidden states of frozen language models (LLMEmbed, ACL 2024)."""

    config: FusionConfig
    config_class = FusionConfig
    base_model_prefix = "fusion"
    main_input_name = "features"
    _no_split_modules = ["FusionHead"]
    # forward takes no **kwargs on purpose: with them, Trainer would divide the loss by a token count.
    accepts_loss_kwargs = False
    pipeline_class = FusionTextClassificationPipeline

    def __init__(self, config: FusionConfig):
        super().__init__(config)
        unknown = [backbone.name for backbone in config.backbones if backbone.hidden_size is None]
        if unknown:
            raise ValueError(f"The config needs backbones with their hidden_size; it is missing for {unknown}.")
        if not config.backbones and not config.lexical_terms:
            raise ValueError("The config has neither backbones nor lexical_terms: expected one of them, or both.")
        self.num_labels = cast(int, config.num_labels)
        self.standardise = nn.ModuleDict(
            {one.name: Standardise(one.width) for one in config.frozen} if config.standardise else {}
        )
        # One mask for the whole ensemble: it is the dearest part of a step, and initialisation alone differs enough.
        self.input_dropout = nn.Dropout(config.input_dropout)
        self.heads = nn.ModuleList(FusionHead(config) for _ in range(config.num_members if config.frozen else 0))
        self.tuned_heads = nn.ModuleDict(
            {one.name: FineTunedHead(one.width, self.num_labels) for one in config.backbones if one.tuned}
        )
        self.lexical: TfidfBranch | None = None
        if config.lexical_terms:
            self.lexical = TfidfBranch(config.lexical_terms, config.lexical_bytes, self.num_labels)
        self.loss_function = cross_entropy  # training puts its own in this place
        self.post_init()

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *args, **kwargs):
        """As in transformers, from safetensors alone; bundled backbones will come from the same commit.

        Raises:
            ValueError: weights and configuration do not fit each other, or are not what they should be.
            OSError: there is no such model.
        """
        kwargs["use_safetensors"] = True
        hub = {key: kwargs[key] for key in HUB_OPTIONS if key in kwargs}
        config = kwargs.get("config") or cls.config_class.from_pretrained(pretrained_model_name_or_path, **hub)
        variant = kwargs.get("variant")
        name = SAFE_WEIGHTS_NAME if variant is None else SAFE_WEIGHTS_NAME.replace(".", f".{variant}.", 1)
        file = str(cached_file(pretrained_model_name_or_path, name, **hub))
        # Looked at before transformers allocates what the configuration asks for.
        check_weights(file, cls, config)
        loaded = super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        model.hub_revision = extract_commit_hash(file, None) or kwargs.get("revision")
        model._encoders.hub = {key: hub[key] for key in BACKBONE_OPTIONS if key in hub}
        return loaded

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """torch's own initialisation (the reference's), and defined values for every buffer."""
        if isinstance(module, nn.Linear):
            bound = module.in_features**-0.5
            uniform_(module.weight, -bound, bound)
            uniform_(module.bias, -bound, bound)
        elif isinstance(module, Standardise):
            zeros_(module.mean)
            ones_(module.scale)
        elif isinstance(module, TfidfBranch):
            zeros_(module.vocabulary)
            ones_(module.idf)
            zeros_(module.weight)
            zeros_(module.bias)

    def forward(
        self,
        features: dict[str, torch.Tensor],
        lexical_logits: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> FusionOutput:
        """Classify features.

        Args:
            features: For each backbone's name a tensor `(batch, slots * hidden_size)` of any float dtype. Without those
                of a tuned backbone (which the heads are not trained on) its logits are left out.
            lexical_logits: `(batch, num_labels)`, what the TF-IDF branch says; left out if there is none.
            labels: Class ids `(batch,)`, or 0/1 `(batch, num_labels)` for a multi-label model.

        Returns:
            FusionOutput; the loss is `loss_function`'s, in training averaged over the ensemble, else of the logits.

        Raises:
            ValueError: the features of a backbone are missing or have another width.
        """
        head_logits, tuned_logits = self.component_logits(features)
        logits = combine_logits(head_logits, list(tuned_logits.values()), lexical_logits, self.config)
        # What a loss is taken of: each head of the ensemble alone, as it is trained.
        member_logits = torch.stack(list(tuned_logits.values()) or [logits]) if head_logits is None else head_logits
        loss = None
        if labels is not None and self.training:
            loss = torch.stack([self.loss_function(_at_least_float32(one), labels) for one in member_logits]).mean()
        elif labels is not None:
            loss = self.loss_function(_at_least_float32(logits), labels)
        return FusionOutput(loss=loss, logits=logits, member_logits=member_logits if self.training else None)

    def component_logits(
        self, features: dict[str, torch.Tensor]
    ) -> tuple[torch.Tensor | None, dict[str, torch.Tensor]]:
        """Logits of the heads and of the fine-tuned backbones, before `combine_logits`.

        Args:
            features: As `forward` takes them.

        Returns:
            `(ensemble, batch, num_labels)`, None where no backbone is frozen; and `(batch, num_labels)` for the name of
            each fine-tuned backbone whose features were given.
        """
        self._check_features(features)
        # In the config's order, whatever the dict's, so that a seed draws one dropout.
        names = [one.name for one in self.config.backbones if one.name in features]
        features = {name: features[name] for name in names}
        tuned_logits = {
            name: head(features.pop(name).to(self.dtype)) for name, head in self.tuned_heads.items() if name in features
        }
        # Under autocast the heads' first products take its dtype: features are written in it once, for all of them.
        device = self.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else self.dtype
        for name, x in features.items():
            features[name] = self.standardise[name](x, dtype) if name in self.standardise else x.to(dtype)
        features = {name: self.input_dropout(x) for name, x in features.items()}
        return torch.stack([head(features) for head in self.heads]) if self.heads else None, tuned_logits

    def _check_features(self, features: dict[str, torch.Tensor]) -> None:
        """Compare features with the config."""
        widths = {backbone.name: backbone.width for backbone in self.config.backbones}
        needed = {backbone.name for backbone in self.config.frozen} or set(widths)
        if not needed <= features.keys() <= widths.keys():
            raise ValueError(f"Features of {sorted(features)} were given: those of {sorted(needed)} are needed.")
        for name, x in features.items():
            if x.shape[1:] != (widths[name],):
                raise ValueError(
                    f"Features of '{name}' have the shape {tuple(x.shape)}: expected (batch, {widths[name]})."
                )

    def encode(self, texts: Sequence[Text]) -> dict[str, torch.Tensor]:
        """Features of raw texts, as `forward` takes them: float16 `(len(texts), slots * hidden_size)` each."""
        texts = check_texts(texts, columns=self.config.text_columns)
        return {one.name: self.encoder(one.name).encode(texts) for one in self.config.backbones}

    @property
    def parts(self) -> list[str]:
        """What `without` can leave out: the backbones' names (a tuned one's beside frozen ones only), and "lexical"."""
        names = [backbone.name for backbone in (self.config.backbones if self.heads else [])]
        # Without any backbone there is nothing but the branch.
        return names + ["lexical"] * (self.lexical is not None and bool(self.config.backbones))

    @torch.no_grad()
    def logits(self, texts: Sequence[Text], without: str | None = None) -> torch.Tensor:
        """Logits of raw texts.

        Args:
            texts: Any number of strings, and pairs of them, see [`fusion_model.texts.check_texts`].
            without: One of `parts` that is left out, to show what it adds. A frozen backbone then says of every text
                what it says of the training texts' mean (of zero where features are not standardised).

        Returns:
            Float32 tensor `(len(texts), num_labels)` on the CPU.

        Raises:
            ValueError: an input is not a text, there is no such part, or the model's weights are damaged.
        """
        if without is not None and without not in self.parts:
            raise ValueError(f"There is no part '{without}' to leave out: expected one of {self.parts}.")
        texts = check_texts(texts, columns=self.config.text_columns)
        if self.training:
            self.eval()
            try:
                return self.logits(texts, without)
            finally:
                self.train()
        parts = [torch.empty(0, self.num_labels)]
        for start in range(0, len(texts), PREDICT_CHUNK):
            chunk = texts[start : start + PREDICT_CHUNK]
            features = {name: x.to(self.device) for name, x in self.encode(chunk).items()}
            if without is None or without == "lexical":
                pass
            elif without in self.tuned_heads:
                del features[without]
            else:
                absent = torch.zeros_like(features[without], dtype=torch.float32)
                mean = cast(Standardise, self.standardise[without]).mean if self.config.standardise else 0.0
                features[without] = absent + mean
            lexical = self.lexical(chunk) if self.lexical is not None and without != "lexical" else None
            parts.append(self(features, lexical_logits=lexical).logits.float().cpu())
        logits = torch.cat(parts)
        if not logits.isfinite().all():
            raise ValueError(
                f"The model '{self.config.name_or_path}' gives scores that are not finite: its weights or its "
                "configuration are damaged. Get them again, or train it again."
            )
        return logits

    def predict(
        self,
        texts: Sequence[Text],
        top_k: int | str | None = "predicted",
        threshold: float | None = None,
        without: str | None = None,
    ) -> list[list[dict]]:
        """Emotions of raw texts.

        Args:
            texts: Any number of strings, and pairs of them, see [`fusion_model.texts.check_texts`].
            top_k: "predicted" (the default) for the labels that the model predicts, by each label's own threshold; a
                number for so many best labels; None for all labels.
            threshold: One probability to use in place of the labels' own thresholds.
            without: One of `parts` that is left out, see `logits`.

        Returns:
            For each text a list of `{"label": str, "score": float}`, highest score first; "predicted" may be empty.

        Raises:
            ValueError: an input is not a text, or a parameter is out of range.
        """
        check_choice(top_k, threshold)
        multi_label = self.config.problem_type == "multi_label_classification"
        scores = probabilities(self.logits(texts, without).numpy(), multi_label)
        return [rank(row, self.config, top_k, threshold) for row in scores]


def _at_least_float32(logits: torch.Tensor) -> torch.Tensor:
    """Losses are computed in float32, or in float64 where the model is."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


FusionConfig.register_for_auto_class()
FusionForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")

__all__ = ["FusionForSequenceClassification", "FusionOutput"]
