"""Writes requirements*.txt from pyproject.toml, for whoever installs with `pip install -r`: `make requirements`."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEADING = "# Written by `make requirements` from pyproject.toml, which says what each is for.\n"


def requirement_files(pyproject: str) -> dict[str, str]:
    """Each file's name and content.

    Args:
        pyproject: What pyproject.toml holds. An extra of this project that another one names becomes a `-r` line.
    """
    settings = tomllib.loads(pyproject)
    project = settings["project"]
    own = re.compile(rf"{re.escape(project['name'])}\[([\w,]+)\]")
    groups = {"requirements.txt": project["dependencies"]}
    for extra, needed in project["optional-dependencies"].items():
        groups[f"requirements-{extra}.txt"] = ["-r requirements.txt", *needed]
    for group, needed in settings["dependency-groups"].items():
        groups[f"requirements-{group}.txt"] = needed
    return {name: HEADING + "".join(_lines(one, own) for one in needed) for name, needed in groups.items()}


def _lines(requirement: str, own: re.Pattern) -> str:
    """A requirement's line of a requirements file; one for each of this project's extras that it names."""
    extras = own.fullmatch(requirement)
    return "".join(f"-r requirements-{extra}.txt\n" for extra in extras[1].split(",")) if extras else f"{requirement}\n"


if __name__ == "__main__":
    for name, content in requirement_files((ROOT / "pyproject.toml").read_text(encoding="utf-8")).items():
        (ROOT / name).write_text(content, encoding="utf-8")
