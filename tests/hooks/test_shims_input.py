"""What Git gives a shim on its standard input: however much, and whoever does not read it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hooks.test_shims import shim

from support.shell import Shell

OID = "1" * 40


def ignoring_sigpipe(shell: Shell, path: Path, *args: str, input: str) -> subprocess.CompletedProcess[str]:
    """As the newest Git runs hooks."""
    command = ["sh", "-c", 'trap "" PIPE; exec "$@"', "sh", str(path), *args]
    return subprocess.run(
        command, cwd=shell.path, env=os.environ, input=input, capture_output=True, text=True, check=False
    )


HOOKS = ("pre-push", "post-rewrite", "reference-transaction")


@pytest.mark.compatibility("Git settings and versions", "SIGPIPE ignored in hooks, as the newest Git does")
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("chained", [None, "exits at once"])
def test_nobody_reads_and_nothing_is_said(shell: Shell, hook: str, chained: str | None) -> None:
    shell.git("init", "-q")
    theirs = shell.write("theirs", "#!/bin/sh\nexit 0\n")
    theirs.chmod(0o755)
    path = shim(shell, hook, chained=str(theirs) if chained else None)
    lines = "".join(f"{OID} {OID} refs/heads/branch-{number}\n" for number in range(3000))
    for _ in range(5):
        done = ignoring_sigpipe(shell, path, "committed", input=lines)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 40, 2000])
def test_chained_hook_gets_all_lines_of_a_transaction(shell: Shell, count: int) -> None:
    shell.git("init", "-q")
    theirs = shell.write("theirs", "#!/bin/sh\ncat >got\n")
    theirs.chmod(0o755)
    path = shim(shell, "reference-transaction", chained=str(theirs))
    lines = "".join(f"{OID} {OID} refs/heads/branch-{number}\n" for number in range(count))
    shell.run(path, "prepared", input=lines)
    assert shell.read("got").decode() == lines


@pytest.mark.compatibility("Git settings and versions", "`preparing`, a state of reference transactions (Git 2.54)")
def test_a_state_that_only_the_newest_git_has(shell: Shell) -> None:
    """It is the chained hook's alone: a tag is looked at when the transaction is prepared."""
    shell.git("init", "-q")
    theirs = shell.write("theirs", '#!/bin/sh\necho "$@" >got\ncat >>got\n')
    theirs.chmod(0o755)
    lines = f"{'0' * 40} {OID} refs/tags/v0.0\n"
    shell.run(shim(shell, "reference-transaction", chained=str(theirs)), "preparing", input=lines)
    assert shell.read("got").decode() == f"preparing\n{lines}"


@pytest.mark.compatibility("Git settings and versions", "batched and repeated reference transactions")
def test_a_shim_reads_a_batch_of_refs_at_once(shell: Shell) -> None:
    """A shell reads its own lines byte by byte, more than a hundred calls for each."""
    shell.git("init", "-q")
    path = shim(shell, "reference-transaction")
    calls = []
    for count in (100, 4000):
        lines = "".join(f"{OID} {OID} refs/heads/branch-{number}\n" for number in range(count))
        log = shell.path / f"log-{count}"
        shell.run("strace", "-o", log, "-e", "trace=read", "sh", path, "prepared", input=lines)
        calls.append(len(log.read_text().splitlines()))
    assert calls[1] - calls[0] < 4000, calls
