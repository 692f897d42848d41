"""A token that is none, and the search for it."""

import mmap
from pathlib import Path

# In the form of the Hub's tokens.
CANARY = "hf_" + "CanaryThatMustNeverBeWritten" + "0123456789"


def files_with(token: str, folder: Path) -> list[Path]:
    """Files under a folder that hold a token."""
    found = []
    for file in folder.rglob("*"):
        if file.is_symlink() or not file.is_file() or not file.stat().st_size:
            continue
        with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content.find(token.encode()) >= 0:
                found.append(file)
    return found
