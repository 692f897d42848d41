"""`pip install .` gives commands and all the files that they read; requirements*.txt say what pyproject.toml says."""

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = (".yaml", ".jsonl", ".csv", ".jinja", ".html", ".css", "card_template.md")
COMMANDS = ["fusion-train", "fusion-extract", "fusion-label", "fusion-publish", "fusion-export", "fusion-app"]


def requirement_files() -> dict[str, str]:
    found = importlib.util.spec_from_file_location("requirements", ROOT / ".ci" / "requirements.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.requirement_files((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.splitlines() if (ROOT / name).is_file()]


def test_requirement_files_are_what_pyproject_asks_for():
    written = {file.name: file.read_text(encoding="utf-8") for file in ROOT.glob("requirements*.txt")}
    assert written == requirement_files(), "run `make requirements`"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel, built from a copy: a build leaves files behind."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in tracked():
        (folder / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "copy" / name).write_bytes((ROOT / name).read_bytes())
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        str(folder),
    ]
    done = subprocess.run([*command, str(folder / "copy")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel) -> Path:
    """The wheel alone, in a folder; what it needs comes from this environment."""
    folder = wheel.parent / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(folder)]
    subprocess.run([*command, str(wheel)], check=True, capture_output=True)
    return folder


def call(installed: Path, *command: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=installed.parent, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_a_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel):
    packages = {Path(name).parts[0] for name in zipfile.ZipFile(wheel).namelist() if "/" in name}
    packages = {name for name in packages if not name.endswith(".dist-info")}
    assert {"fusion_model", "common", "extraction", "training", "hub_config", "labelling", "demo"} <= packages
    assert not packages & {"tests", "benchmarks", "notebooks", "docs"}
    files = [name for name in tracked() if Path(name).parts[0] in packages and name.endswith((".py", *DATA))]
    assert set(files) - set(zipfile.ZipFile(wheel).namelist()) == set()


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_an_installed_command_explains_itself(installed, command):
    done = call(installed, sys.executable, str(installed / "bin" / command), "--help")
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


@pytest.mark.slow
def test_what_is_installed_reads_its_recipes_sample_and_pins(installed):
    code = (
        "import json, common.recipes, extraction.sources, hub_config.space.build as space, hub_config.card as card\n"
        "recipe = common.recipes.load_recipe('minilm')\n"
        "rows = extraction.sources.load_source('sample')['validation'].num_rows\n"
        "found = [common.recipes.__file__, recipe.backbones[0].name, rows, space.pins(), card.TEMPLATE.is_file()]\n"
        "print(json.dumps(found))"
    )
    done = call(installed, sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    file, backbone, rows, pins, template = json.loads(done.stdout.splitlines()[-1])
    assert Path(file).is_relative_to(installed)
    assert (backbone, rows, template) == ("minilm", 1425, True)
    lines = [line for name in ("", "-mcp") for line in (ROOT / f"requirements{name}.txt").read_text().splitlines()]
    asked_for = dict(line.split("==") for line in lines if "==" in line)
    assert pins == asked_for
