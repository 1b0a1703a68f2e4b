"""Which Git commands a command starts, its hooks' among them."""

from __future__ import annotations

import os

from support.shell import Shell


def git_calls(shell: Shell, *words: str, **options: object) -> list[list[str]]:
    """Run Git; returns the words of each Git command that ran."""
    log = shell.path.parent / "trace"
    log.unlink(missing_ok=True)
    shell.git(*words, env={"GIT_TRACE": os.fspath(log)}, **options)
    lines = [line.split("built-in: git ", 1) for line in log.read_text(errors="replace").splitlines()]
    return [line[1].split() for line in lines if len(line) == 2]
