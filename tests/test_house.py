"""Who may know whom, where import-linter does not look: private names, and the commands at the top."""

import ast
import tomllib
from pathlib import Path

import grimp
import pytest

from labelling.engine import PACKAGES as SENT_TO_WORKERS

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
PACKAGES = [name for name in SETTINGS["root_packages"] if name != "tests"]
COMMANDS = [ROOT / f"{name}.py" for name in ("train", "label", "app")]


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def defined(tree: ast.AST) -> set[str]:
    """Private names that code gives to functions, classes, variables and attributes."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            found.add(node.attr)
    return {name for name in found if private(name)}


def is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def used(tree: ast.AST) -> set[str]:
    """Private names that code takes from something else than itself."""
    found = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and not is_self(node.value)}
    found |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    return {name for name in found if private(name)}


def trees() -> dict[str, list[ast.AST]]:
    """Each package's code, and each command's."""
    files = {name: sorted((ROOT / name).rglob("*.py")) for name in PACKAGES}
    files |= {"campaigns": sorted((ROOT / "tests" / "campaigns").glob("*.py"))} | {c.stem: [c] for c in COMMANDS}
    return {name: [ast.parse(file.read_text(encoding="utf-8")) for file in found] for name, found in files.items()}


def borrowed(code: dict[str, list[ast.AST]]) -> list[tuple[str, str, str]]:
    """Who uses whose private name."""
    own = {name: set().union(*map(defined, found)) for name, found in code.items()}
    return [
        (user, owner, name)
        for user, found in code.items()
        for name in sorted(set().union(*map(used, found)) - own[user])
        for owner in code
        if name in own[owner]
    ]


def test_no_private_name_is_used_by_another_package():
    assert borrowed(trees()) == []


@pytest.mark.parametrize("code", ["from owner import _secret", "import owner\nowner._secret()", "x = thing._kept"])
def test_a_borrowed_name_is_found(code):
    owner = "class Thing:\n    def __init__(self):\n        self._kept = 1\n\ndef _secret():\n    return 2\n"
    found = borrowed({"owner": [ast.parse(owner)], "user": [ast.parse(code)]})
    assert [who[:2] for who in found] == [("user", "owner")]


def test_import_linter_looks_at_every_package():
    assert sorted(PACKAGES) == sorted(file.parent.name for file in ROOT.glob("[!.]*/__init__.py"))


def test_the_demo_s_command_imports_the_demo_alone_of_this_project():
    imported = set()
    for node in ast.walk(ast.parse((ROOT / "app.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).split(".")[0])
        elif isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
    assert imported & {*PACKAGES, "train", "label", "tests"} <= {"demo", "tables"}
    assert "demo" in imported


def test_a_cluster_s_workers_are_sent_every_package_that_labelling_imports():
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    command = "labelling.cascade"  # on the machine where one asks for it alone
    assert not graph.find_modules_that_directly_import(command)
    needed = {"labelling"}
    for module in graph.find_descendants("labelling") - {command}:
        needed |= {upstream.split(".")[0] for upstream in graph.find_upstream_modules(module)}
    assert needed == set(SENT_TO_WORKERS)
