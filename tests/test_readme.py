"""README does what it says: its length, its code blocks, its links and those of docs/."""

import ast
import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from checkout import ROOT, call, checkout
from tree import files, tree, written

from common.recipes import names

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# Lines of README's shell blocks that a test cannot run, and why.
NOT_RUN = {
    "make train": "sets up a virtual environment from PyPI; what it runs then is run here",
    "make test": "would run this test again",
    "hf auth login": "asks for a token",
    ".venv/bin/python -m hub_config.publish outputs/minilm-feelings --repo_id user/emotions --tag v1": (
        "needs an account; tests/hub/test_publishing.py publishes to a Hub on loopback"
    ),
    ".venv/bin/python app.py --model outputs/minilm-feelings": "serves until it is stopped; tests/app/ starts it",
}


def shell_lines(language: str = "bash") -> list[str]:
    blocks = [code for found, code in BLOCK.findall(README) if found == language]
    return [line for code in blocks for line in (line.partition("#")[0].strip() for line in code.splitlines()) if line]


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def test_readme_has_at_most_900_words():
    assert len(README.split()) <= 900


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {link}"


def test_readme_says_its_things_in_the_order_a_newcomer_needs_them():
    headings = re.findall(r"^## (.*)$", README, re.MULTILINE)
    assert headings == [
        "Two commands",
        "One example",
        "Your own CSV",
        "Recipes",
        "Results",
        "Limits and licences",
        "Publish",
        "Demo",
        "Where to read on",
        "Citing",
    ]


def test_readme_names_recipes_that_are_there():
    table = README.partition("## Recipes")[2].partition("## Results")[0]
    named = re.findall(r"^\| `(\w+)`", table, re.MULTILINE)
    assert "minilm" in named
    assert set(named) <= set(names())


def test_the_tree_in_the_docs_is_the_projects():
    assert len(files()) > 80
    assert written() == tree(), "run `python tests/tree.py`"


def test_every_file_of_the_tree_says_what_it_is():
    assert [line for line in tree().splitlines() if len(line.split()) < 2 and not line.endswith("/")] == []


def test_lines_that_are_not_run_are_in_readme():
    assert NOT_RUN.keys() <= set(shell_lines())


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory) -> Path:
    """A checkout with a feelings.csv of 300 sentences, and what `make train` trains."""
    folder = checkout(tmp_path_factory.mktemp("newcomer"))
    lines = (ROOT / "extraction" / "sample" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["labels"][0] in ("joy", "anger", "gratitude")]
    table = pd.DataFrame({"comment": row["text"], "feeling": row["labels"][0]} for row in rows[:300])
    table.to_csv(folder / "feelings.csv", index=False)
    return folder


@pytest.mark.slow
def test_readmes_python_gives_what_readme_says(newcomer):
    (command,) = re.findall(r"^train:.*\n\t\$\(BIN\)/python (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    done = call(newcomer, shlex.split(command))
    assert done.returncode == 0, done.stderr[-2000:]
    (code,) = [code for language, code in BLOCK.findall(README) if language == "python"]
    *statements, expression = ast.parse(code).body
    assert isinstance(expression, ast.Expr)
    promised = ast.literal_eval(code.rpartition("\n# ")[2])
    asked = f"{ast.unparse(ast.Module(statements, []))}\nprint(repr({ast.unparse(expression)}))"
    done = call(newcomer, ["-c", asked])
    assert done.returncode == 0, done.stderr[-2000:]
    answered = ast.literal_eval(done.stdout.strip().splitlines()[-1])
    # Another processor trains in another precision: scores move a little, and labels near their thresholds with them.
    assert answered[0]["label"] == promised[0]["label"]
    assert answered[0]["score"] == pytest.approx(promised[0]["score"], abs=0.1)


@pytest.mark.slow
def test_readmes_commands_run_one_after_the_other(newcomer):
    ran = []
    for line in shell_lines():
        if line not in NOT_RUN:
            program, *arguments = shlex.split(line)
            assert program == ".venv/bin/python", f"say in NOT_RUN why {line!r} is not run"
            done = call(newcomer, arguments)
            assert done.returncode == 0, f"{line}: {done.stderr[-2000:]}"
            ran.append((line, done.stdout))
    assert (newcomer / "outputs" / "minilm-feelings" / "model.safetensors").exists()
    assert [stdout for line, stdout in ran if line.endswith("--dry_run") and "nothing was sent" in stdout]
