"""What a newcomer's shell sees: the project's files in a folder whose outputs are its own, and nothing to download."""

import subprocess
import sys
from pathlib import Path

from hub.clients import environment

ROOT = Path(__file__).parents[1]
NOBODY = "http://127.0.0.1:1"


def checkout(folder: Path) -> Path:
    """A folder that holds links to everything that is kept in git."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in sorted({line.partition("/")[0] for line in listed.splitlines()}):
        (folder / name).symlink_to(ROOT / name)
    return folder


def call(folder: Path, arguments: list[str], timeout: int = 600) -> subprocess.CompletedProcess:
    """Run Python with these arguments in a checkout; no Hub is reachable."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(folder / "home", NOBODY, None),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
