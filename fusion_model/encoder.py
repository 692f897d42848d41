"""Reads texts with one frozen backbone and pools its hidden states: the same code for extraction and for inference."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, cast

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from .backbones import Backbone
from .batches import Pending, max_tokens_on, not_finite, prefetch, resolve_dtype, size_of, store, to_cpu, to_device
from .buckets import bucket_by_length
from .file_modes import set_default_mode
from .gguf import refuse_saving
from .hub import locate
from .loading import in_float32, load_part
from .packed import PackedLayers, pack
from .pooling import PooledLayers
from .positions import check_length, check_readable_tokens
from .texts import Text
from .tokens import Tokens, has_segments, pad, read_tokens
from .trust import check_backbone, check_ids
from .windows import Windows

logger = logging.getLogger(__name__)

# Texts that are tokenised at once for a GPU, while it reads those before, and batches made ahead.
GROUP_TEXTS = 1024
BATCHES_AHEAD = 4
# `from_pretrained` changes torch's defaults while it runs, so one backbone is loaded at a time, whatever the threads.
LOADING = threading.RLock()


class BackboneEncoder:
    """A frozen language model and its tokenizer, loaded when first used.

    Threads may share an encoder. A copy, pickled or not, leaves the loaded backbone behind and loads its own.

    Args:
        backbone: Which model, and how it is read.
        folder: Folder or Hub id of the fusion model that carries a bundled backbone, at its commit `revision`.
        device: Where the backbone runs.
        hub: Options for what comes from the Hub, such as `token` and `cache_dir`; a copy is without them.
    """

    def __init__(
        self,
        backbone: Backbone,
        folder: str | None = None,
        revision: str | None = None,
        device: torch.device | str = "cpu",
        hub: dict | None = None,
    ):
        self.backbone = backbone
        self.origin = (folder, revision)
        self.device = torch.device(device)
        self.dtype = resolve_dtype(backbone.dtype, self.device)
        self.location, self.load_kwargs = locate(backbone, folder, revision)
        if "local_files_only" not in self.load_kwargs:
            self.load_kwargs |= hub or {}
        self._model: PreTrainedModel | None = None
        self._layers: PooledLayers | PackedLayers | None = None
        self._max_tokens = 0
        self._tokenizer: PreTrainedTokenizerBase | None = None
        # Texts so far that are longer than `max_length`, and were cut.
        self.cut_texts = 0
        # Only a float16 model is ever changed after it was loaded, see `in_float32`.
        self._alone = threading.RLock() if self.dtype == torch.float16 else nullcontext()

    def __reduce__(self):
        return (BackboneEncoder, (self.backbone, *self.origin, self.device))

    @property
    def model(self) -> PreTrainedModel:
        """The backbone in evaluation mode, on `device`, in `dtype`; loaded again if packed weights took its place."""
        model = self._model
        if model is None:
            with LOADING:
                model = self._model = self._model or self.load_model()
        return model

    @property
    def layers(self) -> PooledLayers | PackedLayers:
        """The backbone with what pools its layers, packed where that is faster."""
        if self._layers is None:
            sample = self.tokenize(["."])[0]
            check_ids([sample], self.facts[1], self.location)
            with LOADING:
                if self._layers is None:
                    slots, norm = (self.backbone.layers, self.backbone.pooling), self.backbone.final_norm
                    layers = PooledLayers(self.model, *slots, sample, norm)
                    packed = pack(layers, sample)
                    way = "as transformers has it" if packed is None else "packed for oneDNN"
                    logger.info(f"Backbone '{self.backbone.name}' runs {way}, in {self.dtype} on {self.device}.")
                    self._max_tokens = max_tokens_on(self.model, self.device)
                    self._layers = packed or layers
                    if packed is not None:
                        self._model = None  # else its weights would be in memory twice
                        layers.remove_hooks()
        return self._layers

    @cached_property
    def facts(self) -> tuple[int, int, bool]:
        """Hidden size, number of token ids, and whether the backbone is told which text of a pair a token is of."""
        vocabulary = len(cast(torch.nn.Embedding, self.model.get_input_embeddings()).weight)
        return self.model.config.hidden_size, vocabulary, has_segments(self.tokenizer, self.model)

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The backbone's tokenizer."""
        if self._tokenizer is None:
            with LOADING:
                if self._tokenizer is None:
                    tokenizer = self.load(AutoTokenizer)
                    check_length(self.backbone, tokenizer.model_max_length)
                    # The first call sets truncation up, during which a second thread would fail.
                    read_tokens(tokenizer, ["."], self.backbone.max_length)
                    self._tokenizer = tokenizer
        return self._tokenizer

    @property
    def width(self) -> int:
        """Numbers in one text's features: slots x hidden size."""
        return self.backbone.num_slots * self.facts[0]

    def encode(self, texts: Sequence[Text], progress: Callable[[int], object] | None = None) -> torch.Tensor:
        """Turn texts into features.

        Args:
            texts: Any number of strings, and pairs of them; what exceeds `max_length` tokens is cut off, of a pair the
                end of the longer text, or read in further windows (`long_texts`).
            progress: Called with the number of texts done since the last call.

        Returns:
            Float16 tensor `(len(texts), slots * hidden_size)` on the CPU, slots in the order layer by layer, in each
            layer pooling by pooling.

        Raises:
            ValueError: a feature is not finite even when computed in float32; the message names the text's index. Or a
                pair is to be read in windows.
        """
        if self.backbone.long_texts == "windows" and len(texts):
            windows = Windows(self.tokenizer, texts, self.backbone.max_length)
            features = windows.encode(self._read, len(self.backbone.layers), self.backbone.pooling, progress)
        else:
            features = self._read(texts, progress)
        bad = not_finite(features)
        if bad:
            raise ValueError(
                f"Backbone '{self.backbone.name}' ({self.backbone.model_id}, {self.dtype}) gives features that do not "
                f"fit in float16 for the text(s) at index {bad[:5]}. Leave out these texts or another layer."
            )
        return features

    def _read(self, texts: Sequence[Text | list[int]], progress: Callable[[int], object] | None) -> torch.Tensor:
        """`encode` without a look at what comes of it; a list of token ids is one window of a text."""
        features = torch.empty((len(texts), self.width), dtype=torch.float16)
        self._fill(features, texts, range(len(texts)), progress)
        if self.dtype == torch.float16 and (bad := not_finite(features)):
            # Some decoders overflow in float16; these texts (and no others) are worth a slower pass.
            counted = self.cut_texts
            with self._alone, in_float32(self.model):
                self._fill(features, texts, bad)
            self.cut_texts = counted
        return features

    def save(self, folder: str | PathLike) -> None:
        """Write the backbone, in the precision that it was published in, and its tokenizer into `folder`."""
        refuse_saving(self.location)
        self.load(AutoModel, dtype="auto", use_safetensors=True).save_pretrained(folder)
        self.load(AutoTokenizer).save_pretrained(folder)
        set_default_mode(*Path(folder).glob("*.safetensors"))

    def load_model(self) -> PreTrainedModel:
        """Load the backbone and compare it with what the config says of it."""
        name = self.backbone.name
        trained, serving = self.backbone.resolved_dtype, str(self.dtype).removeprefix("torch.")
        if trained not in (None, serving):
            logger.warning(f"Backbone '{name}' computes in {serving}, its head was trained on {trained}: scores vary.")
        check_backbone(self.load(AutoConfig), self.location, self.backbone)
        # predict() may be the first to need it, and what is made in inference mode is of no use outside of it.
        with torch.inference_mode(False):
            model = self.load(AutoModel, dtype=self.dtype, use_safetensors=True).requires_grad_(False).to(self.device)
        depth = model.config.num_hidden_layers + 1
        wrong = [layer for layer in self.backbone.layers if not -depth <= layer < depth]
        if wrong:
            raise ValueError(f"Backbone '{name}' has hidden states 0 to {depth - 1}, but layers names {wrong}.")
        if self.backbone.hidden_size not in (None, model.config.hidden_size):
            raise ValueError(
                f"Backbone '{name}' has hidden size {model.config.hidden_size}, but the configuration says "
                f"{self.backbone.hidden_size}: '{self.location}' is not the backbone that the head was trained on."
            )
        check_readable_tokens(model, self.backbone)
        return model

    def load(self, auto_class, **kwargs):
        """Load a part of the backbone: what `auto_class.from_pretrained` gives, see `load_part`."""
        options = {"trust_remote_code": self.backbone.trust_remote_code, **self.load_kwargs, **kwargs}
        return load_part(auto_class, self.backbone.name, self.location, options)

    def tokenize(self, texts: Sequence[Text]) -> list[list[int]]:
        """Token ids with special tokens, cut to `max_length`; never empty."""
        return self.tokenize_segments(texts)[0]

    def tokenize_segments(self, texts: Sequence[Any]) -> Tokens:
        """`tokenize`, and which text of a pair each token is of; None without pairs, or if the backbone is not told."""
        if not len(texts) or isinstance(texts[0], list):
            return list(texts), None
        segments = not all(isinstance(text, str) for text in texts) and self.facts[2]
        cut: list[int] = []
        tokens = read_tokens(self.tokenizer, texts, self.backbone.max_length, segments, cut.append)
        self.cut_texts += sum(cut)
        return tokens

    def _fill(
        self,
        features: torch.Tensor,
        texts: Sequence[Any],
        rows: Sequence[int],
        progress: Callable[[int], object] | None = None,
    ) -> None:
        """Compute the given rows of `features`, `(texts, slots * hidden_size)`."""
        batches = self._batches([texts[row] for row in rows])
        waiting: Pending | None = None
        # A GPU is given its next batch before the features of the last one are taken from it.
        for positions, token_ids, segments in (
            prefetch(batches, BATCHES_AHEAD) if self.device.type == "cuda" else batches
        ):
            with self._alone:
                pooled, event = to_cpu(self._forward_in_memory(token_ids, segments))
            store(features, waiting)
            waiting = [rows[position] for position in positions], pooled, event
            if progress is not None:
                progress(len(positions))
        store(features, waiting)

    def _batches(self, texts: list[Any]) -> Iterator[tuple[list[int], list[list[int]], list[list[int]] | None]]:
        """Positions in `texts`, their token ids and segments, in batches: packed, of one length, on a GPU similar."""
        if not texts:
            return
        on_gpu, layers = self.device.type == "cuda", self.layers
        flat = isinstance(layers, PackedLayers)
        padded = on_gpu and not isinstance(layers, PackedLayers) and layers.ignores_padding
        order: Sequence[int] = range(len(texts))
        if on_gpu:
            # By characters, which is almost by tokens: a GPU can start before all texts are tokenised.
            order = sorted(order, key=lambda row: size_of(texts[row]), reverse=True)
        size = GROUP_TEXTS if on_gpu else len(texts)
        # Pairs apart, as only they have segments; a list is a window's token ids.
        for kind in (str, tuple, list):
            rows = [row for row in order if isinstance(texts[row], kind)]
            for group in (rows[start : start + size] for start in range(0, len(rows), size)):
                token_ids, segments = self.tokenize_segments([texts[row] for row in group])
                check_ids(token_ids, self.facts[1], self.location)
                lengths = [len(ids) for ids in token_ids]
                for batch in bucket_by_length(lengths, self._max_tokens, padded=padded, flat=flat):
                    ids = [token_ids[row] for row in batch]
                    yield [group[row] for row in batch], ids, segments and [segments[row] for row in batch]

    def _forward(self, token_ids: list[list[int]], segments: list[list[int]] | None = None) -> torch.Tensor:
        """Pooled hidden states of one batch on the backbone's device, `(batch, slots * hidden_size)`, float16."""
        layers = self.layers
        if isinstance(layers, PackedLayers):
            return layers(token_ids, segments)
        ids, lengths = pad(token_ids), torch.tensor([len(row) for row in token_ids])
        mask = torch.arange(ids.shape[1])[None, :] < lengths[:, None] if ids.shape[1] > int(lengths.min()) else None
        parts = (ids, mask, lengths, None if segments is None else pad(segments))
        on_device: Any = [None if part is None else to_device(part, self.device) for part in parts]
        return layers(*on_device)

    def _forward_in_memory(self, token_ids: list[list[int]], segments: list[list[int]] | None = None) -> torch.Tensor:
        """`_forward`, in two halves where the device's memory does not hold the whole; later batches are smaller."""
        with suppress(torch.OutOfMemoryError):
            return self._forward(token_ids, segments)
        # The failed pass's tensors went with its traceback.
        torch.cuda.empty_cache()
        self._max_tokens = max(1, self._max_tokens // 2)
        half = -(-len(token_ids) // 2)
        halves = [slice(None, half), slice(half, None)] if half < len(token_ids) else [slice(None)]
        try:
            return torch.cat([self._forward(token_ids[part], segments and segments[part]) for part in halves])
        except torch.OutOfMemoryError as error:
            raise ValueError(
                f"Backbone '{self.backbone.name}' runs out of memory on {self.device} with {half} text(s) of "
                f"{max(map(len, token_ids))} tokens. Free memory there, lower max_length or take a smaller backbone."
            ) from error


__all__ = ["BackboneEncoder", "resolve_dtype"]
