"""Whether the Hub answers, and where a backbone's files are."""

import functools
import queue
import threading
from pathlib import Path

from huggingface_hub import constants, get_session

from .backbones import Backbone, is_gguf, package_folder, repository_of
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


__all__ = ["hub_is_reachable", "locate"]
