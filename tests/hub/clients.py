"""The shell of a client process, and what it answered."""

import json
import os
import subprocess
from pathlib import Path


def environment(home: Path, endpoint: str, token: str | None) -> dict[str, str]:
    """What a user's shell would hold: nothing of this process's own Hub settings, and no proxy on loopback."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING")) and "proxy" not in k.lower()}
    return {
        **kept,
        "HF_HOME": str(home),
        "HF_ENDPOINT": endpoint,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
        "NO_COLOR": "1",
        "COLUMNS": "300",
    } | ({"HF_TOKEN": token} if token else {})


def answer(run: subprocess.CompletedProcess) -> dict:
    """The JSON on the last line of a client's output; its error output if it failed."""
    assert run.returncode == 0, run.stdout[-1500:] + run.stderr[-3000:]
    return json.loads(run.stdout.strip().splitlines()[-1])
