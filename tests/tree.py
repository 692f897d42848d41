"""The annotated tree in docs/architecture.md, made of the first line of each file's docstring.

python tests/tree.py    # writes it again after a file was added, renamed or described anew
"""

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- tree: python tests/tree.py -->\n```\n", "```\n<!-- end of tree -->"


def described(file: Path) -> str:
    """The first line of a file's docstring, without its full stop."""
    line = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n\n")[0]
    return " ".join(line.split()).removesuffix(".")


def files() -> list[str]:
    """The project's Python files, as git knows them, without tests, in the tree's order."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    names = [name for name in set(listed) if (ROOT / name).is_file() and not name.startswith("tests/")]
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
