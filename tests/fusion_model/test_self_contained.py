"""DESIGN.md: fusion_model is flat and imports torch, transformers, huggingface_hub, safetensors, numpy and itself."""

import ast
import re
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "fusion_model"
# A command for whoever has this repository; a published model does without.
NOT_PUBLISHED = {"__init__", "explain_score"}
FILES = sorted(FOLDER.glob("*.py"))
ALLOWED = {"numpy", "torch", "transformers", "huggingface_hub", "safetensors"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_import_is_allowed_and_of_a_form_that_save_pretrained_copies(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        elif isinstance(node, ast.ImportFrom):
            # `from . import x` and sub-packages are not copied to the Hub.
            assert node.level == 1, ast.unparse(node)
            assert node.module, ast.unparse(node)
            assert (FOLDER / f"{node.module}.py").is_file(), ast.unparse(node)
            continue
        else:
            continue
        roots = {name.split(".")[0] for name in names}
        assert roots <= ALLOWED | set(sys.stdlib_module_names), ast.unparse(node)


def test_every_module_is_reached_from_the_three_entry_files():
    """What transformers copies: the files that configuration, model and pipeline import, directly or not."""
    imports = {
        file.stem: set(re.findall(r"^from \.(\w+) import", file.read_text(encoding="utf-8"), re.MULTILINE))
        for file in FILES
    }
    reached: set[str] = set()
    waiting = ["configuration_fusion", "modeling_fusion", "pipeline_fusion"]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += imports[name]
    assert reached == set(imports) - NOT_PUBLISHED


def test_the_folder_is_flat_and_its_files_short():
    assert [path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__"] == []
    assert {file.name: lines for file in FILES if (lines := len(file.read_text().splitlines())) > 300} == {}
