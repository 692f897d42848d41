"""What is installed is what the lock says, and the lock says what the requirements ask for."""

import re
import warnings
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.campaigns.advisories import affects

ROOT = Path(__file__).parents[2]
# torch has a build for each kind of machine; the Makefile's tools live in an environment of their own.
UNLOCKED = {"torch"}
GROUPS = sorted(file for file in ROOT.glob("requirements*.txt") if file.name != "requirements-tools.txt")
LOCKS = sorted(ROOT.glob("requirements*.lock"))


def entries(lock: Path) -> list[tuple[Requirement, list[str]]]:
    """Each package of a lock with its hashes."""
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [
        (Requirement(line.split(" --hash")[0]), re.findall(r"--hash=sha256:([0-9a-f]{64})", line)) for line in lines
    ]


def pins(file: Path) -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda file: file.name)
def test_a_lock_pins_every_package_with_a_hash_and_names_no_server(lock):
    found = entries(lock)
    assert len(found) > 20
    for requirement, hashes in found:
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], requirement
        assert hashes, requirement
        assert not requirement.name.startswith(("torch", "nvidia-", "triton")), requirement
    assert not re.search(r"://|--index-url|--find-links", lock.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", GROUPS, ids=lambda file: file.name)
def test_every_requirement_is_pinned_and_locked_at_that_version(file):
    lock = ROOT / ("requirements.lock" if file.stem in ("requirements", "requirements-dev") else f"{file.stem}.lock")
    assert lock.is_file(), f"run `make lock`: {lock.name} is missing"
    locked = {canonicalize_name(requirement.name): requirement.specifier for requirement, _ in entries(lock)}
    for pin in pins(file):
        assert [specifier.operator for specifier in pin.specifier] == ["=="], pin
        if pin.name not in UNLOCKED:
            assert locked.get(canonicalize_name(pin.name)) == pin.specifier, f"run `make lock`: {pin}"


def test_this_environment_holds_the_locked_versions():
    wrong = []
    for requirement, _ in entries(ROOT / "requirements.lock"):
        if requirement.marker is None or requirement.marker.evaluate():
            found = version(requirement.name)
            wrong += [] if requirement.specifier.contains(found) else [f"{requirement} is {found}"]
    assert wrong == []


ADVISORY = {
    "affected": [
        {
            "package": {"name": "Some_Package", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1.2"}, {"fixed": "1.4"}, {"introduced": "2"}]}],
            "versions": ["0.9"],
        }
    ]
}


@pytest.mark.parametrize(
    ("number", "affected"),
    [("0.9", True), ("1.1", False), ("1.2", True), ("1.3.9", True), ("1.4", False), ("2.0", True), ("3.1", True)],
)
def test_an_advisory_is_matched_by_its_versions_and_ranges(number, affected):
    assert affects(ADVISORY, "some-package", Version(number)) is affected
    assert not affects(ADVISORY, "another", Version(number))


@pytest.mark.parametrize("module", ["fusion_model.encoder", "demo", "extraction.files", "train", "app", "label"])
def test_a_warning_from_our_own_code_is_an_error(module):
    with pytest.raises(FutureWarning):
        warnings.warn_explicit("old", FutureWarning, "file.py", 1, module=module)


@pytest.mark.filterwarnings("ignore::FutureWarning:(apple|demonstration)")
def test_a_warning_from_elsewhere_is_none():
    for module in ("apple", "demonstration"):
        warnings.warn_explicit("old", FutureWarning, "file.py", 1, module=module)
