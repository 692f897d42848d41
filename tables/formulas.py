"""Cells that a spreadsheet would take for formulas."""

import re

# A spreadsheet takes a cell that begins with one of these for a formula.
FORMULA = re.compile(r"^\s*[=+\-@＝＋－＠]|^[\t\r\n]")


def harmless(value: str) -> str:
    """A text that a spreadsheet shows and does not run: an apostrophe goes before what would begin a formula."""
    return f"'{value}" if FORMULA.match(value) else value


__all__ = ["harmless"]
