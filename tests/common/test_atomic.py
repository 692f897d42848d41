"""Seals that tell whether a folder is whole, files that are never half there, locks, full disks."""

import errno
import fcntl
import json
from pathlib import Path

import pytest
import torch

from common.atomic import DiskFullError, broken_seal, put, room, seal, try_lock, write_json


@pytest.fixture
def sealed(tmp_path):
    folder = tmp_path / "sealed"
    (folder / "deeper").mkdir(parents=True)
    (folder / "weights").write_bytes(bytes(range(256)) * 9000)
    (folder / "deeper" / "state").write_text("{}")
    seal(folder)
    return folder


def test_a_sealed_folder_is_whole(sealed):
    assert broken_seal(sealed) is None


def test_a_folder_without_a_seal_is_unfinished(sealed):
    (sealed / "manifest.json").unlink()
    assert broken_seal(sealed) == "it is unfinished"


@pytest.mark.parametrize("place", [0, 1_048_576, 2_303_999])
def test_one_flipped_bit_is_seen_and_the_file_named(sealed, place):
    content = bytearray((sealed / "weights").read_bytes())
    content[place] ^= 1
    (sealed / "weights").write_bytes(content)
    assert broken_seal(sealed) == "of its file weights, its content is not what was written (checksum)"


def test_a_cut_and_a_deleted_file_are_named(sealed):
    (sealed / "weights").write_bytes(b"x" * 100)
    assert broken_seal(sealed) == "of its file weights, it has 100 bytes where 2,304,000 were written"
    (sealed / "weights").unlink()
    assert broken_seal(sealed) == "of its file weights, it is not there"


@pytest.mark.parametrize("manifest", ["", "[1, 2]", "\x00", '{"weights": 3}'])
def test_a_damaged_seal_is_no_seal(sealed, manifest):
    (sealed / "manifest.json").write_text(manifest)
    assert broken_seal(sealed) is not None


def test_json_that_cannot_be_written_leaves_the_file_as_it_was(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"a": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_a_finished_folder_moves_in_one_step(sealed, tmp_path):
    put(sealed, tmp_path / "place")
    assert broken_seal(tmp_path / "place") is None
    assert not sealed.exists()


def test_a_lock_is_held_once(tmp_path):
    with try_lock(tmp_path / "lock") as first, try_lock(tmp_path / "lock") as second:
        assert (first, second) == (True, False)
    with try_lock(tmp_path / "lock") as again:
        assert again


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match=r"has no locks .* another file system\."), try_lock(tmp_path / "lock"):
        pass


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
    ids=["disk", "quota", "in words"],
)
def test_a_full_disk_is_a_sentence_that_says_where_and_what_is_kept(tmp_path, error):
    said = rf"No room to write in {tmp_path}: .* MB are free now\. All is kept\."
    with pytest.raises(DiskFullError, match=said), room(tmp_path, "All is kept."):
        raise error


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_disk_that_fills_up_in_torch_save_is_the_same_sentence(tmp_path, size):
    with pytest.raises(DiskFullError, match=r"All is kept\."), room(tmp_path, "All is kept."):
        torch.save({"weights": torch.zeros(size)}, "/dev/full")


def test_another_error_stays_what_it_is(tmp_path):
    with pytest.raises(PermissionError), room(tmp_path, "All is kept."):
        raise PermissionError(errno.EACCES, "Permission denied")
