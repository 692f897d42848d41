"""What a model folder or a backbone may not do to whoever loads it: run code, leave its folder, fill the memory."""

import copy
import functools
import hashlib
import math
import os
import re
from pathlib import Path

import torch
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from safetensors import SafetensorError, safe_open
from torch import nn
from transformers import AutoModel, PreTrainedConfig

from .backbones import MAX_LAYERS, Backbone, is_gguf, package_folder
from .file_modes import check_readable

# Ids of the backbones whose own code may run for a model that was not trained by this process, separated by spaces.
TRUSTED_VARIABLE = "FUSION_TRUSTED_BACKBONES"
# The largest tokenizers are files of 40 MB.
LARGEST_TEXT_FILE = 200_000_000
# A quantised weight takes half a byte; what is small is not worth a refusal.
WEIGHTS_A_BYTE = 2
SMALL = 10_000_000


def is_hub_id(name: str, namespace: bool = True) -> bool:
    """Whether the Hub's client takes a name for the id of a repository.

    Args:
        name: Anything.
        namespace: Whether it has to be `user/name`; the Hub's oldest models have a name alone.
    """
    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return "/" in name or not namespace


def is_hub_backbone(model_id: str, namespace: bool = True) -> bool:
    """Whether a backbone is on the Hub: a repository, or a GGUF file in one, `user/name:model.gguf`.

    Args:
        model_id: A backbone's.
        namespace: See `is_hub_id`; a GGUF file's repository always has one.
    """
    if not is_gguf(model_id):
        return is_hub_id(model_id, namespace)
    repository, _, file = model_id.partition(":")
    return is_hub_id(repository) and re.fullmatch(r"\w[^:\\]*", file) is not None


def check_origin(backbone: Backbone, folder: str) -> None:
    """Refuse what the configuration of a published model may not ask of whoever loads it.

    Args:
        backbone: A backbone of that config.
        folder: Folder or Hub id of the model.

    Raises:
        ValueError: the backbone's own code is to run, which the loader has not asked for, or its files are outside of
            where they may be.
    """
    name, local = backbone.name, Path(folder).is_dir()
    source = folder if backbone.bundled else backbone.model_id
    if backbone.trust_remote_code and source not in os.environ.get(TRUSTED_VARIABLE, "").split():
        raise ValueError(
            f"The model '{folder}' asks to run code that its backbone '{name}' ('{source}') brings along, which is not "
            f"done unasked. Read that code, and set the environment variable {TRUSTED_VARIABLE}={source} if you trust "
            "it."
        )
    if backbone.bundled:
        root = Path(folder).resolve()
        if local and not (root / "backbones" / name).resolve().is_relative_to(root):
            raise ValueError(f"The bundled backbone '{name}' of '{folder}' is a link out of that folder: not followed.")
        return
    model_id = backbone.model_id
    outside = ".." in re.split(r"[/\\]", model_id) or model_id.startswith(("//", "\\\\"))
    if outside or not (local or is_hub_backbone(model_id, namespace=False)):
        raise ValueError(
            f"The backbone '{name}' of the model '{folder}' is '{model_id}': expected a Hub id, or for a model on this "
            "machine a full path. Paths that lead out of a model are not followed; its author can publish it with "
            "--bundle_backbones."
        )


@functools.cache
def check_packaged(backbone: Backbone, folder: str) -> None:
    """Compare the files of a backbone that an installed package carries with their known digests, once a process.

    Args:
        backbone: With the digests in `sha256`.
        folder: Where the backbone's files are.

    Raises:
        ValueError: a file is not the published one.
    """
    for name, known in (backbone.sha256 or {}).items():
        with (Path(folder) / name).open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != known:
            package = str(backbone.package).partition("/")[0]
            raise ValueError(
                f"'{Path(folder) / name}' is not the published file: its sha256 is {found}, expected {known}. Install "
                f"the package '{package}' again, from where you trust it."
            )


def check_architecture(config: PreTrainedConfig, location: str) -> None:
    """Refuse what is no stack of layers over one text.

    Args:
        config: A backbone's own configuration.
        location: Its folder or Hub id.

    Raises:
        ValueError: it is an encoder-decoder, or a model of several parts.
    """
    layers = all(type(getattr(config, name, None)) is int for name in ("hidden_size", "num_hidden_layers"))
    if config.is_encoder_decoder or not layers:
        raise ValueError(
            f"The backbone '{location}' is of the type '{config.model_type}', which is not one stack of layers over a "
            "text: expected an encoder such as BERT or RoBERTa, or a decoder such as Llama."
        )


def check_backbone(config: PreTrainedConfig, location: str, backbone: Backbone) -> None:
    """Refuse a backbone that asks for foreign code, for more memory than its files fill, or that was tampered with.

    Args:
        config: The backbone's own configuration.
        location: Its folder or Hub id. Only the files of a folder can be looked at before they are loaded.
        backbone: What the fusion model's config says of it.

    Raises:
        ValueError: says which of these it is.
        PermissionError: a file may not be read.
    """
    check_architecture(config, location)
    for kind in (config._attn_implementation, config._experts_implementation):
        if isinstance(kind, str) and "/" in kind:
            raise ValueError(f"The backbone '{location}' asks for the kernel '{kind}' from the Hub, which is not run.")
    depth = config.num_hidden_layers
    if not 0 <= depth <= MAX_LAYERS:
        raise ValueError(f"The backbone '{location}' has num_hidden_layers {depth!r}: expected 0 to {MAX_LAYERS}.")
    if not Path(location).is_dir():
        return
    if Path(location) == package_folder(backbone):
        check_packaged(backbone, location)
    sizes = {file: file.stat().st_size for file in Path(location).iterdir() if file.is_file()}
    check_readable(*sizes)
    for file, size in sizes.items():
        if file.suffix in (".json", ".txt", ".model") and size > LARGEST_TEXT_FILE:
            raise ValueError(
                f"'{file}' has {size:,} bytes: a backbone's configuration or tokenizer has at most "
                f"{LARGEST_TEXT_FILE:,}."
            )
    stored = sum(size for file, size in sizes.items() if file.suffix == ".safetensors")
    if not stored:
        raise ValueError(
            f"The backbone '{location}' has no weights in safetensors. Other formats are not read, as they could run "
            "code; convert them where you trust them, for instance with `save_pretrained`."
        )
    with torch.device("meta"):
        model = AutoModel.from_config(copy.deepcopy(config), trust_remote_code=backbone.trust_remote_code)
    described = sum(weight.numel() for weight in model.parameters())
    if described > WEIGHTS_A_BYTE * stored + SMALL:
        raise ValueError(
            f"The configuration of the backbone '{location}' describes {described:,} weights, but its files hold "
            f"{stored:,} bytes: one of them is damaged, or made to fill the memory. Nothing was loaded."
        )


def check_ids(token_ids: list[list[int]], vocabulary: int, location: str) -> None:
    """Refuse token ids that a backbone has no embedding for: its tokenizer is another model's.

    Args:
        token_ids: Ids of each text.
        vocabulary: Number of the backbone's embeddings.
        location: Its folder or Hub id.

    Raises:
        ValueError: names the first such id.
    """
    highest = max(map(max, token_ids), default=0)
    if highest >= vocabulary:
        raise ValueError(
            f"The tokenizer of the backbone '{location}' gives the id {highest:,}, and its model knows {vocabulary:,}: "
            "they do not belong together. Get both again from one source."
        )


def check_weights(file: str, model_class: type[nn.Module], config: PreTrainedConfig) -> None:
    """Compare a configuration with the header of the weights, before anything of their size is allocated.

    Args:
        file: The model's safetensors file.
        model_class: Built without memory, on the device "meta".
        config: What it is built from.

    Raises:
        PermissionError: the file may not be read.
        ValueError: the file is no safetensors file, or lacks a tensor of the shape that the configuration asks for.
    """
    check_readable(Path(file))  # safetensors says of such a file that it is not there
    try:
        with safe_open(file, framework="pt") as tensors:
            stored = {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"'{file}' cannot be read as safetensors ({error}). Weights are read in no other format, as another could "
            "run code; get the file again."
        ) from None
    with torch.device("meta"):
        needed = {name: tuple(x.shape) for name, x in model_class(copy.deepcopy(config)).state_dict().items()}
    wrong = [name for name, shape in needed.items() if stored.get(name) != shape]
    if wrong:
        name = wrong[0]
        numbers = sum(math.prod(needed[name]) for name in wrong)
        raise ValueError(
            f"The weights do not fit the configuration: '{name}' is {stored.get(name, 'missing')} in '{file}', and the "
            f"configuration asks for {needed[name]} ({len(wrong)} tensor(s) differ, {numbers:,} numbers). Nothing was "
            "loaded; get both files again from one source."
        )


__all__ = [
    "check_architecture",
    "check_backbone",
    "check_ids",
    "check_origin",
    "check_packaged",
    "check_weights",
    "is_hub_backbone",
    "is_hub_id",
]
