"""The page of what CPV gets on with says no more than the tests show."""

from __future__ import annotations

from pathlib import Path

import compatibility_table
import pytest

FILE = "tests.e2e.test_layouts"
TEST = "test_the_whole_story[split index | prek | a folder]"


def test_the_page_is_what_the_tests_say() -> None:
    rows = [row for rows in compatibility_table.areas().values() for row in rows]
    assert len(rows) > 80
    assert compatibility_table.PAGE.read_text() == compatibility_table.page(), "python tests/compatibility_table.py"


def state(tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str) -> tuple[str, str]:
    """What a run with this result says of the layout, and of another one."""
    results = tmp_path / "results.xml"
    results.write_text(f'<testsuites><testsuite><testcase classname="{FILE}" {case}</testsuite></testsuites>')
    assert compatibility_table.main(str(results)) == 1
    found = {
        line.split(" | ")[0]: line.split(" | ")[1] for line in capsys.readouterr().out.splitlines() if " | " in line
    }
    return found["| split index"], found["| index version 4"]


@pytest.mark.parametrize("case", [f'name="{TEST}"><failure/></testcase>', f'name="{TEST}"><skipped/></testcase>'])
def test_a_row_whose_test_did_not_pass_does_not_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    other = "**not shown by this run**: `test_the_whole_story`"
    assert state(tmp_path, capsys, case) == (other, other)


def test_a_row_works_by_the_result_of_its_own_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, other = state(tmp_path, capsys, f'name="{TEST}"/>')
    assert (found, other) == ("works", "**not shown by this run**: `test_the_whole_story`")
