"""What Ray reads when it is imported and hands to the processes that it starts: quiet, offline, for one user alone."""

import os
import secrets
from pathlib import Path

# Where Ray keeps its token for clusters, unless RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH says otherwise.
TOKEN_FILE = Path(".ray") / "auth_token"


def prepare(address: str | None) -> None:
    """Set Ray's variables; what the user has set stays. Before `import ray`.

    Args:
        address: As in `labelling.engine.start`.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Its core tells of things that only its own developers can change.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if "RAY_AUTH_MODE" in os.environ:
        return
    if address is None:
        # Without a token anyone on this machine could have a local Ray run code; this one is forgotten with the run.
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    elif {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys() or (Path.home() / TOKEN_FILE).is_file():
        # `ray start` asks for the token as soon as there is one, and whoever joins without it waits for minutes.
        os.environ["RAY_AUTH_MODE"] = "token"
