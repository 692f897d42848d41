"""CONTRIBUTING's walks are applied to a copy of the project: one file and one test each, which passes."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from checkout import ROOT, call

GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WALKS = dict(re.findall(r"^## (An? .*?)\n(.*?)(?=^## |\Z)", GUIDE, re.DOTALL | re.MULTILINE))
CHANGE = re.compile(r"^`([^`\n]+)`\n\n```diff\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of every file that git keeps."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    return tmp_path


def apply(change: str, content: str) -> str:
    """A file's content after a diff; hunks are separated by @@ and found by their text, one without any is appended."""
    for hunk in re.split(r"^@@\n", change, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] != "+")
        after = "".join(line[1:] for line in lines if line[0] != "-")
        if before:
            assert content.count(before) == 1, f"not found once:\n{before}"
        content = content.replace(before, after) if before else content + after
    return content


def test_the_guide_walks_through_what_is_usually_added():
    expected = ["A pooling", "A loss", "A label layout", "A recipe", "A packaged backbone", "A metric"]
    assert list(WALKS) == expected


@pytest.mark.slow
@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_changes_one_file_and_one_test_and_passes_it(walk, project):
    if walk == "A label layout" and not (ROOT / "extraction" / "layouts").exists():
        pytest.skip("extraction/layouts/ is not there")
    changes = CHANGE.findall(WALKS[walk])
    files = [name for name, _ in changes]
    # A layout's file is named in the list of layouts, too.
    assert len(set(files)) == len(files) == (3 if walk == "A label layout" else 2)
    assert [name for name in files if name.startswith("tests/")] == files[-1:]
    for name, change in changes:
        file = project / name
        file.write_text(apply(change, file.read_text(encoding="utf-8") if file.exists() else ""), encoding="utf-8")
    (commands,) = re.findall(r"^```bash\n(.*?)^```$", WALKS[walk], re.DOTALL | re.MULTILINE)
    program, *arguments = shlex.split(commands)
    assert program == "python"
    done = call(project, [*arguments, "-q", "-p", "no:cacheprovider"])
    assert done.returncode == 0, done.stdout[-3000:]
    code = [name for name in files if name.endswith(".py")]
    for check in (["check"], ["format", "--check"]):
        checked = call(project, ["-m", "ruff", *check, *code])
        assert checked.returncode == 0, checked.stdout
