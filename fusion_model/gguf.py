"""GGUF files as backbones: configuration, tokenizer and weights out of one file, dequantised by transformers."""

import copy
import functools
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedConfig, PreTrainedModel
from transformers.utils import cached_file
from transformers.utils.quantization_config import GgufConfig

from .backbones import is_gguf, repository_of
from .file_modes import check_readable

logger = logging.getLogger(__name__)

# The package that transformers reads most architectures with, at the version of the extra `gguf`.
PACKAGE = "gguf==0.19.0"
# The smallest quantised weights take 1.56 bits.
WEIGHTS_A_BYTE = 6
SMALL = 10_000_000
HUB_OPTIONS = ("cache_dir", "local_files_only", "proxies", "revision", "token")


class GgufError(ValueError):
    """A GGUF file cannot be read; the message says why and what can be done."""


def from_pretrained(auto_class, location: str, **options):
    """Load a part of a backbone, from a GGUF file if that is what its location names.

    Of a GGUF file's folder or repository nothing else is read: neither a configuration nor a tokenizer beside it, and
    no code. Its weights become plain tensors, as kernels from the Hub, which would read them packed, are not run.

    Args:
        auto_class: `AutoConfig`, `AutoTokenizer` or `AutoModel`.
        location: Folder or Hub id, `path/model.gguf`, or `user/name:model.gguf` on the Hub.
        options: Of `auto_class.from_pretrained`.

    Returns:
        What `auto_class.from_pretrained` gives.

    Raises:
        GgufError: the file is of an architecture that transformers cannot dequantise, or damaged, or the package `gguf`
            is missing.
        OSError: there is no such file.
    """
    if not is_gguf(location):
        return auto_class.from_pretrained(location, **options)
    file = find(location, options)
    with _explained(file), tempfile.TemporaryDirectory() as nothing_else:
        if auto_class is AutoTokenizer:
            return AutoTokenizer.from_pretrained(nothing_else, gguf_file=file, local_files_only=True)
        stat = os.stat(file)
        config = copy.deepcopy(_read_config(file, stat.st_size, stat.st_mtime_ns))
        if auto_class is AutoConfig:
            return config
        check_size(file, config)
        model, loading = AutoModel.from_pretrained(
            nothing_else,
            config=config,
            gguf_file=file,
            dtype=options["dtype"],
            quantization_config=GgufConfig(dequantize=True),
            output_loading_info=True,
            local_files_only=True,
        )
    return _checked(model, loading["missing_keys"], file)


def find(location: str, options: dict) -> str:
    """Full path of a GGUF file, downloaded if it is on the Hub and not in its cache.

    Args:
        location: `path/model.gguf`, or `user/name:model.gguf`.
        options: For the Hub, such as `revision` and `token`.

    Raises:
        OSError: there is no such file, or the Hub refuses it.
    """
    repository = repository_of(location)
    if repository != location:
        hub = {key: options[key] for key in HUB_OPTIONS if key in options}
        return str(cached_file(repository, location[len(repository) + 1 :], **hub))
    check_readable(Path(location))
    if not Path(location).is_file():
        raise OSError(
            f"There is no file '{location}': expected a GGUF file as path/model.gguf, or as user/name:model.gguf on "
            "the Hub."
        )
    return str(Path(location).resolve())


def check_size(file: str, config: PreTrainedConfig) -> None:
    """Refuse a file whose configuration describes more weights than can be in it, before memory is taken for them.

    Raises:
        ValueError: names both numbers.
    """
    with torch.device("meta"):
        described = sum(weight.numel() for weight in AutoModel.from_config(copy.deepcopy(config)).parameters())
    stored = os.path.getsize(file)
    if described > WEIGHTS_A_BYTE * stored + SMALL:
        raise ValueError(f"its configuration describes {described:,} weights, and it holds {stored:,} bytes")


def refuse_saving(location: str) -> None:
    """Refuse to write a backbone that was read from a GGUF file.

    Raises:
        ValueError: says what to do in its place.
    """
    if is_gguf(location):
        raise ValueError(
            f"The backbone '{location}' is a GGUF file. transformers does not save what was read from one, so that it "
            "can be neither bundled (--bundle_backbones) nor fine-tuned. Leave that out. For a model that others can "
            "load, name the file on the Hub, as user/name:model.gguf."
        )


@functools.cache
def _read_config(file: str, size: int, changed: int) -> PreTrainedConfig:
    """A file's configuration; that of half a gigabyte takes ten seconds, as its whole vocabulary is read along."""
    with tempfile.TemporaryDirectory() as nothing_else:
        return AutoConfig.from_pretrained(nothing_else, gguf_file=file, local_files_only=True)


def _checked(model: PreTrainedModel, missing: list[str], file: str) -> PreTrainedModel:
    """A loaded model, if no weight is left as it was initialised; what it takes of memory is logged."""
    if missing:
        raise GgufError(
            f"The GGUF file '{file}' lacks {len(missing):,} of the weights, such as '{sorted(missing)[0]}'. Get it "
            "again, or take the model's own repository, with safetensors, as model_id."
        )
    weights = sum(weight.numel() for weight in model.parameters())
    memory = sum(weight.numel() * weight.itemsize for weight in model.parameters()) / 1e6
    logger.info(
        f"'{Path(file).name}' ({os.path.getsize(file) / 1e6:,.0f} MB) was dequantised: {weights:,} weights in "
        f"{str(model.dtype).removeprefix('torch.')}, {memory:,.0f} MB of memory"
    )
    return model


@contextmanager
def _explained(file: str) -> Iterator[None]:
    """What transformers says of a file that it cannot read, as a sentence with what to do."""
    try:
        yield
    except ImportError:
        raise GgufError(
            f"'{file}' is a GGUF file, for which transformers needs the package gguf: `pip install {PACKAGE}`."
        ) from None
    except Exception as error:  # of a damaged file struct, tokenizers and others say what they like
        from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

        known = sorted({*GGUF_SUPPORTED_ARCHITECTURES} - {"general", "tokenizer"})
        raise GgufError(
            f"The GGUF file '{file}' cannot be read: {' '.join(str(error).split())[:200] or type(error).__name__}. "
            f"transformers dequantises {', '.join(known)}. If it is one of these the file is damaged: get it again. If "
            "not, take the model's own repository, with safetensors, as model_id."
        ) from error


__all__ = ["PACKAGE", "GgufError", "find", "from_pretrained", "refuse_saving"]
