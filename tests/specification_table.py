"""Writes the table of docs/specification.md from the marks of the tests: `python tests/specification_table.py`.

A test that shows a line of the design document says so: `@pytest.mark.specification("2.3", "line", "command", "API")`.
The number is the section, then the line's place in it; a section's own line has no place.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from support.marks import marked

PAGE = Path(__file__).parents[1] / "docs/specification.md"
SECTIONS = {
    "1": "**1 Architecture**", "2": "**2 Classes**", "3": "**3 `CPVConfig`**", "5": "**5 Decisions**",
    "6": "**6 Keywords**",
}  # fmt: skip
"""The sections that no single test shows."""
HEAD = "| specification | command | Python | test |\n|---|---|---|---|\n"


class Row(NamedTuple):
    """A line of the design document."""

    number: str
    line: str
    command: str = ""
    python: str = ""
    test: str = ""

    @property
    def place(self) -> tuple[int, ...]:
        """Where it belongs in the table."""
        return tuple(int(part) for part in self.number.split("."))

    def __str__(self) -> str:
        return f"| {self.line} | {self.command} | {self.python} | {f'`{self.test}`' if self.test else ''} |\n"


def rows() -> list[Row]:
    """All lines, in the document's order. `ValueError` for a number that two lines have."""
    shown = [Row(*mark.values, test=mark.test) for mark in marked("specification")]
    found = sorted([*shown, *(Row(*item) for item in SECTIONS.items())], key=lambda row: row.place)
    twice = {row.number for row in found if sum(other.number == row.number for other in found) > 1}
    if twice:
        raise ValueError(f"two lines have the number {min(twice)}")
    return found


def page() -> str:
    """The page with the table as the tests have it."""
    old = PAGE.read_text(encoding="utf-8")
    before, after = old.split(HEAD)[0], re.split(r"\n\n", old.split(HEAD)[1], maxsplit=1)[1]
    return f"{before}{HEAD}{''.join(map(str, rows()))}\n{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
