"""What Ray reads when it is imported and hands to the processes that it starts: quiet, offline, for one user alone."""

import logging
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Where Ray keeps its token for clusters, unless RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH says otherwise.
TOKEN_FILE = Path(".ray") / "auth_token"
# Where Ray looks for the folder of its sockets, in this order.
FOLDER_VARIABLES = ("RAY_TMPDIR", "TMPDIR")
# A socket's path has 107 bytes at most, and Ray's, with a folder of our own, adds 77.
LONGEST_FOLDER = 30

logger = logging.getLogger(__name__)


def prepare(address: str | None) -> None:
    """Set Ray's variables; what the user has set stays. Before `import ray`.

    Args:
        address: As in `labelling.engine.running`.
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


@contextmanager
def ray_folder() -> Iterator[str]:
    """A folder for a Ray of one's own, which ends with it: short, in ASCII, and this account's alone.

    It is made in RAY_TMPDIR or TMPDIR, and in /tmp where Ray could not start there; a warning then says why.

    Raises:
        OSError: there is no such place.
    """
    wrong: list[str] = []
    for name, place in [(name, os.environ.get(name)) for name in FOLDER_VARIABLES] + [(None, "/tmp")]:
        if place is None:
            continue
        flaw = _flaw(place)
        if flaw is None:
            for sentence in wrong:
                logger.warning(f"{sentence}: Ray's files are put in {place}.")
            with tempfile.TemporaryDirectory(prefix="ray-", dir=place, ignore_cleanup_errors=True) as folder:
                yield folder
            return
        wrong.append(f"{name or 'The folder'} is '{place}', where Ray cannot start, as {flaw}")
    raise OSError(
        f"{'; '.join(wrong)}. Set RAY_TMPDIR to a folder of up to {LONGEST_FOLDER} bytes, in ASCII, that this account "
        "may write in."
    )


def _flaw(place: str) -> str | None:
    """What keeps Ray from having its sockets in a folder: a clause, or None."""
    if not place:
        return "it is empty"
    if not place.isascii():
        return "a letter in it is not ASCII"
    if not Path(place).is_absolute():
        return "it is no full path"
    if len(place) > LONGEST_FOLDER:
        return f"it has {len(place)} bytes (up to {LONGEST_FOLDER} leave room for the names of sockets)"
    if not Path(place).is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return "it is no folder that this account may write in"
    return None
