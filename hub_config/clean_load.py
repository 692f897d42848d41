"""Loads a model as a stranger does and prints its scores: run in a process of its own.

python -I clean_load.py MODEL [REVISION] [CACHE_DIR]
"""

import json
import sys
from typing import Any

# Long and short, empty, many scripts: what differs after a round trip differs here.
TEXTS = [
    "You did what?! I am so proud of you!",
    "I can't believe they cancelled it again. Great, just great.",
    "Thank you so much, this made my whole week.",
    "ok",
    "Ich habe Angst 😨 and I don't know why …",
]


def main(model_id: str, revision: str | None = None, cache_dir: str | None = None) -> None:
    """Print `{"scores": [{label: score}, ...], "commit": ...}` as one JSON line.

    Args:
        model_id: A folder or Hub id.
        revision: Of the Hub id.
        cache_dir: Where the Hub's files are kept, in place of the usual cache.
    """
    from transformers import AutoModel, pipeline

    cached = {"cache_dir": cache_dir} if cache_dir else {}
    model = AutoModel.from_pretrained(model_id, revision=revision, trust_remote_code=True, **cached)
    classify: Any = pipeline(
        "text-classification", model=model_id, revision=revision, trust_remote_code=True, model_kwargs=cached
    )
    if type(model).__name__ != type(classify.model).__name__:
        raise TypeError(f"AutoModel gives {type(model).__name__}, the pipeline {type(classify.model).__name__}.")
    scores = [{entry["label"]: entry["score"] for entry in ranked} for ranked in classify(TEXTS, top_k=None)]
    sys.stdout.write(json.dumps({"scores": scores, "commit": getattr(model.config, "_commit_hash", None)}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
