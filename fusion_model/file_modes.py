"""Who may read a file: written files have the umask's mode, and one that may not be read is said to be just that."""

import os
import secrets
import stat
from pathlib import Path

# What a program asks for when it creates a file; the umask takes its bits away.
ASKED_FOR = 0o666


def set_default_mode(*files: Path) -> None:
    """Give files the permissions that any new file in their folder has.

    safetensors and tempfile write for the own account alone, whatever the umask; others could not load such a model.

    Args:
        files: Files of this account, in folders that it may write in.
    """
    modes: dict[Path, int] = {}
    for file in files:
        if file.parent not in modes:
            # Asking for the umask changes it for all threads, and a folder can have a default of its own (ACL).
            probe = file.parent / f"unfinished-mode-{secrets.token_hex(8)}"
            try:
                os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, ASKED_FOR))
                modes[file.parent] = stat.S_IMODE(probe.stat().st_mode)
            finally:
                probe.unlink(missing_ok=True)
        file.chmod(modes[file.parent])


def check_readable(*files: Path) -> None:
    """Refuse files that are there and may not be read, before a library says that they are missing or damaged.

    Raises:
        PermissionError: names the first such file.
    """
    for file in files:
        try:
            file.open("rb").close()
        except PermissionError:
            raise PermissionError(
                f"'{file}' may not be read by this account (permission denied): its owner can allow it with "
                f"`chmod -R a+rX {file.parent}`."
            ) from None
        except OSError:
            continue  # missing, a folder: whoever reads it says so


__all__ = ["check_readable", "set_default_mode"]
