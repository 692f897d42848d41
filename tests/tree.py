"""The annotated tree in docs/architecture.md, made of what each file says of itself.

python tests/tree.py    # writes it again after a file was added, renamed or described anew
"""

import ast
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- tree: python tests/tree.py -->\n```\n", "```\n<!-- end of tree -->"
# Their names say what they are, or a folder's line does.
NOT_LISTED = ("tests/", "docs/", ".ci/", "demo/templates/", "extraction/sample/", "requirements", ".git", "notebooks/")
KINDS = {".py": "python", ".yaml": "recipe"}


def described(file: Path) -> str:
    """The first line that a Python file's docstring or a recipe's description has, without its full stop."""
    content = file.read_text(encoding="utf-8")
    if file.suffix == ".yaml":
        line = yaml.safe_load(content).get("description") or ""
    else:
        line = (ast.get_docstring(ast.parse(content)) or "").partition("\n\n")[0]
    return " ".join(line.split()).removesuffix(".")


def files() -> list[str]:
    """The project's files, as git knows them, in the tree's order."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    names = [name for name in sorted(set(listed.stdout.splitlines())) if (ROOT / name).is_file()]
    names = [name for name in names if Path(name).suffix in KINDS and not name.startswith(NOT_LISTED)]
    return sorted(names, key=lambda name: ("/" in name, name.rsplit("/", 1)))


def tree() -> str:
    """One line for each file, under its folder."""
    lines, folder = [], ""
    for name in files():
        if name.endswith("__init__.py"):
            continue
        inside, _, last = name.rpartition("/")
        if inside != folder:
            start = ROOT / inside / "__init__.py"
            lines.append(f"{inside + '/':<28} {described(start) if start.exists() else ''}".rstrip())
            folder = inside
        lines.append(f"{'  ' * bool(inside) + last:<28} {described(ROOT / name)}".rstrip())
    return "\n".join(lines) + "\n"


def written() -> str:
    """The tree as it stands in the page."""
    return PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + tree() + END + rest.partition(END)[2], encoding="utf-8")
