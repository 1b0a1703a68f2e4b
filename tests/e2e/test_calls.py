"""What a checkout asks of the kernel for each file of a folder: a number, and not a time."""

from __future__ import annotations

import pytest

from e2e.story import Story

pytestmark = pytest.mark.real_hooks
FEW, MANY = 20, 220


def test_a_small_file_is_brought_in_few_calls(live: Story) -> None:
    """Looks of `find`, of Python and at the cache, what is overwritten read, and what comes read, written, renamed."""
    totals = []
    for count in (FEW, MANY):
        for version in "ab":
            for number in range(count):
                live.write(f"data/many/{number}", f"{version}{number}")
            live.git("commit", "-qam", version)
        log = live.path.parent / f"log-{count}"
        live.run("strace", "-f", "-qq", "-o", log, "-e", "trace=%file,%desc", "git", "checkout", "-q", "HEAD^")
        assert live.read("data/many/7") == b"a7"
        totals.append(log.read_text().count("\n"))
        live.git("checkout", "-q", "main")
    assert (totals[1] - totals[0]) / (MANY - FEW) < 22, totals
