"""Known vulnerabilities of the pinned versions, from a copy of PyPA's advisory database: for want of a network.

git clone https://github.com/pypa/advisory-database
python -m tests.campaigns.advisories --database advisory-database
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([A-Za-z0-9][\w.-]*==[^\s;\\]+)", re.MULTILINE)


def pinned() -> set[tuple[str, Version]]:
    """Name and version of everything in the lock files, and of torch."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted(ROOT.glob("requirements*.lock")))
    text += "\n" + (ROOT / "requirements.txt").read_text(encoding="utf-8")
    found = (Requirement(pin) for pin in PIN.findall(text))
    return {(canonicalize_name(pin.name), Version(next(iter(pin.specifier)).version)) for pin in found}


def affects(advisory: dict, name: str, version: Version) -> bool:
    """Whether an advisory (OSV format) is about a version of a package."""
    for affected in advisory.get("affected", []):
        if canonicalize_name(affected["package"]["name"]) != name:
            continue
        if str(version) in affected.get("versions", []):
            return True
        for versions in affected.get("ranges", []):
            if versions["type"] == "ECOSYSTEM" and _inside(versions["events"], version):
                return True
    return False


def _inside(events: list[dict[str, str]], version: Version) -> bool:
    """Whether a version lies in a range of introduced and fixed ones."""
    inside = False
    for event in events:
        for kind, bound in event.items():
            try:
                reached = bound == "0" or Version(bound) <= version
            except InvalidVersion:
                continue
            if kind == "introduced" and reached:
                inside = True
            elif reached and (kind == "fixed" or (kind == "last_affected" and Version(bound) != version)):
                inside = False
    return inside


def advisories(database: Path, name: str) -> Iterator[dict]:
    """Those of a package that were not withdrawn."""
    for file in sorted((database / "vulns" / name).glob("*.yaml")):
        advisory = yaml.safe_load(file.read_text(encoding="utf-8"))
        if not advisory.get("withdrawn"):
            yield advisory


def main() -> int:
    """Print what was found; 1 if a pinned version is affected."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", type=Path, required=True, help="Folder with a clone of the database.")
    database = parser.parse_args().database
    if not (database / "vulns").is_dir():
        print(f"error: '{database}' has no folder 'vulns': expected a clone of the database.", file=sys.stderr)
        return 1
    looked_at, found, newest = 0, [], ""
    for name, version in sorted(pinned()):
        for advisory in advisories(database, name):
            looked_at, newest = looked_at + 1, max(newest, str(advisory["modified"]))
            if affects(advisory, name, version):
                found.append(f"{name} {version}: {advisory['id']} {advisory.get('details', '')[:100]!r}")
    print("\n".join(found))
    print(f"{len(pinned())} packages, {looked_at} advisories (newest {newest[:10]}), {len(found)} of a pinned version")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
