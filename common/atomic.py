"""Files that are whole or not there, checksums that tell, locks that die with their process."""

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xxhash
from filelock import FileLock, Timeout

from fusion_model.file_modes import check_readable, set_default_mode

# Disk full, quota used up, file larger than the account may write.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What torch.save says in place of an error number, when a file could not be written to its end.
TORCH_COULD_NOT_WRITE = ("PytorchStreamWriter failed writing", "unexpected pos", "iostream error")
NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)
MANIFEST = "manifest.json"
READ_BYTES = 1 << 20


class DiskFullError(OSError):
    """There is no room for a file; the message says where, and what is kept."""


def checksum(file: Path) -> str:
    """XXH3 of a file's content, 128 bits in hexadecimal: against accidents, not against forgers.

    Read rather than memory-mapped: a disk that fails then gives an OSError, not a SIGBUS.
    """
    state = xxhash.xxh3_128()
    with open(file, "rb", buffering=0) as stream:
        while block := stream.read(READ_BYTES):
            state.update(block)
    return state.hexdigest()


def sync(path: Path) -> None:
    """Have a file's content, or a folder's list of names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot sync a folder
            raise
    finally:
        os.close(descriptor)


def put(aside: Path, place: Path) -> None:
    """Move a finished file or folder to its place, in one step and for good.

    Args:
        aside: What was written, on the same file system; a folder's files must be synced already (see `seal`).
        place: A file is replaced; a folder must not be there.
    """
    sync(aside)
    os.replace(aside, place)
    sync(place.parent)


def write_json(file: Path, content: Any, aside: Path | None = None) -> None:
    """Write a JSON file that is never seen half-written.

    Args:
        file: Its name.
        content: What JSON can hold.
        aside: Folder on the same file system to write it in first, the file's own if left out. A process that is killed
            at this moment leaves the unfinished file behind there.
    """
    # Not one of tempfile's, which nobody else may read.
    written = (aside or file.parent) / f"unfinished-{file.name}-{secrets.token_hex(8)}"
    try:
        with written.open("x", encoding="utf-8") as stream:
            stream.write(json.dumps(content, indent=1, sort_keys=True) + "\n")
        put(written, file)
    except BaseException:
        written.unlink(missing_ok=True)
        raise


def record(file: Path) -> dict[str, Any]:
    """Size and checksum of a file as they are now, to compare with `altered` later."""
    return {"bytes": file.stat().st_size, "xxh3_128": checksum(file)}


def altered(file: Path, recorded: dict[str, Any]) -> str | None:
    """How a file differs from its record.

    Args:
        file: A file that should be as it was written.
        recorded: What `record` gave then.

    Returns:
        A clause that says what is wrong, or None.
    """
    try:
        size = file.stat().st_size
        if size != recorded.get("bytes"):
            return f"it has {size:,} bytes where {recorded.get('bytes', 0):,} were written"
        if checksum(file) != recorded.get("xxh3_128"):
            return "its content is not what was written (checksum)"
    except FileNotFoundError:
        return "it is not there"
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    return None


def seal(folder: Path) -> None:
    """Sync every file of a folder and write their checksums; a folder without this manifest is unfinished.

    The files get the mode that the umask gives, also where a library wrote them for this account alone.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != MANIFEST)
    set_default_mode(*files)
    for file in files:
        sync(file)
    write_json(folder / MANIFEST, {str(file.relative_to(folder)): record(file) for file in files})


def broken_seal(folder: Path) -> str | None:
    """What is wrong with a folder that was sealed: a clause that names the file, or None.

    Raises:
        PermissionError: its manifest may not be read; it may well be whole.
    """
    check_readable(folder / MANIFEST)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = list(manifest.items())
    except FileNotFoundError:
        return "it is unfinished"
    except (OSError, ValueError, AttributeError):
        return f"its {MANIFEST} cannot be read"
    for name, recorded in files:
        wrong = altered(folder / name, recorded) if isinstance(recorded, dict) else "it has no record"
        if wrong is not None:
            return f"of its file {name}, {wrong}"
    return None


@contextmanager
def try_lock(file: Path) -> Iterator[bool]:
    """Hold a lock if nobody else does; it ends with its process, however that ends.

    Args:
        file: The lock's file; it stays, empty, for others to lock.

    Yields:
        Whether the lock is held.

    Raises:
        PermissionError: the lock is another account's, or the folder is.
        OSError: the file system has no locks.
    """
    lock = FileLock(file, timeout=0, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    except PermissionError:
        raise PermissionError(
            f"'{file}' may not be written by this account (permission denied), as another account made it or its "
            f"folder. Its owner can allow it with `chmod -R a+rwX {file.parent}` (g+rwX for a group), or give a "
            "--cache_dir or --output_dir of your own."
        ) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        raise OSError(
            f"The file system of {file.parent} has no locks (flock: {os.strerror(error.errno)}), so that several runs "
            "could spoil each other's files. Give a --cache_dir or --output_dir on another file system."
        ) from None
    try:
        yield True
    finally:
        lock.release()


def make_cache_folder(folder: Path) -> None:
    """Make a folder of the cache, if it is missing.

    Raises:
        OSError: this account may not, or the place is none for folders; the message names `--cache_dir`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in FULL:
            raise
        raise OSError(
            f"The cache folder '{folder}' cannot be made ({error.strerror}). Give a --cache_dir that this account may "
            "write in, or set HF_HOME to such a folder."
        ) from None


@contextmanager
def room(folder: Path, kept: str) -> Iterator[None]:
    """Say in a sentence that a disk is full, whatever library was writing.

    Args:
        folder: Where is written.
        kept: A sentence on what is kept and how to go on.

    Raises:
        DiskFullError: the disk is full, or the quota or the largest file size reached.
    """
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        if not _is_full(error):
            raise
        # What was half-written is gone by now, so that the free space is what a next run will find.
        free = shutil.disk_usage(folder if folder.exists() else folder.parent).free / 1e6
        raise DiskFullError(
            f"No room to write in {folder}: the disk (or the account's quota or largest file size) is full; "
            f"{free:,.0f} MB are free now. {kept}"
        ) from error


def _is_full(error: BaseException) -> bool:
    """Whether an error, or what it hides, means a full disk; torch and Rust's libraries say it in words only."""
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    words = *(f"(os error {number})" for number in FULL), *TORCH_COULD_NOT_WRITE
    if any(said in str(error) for said in words):
        return True
    # A library that cleans up after a failed write fails again there.
    return error.__context__ is not None and _is_full(error.__context__)


__all__ = [
    "DiskFullError",
    "altered",
    "broken_seal",
    "checksum",
    "make_cache_folder",
    "put",
    "record",
    "room",
    "seal",
    "sync",
    "try_lock",
    "write_json",
]
