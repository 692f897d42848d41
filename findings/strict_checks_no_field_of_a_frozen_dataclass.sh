#!/usr/bin/env bash
# What: huggingface_hub's @strict checks the types of a dataclass's fields, but of one that is frozen it checks none, and
#   says nothing: an integer where a name belongs, or a value outside of a Literal, is taken.
# Why it matters: configs of text classifiers are such dataclasses. A frozen one that looks checked lets a misread config
#   (a label count that is True, a dtype of the wrong spelling) through to training.
# Instead: check the fields of a frozen dataclass in __post_init__, or leave frozen out and keep @strict.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check huggingface_hub==2.4.0
"$folder/venv/bin/python" - <<'PY'
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from huggingface_hub.dataclasses import strict


def declare(frozen: bool):
    @strict
    @dataclass(frozen=frozen, kw_only=True)
    class Config:
        name: str = "emotions"
        num_labels: int = 28
        dtype: Literal["float32", "bfloat16"] = "float32"

    return Config


def refused(cls, **values) -> bool:
    try:
        cls(**values)
    except Exception:
        return True
    return False


wrong = [{"name": 5}, {"num_labels": "28"}, {"dtype": "float23"}]
plain = [refused(declare(False), **values) for values in wrong]
frozen = [refused(declare(True), **values) for values in wrong]
print(f"huggingface_hub {version('huggingface_hub')}")
print("expected: a wrong field is refused whether the dataclass is frozen or not")
print(f"seen: refused {plain} where it is not frozen, {frozen} where it is")
assert plain == [True] * 3, "the plain dataclass is not checked either"
assert frozen == [False] * 3, "a frozen dataclass is checked now: this finding is out of date"
PY
