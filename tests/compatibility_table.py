"""Writes docs/compatibility.md from the marks of the tests and, where a run's results are given, from what passed.

    python tests/compatibility_table.py                # every test counts as passed
    python tests/compatibility_table.py RESULTS.xml    # of `pytest --junitxml=RESULTS.xml`

With results the page is printed instead, and each row whose tests did not all pass says so; the exit status is 1 where
that differs from the page in the tree. CI runs it on the results of its own tests.

A test that shows how CPV gets on with something says so: `@pytest.mark.compatibility("Git layouts", "split index")`. A
row works; `limit="…"` says where it ends, `unsupported="…"` that it does not work, and the line that says so to a user.
Several tests may show one row; one of them says its limit. `each=TABLE` has a row for each key of a table by which the
test is parametrised; of several parameters the id joins them by ` | `.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from support.marks import TESTS, Marked, marked

PAGE = TESTS.parent / "docs/compatibility.md"
MARK = "<!-- python tests/compatibility_table.py writes what follows -->\n"
AREAS = (
    "Git layouts",
    "Git settings and versions",
    "Hook managers",
    "Live status and other clients",
    "DVC",
    "Remotes",
    "Import and export",
    "CI",
    "Platforms",
)
OTHER_JOBS = frozenset({"frameworks", "browser", "remotes", "moves", "test_newest_git"})
"""Folders and files of tests whose results are another job's."""

Results = Mapping[tuple[str, str], bool]
"""Whether a test passed: by its file as pytest names it (`tests.e2e.test_s3`, with the class) and its own name."""


@dataclass
class Row:
    """Something that CPV gets on with, or does not."""

    what: str
    limit: str = ""
    unsupported: str = ""
    tests: list[Marked] = field(default_factory=list)

    def place(self) -> tuple[bool, str]:
        """Where it belongs among the others: by its name, and last what is not supported."""
        return bool(self.unsupported), self.what.strip("`").lower()

    def state(self, results: Results | None) -> str:
        """What the table says of it."""
        failed = [mark.test for mark in self.tests if results is not None and not self._passed(mark, results)]
        if failed:
            return f"**not shown by this run**: `{'`, `'.join(failed)}`"
        if self.unsupported:
            return f"not supported: {self.unsupported}"
        return f"works with a limit: {self.limit}" if self.limit else "works"

    def _passed(self, mark: Marked, results: Results) -> bool:
        parts = mark.file.relative_to(TESTS.parent).with_suffix("").parts
        if OTHER_JOBS.intersection(parts):
            return True
        ended = [
            passed
            for (where, test), passed in results.items()
            if f"{where}.".startswith(f"{'.'.join(parts)}.") and self._is_shown_by(mark, test)
        ]
        return bool(ended) and all(ended)

    def _is_shown_by(self, mark: Marked, test: str) -> bool:
        """Whether a test with its parameters is one of a mark's, and this row's where each parameter has a row."""
        name, _, parameters = test.partition("[")
        is_each = "each" in mark.options
        return name == mark.test and (not is_each or self.what in parameters.removesuffix("]").split(" | "))

    def line(self, results: Results | None) -> str:
        """Its line of the table."""
        tests = sorted({f"`{mark.test}`" for mark in self.tests})
        return f"| {self.what} | {self.state(results)} | {', '.join(tests)} |\n"


def areas() -> dict[str, list[Row]]:
    """The rows of each area. `ValueError` for an unknown one, and where two tests say two things of a row."""
    found: dict[str, dict[str, Row]] = {area: {} for area in AREAS}
    for mark in marked("compatibility"):
        area, *names = mark.values
        if area not in found:
            raise ValueError(f"{mark.test}: no area {area!r} in {Path(__file__).name}")
        options = {name: str(value) for name, value in mark.options.items() if name != "each"}
        for name in (*names, *mark.options.get("each", ())):
            row = found[area].setdefault(name, Row(name))
            for option, value in options.items():
                if getattr(row, option) not in ("", value):
                    raise ValueError(f"{mark.test}: another test says something else of {name!r}")
                setattr(row, option, value)
            row.tests.append(mark)
    return {area: sorted(rows.values(), key=Row.place) for area, rows in found.items()}


def page(results: Results | None = None) -> str:
    """The page, with the tables as the marks and the results have them."""
    text = PAGE.read_text(encoding="utf-8").partition(MARK)[0] + MARK
    for area, rows in areas().items():
        lines = "".join(row.line(results) for row in rows)
        text += f"\n## {area}\n\n| what | state | shown by |\n|---|---|---|\n{lines}"
    return text


def read(results: Path) -> Results:
    """How the tests of a run ended; one that was skipped did not pass."""
    return {
        (case.get("classname", ""), case.get("name", "")): not any(
            child.tag in ("failure", "error", "skipped") for child in case
        )
        for case in ElementTree.parse(results).iter("testcase")  # noqa: S314 - pytest wrote it in this run
    }


def main(results: str | None = None) -> int:
    """Write the page; or print that of a run's results, and 1 where the tree's own is another."""
    if results is None:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    text = page(read(Path(results)))
    print(text, end="")
    return int(text != PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
