"""Which Git commands a command starts, its hooks' among them."""

from __future__ import annotations

import os
from collections.abc import Callable

from support.shell import Result, Shell


def git_calls(shell: Shell, *words: str, **options: object) -> list[list[str]]:
    """Run Git; returns the words of each Git command that ran."""
    return _calls(shell, shell.git, *words, **options)


def cpv_git_calls(shell: Shell, *words: str, **options: object) -> list[list[str]]:
    """Run a command of CPV's; returns the words of each Git command that ran."""
    return _calls(shell, shell.cpv, *words, **options)


def _calls(shell: Shell, run: Callable[..., Result], *words: str, **options: object) -> list[list[str]]:
    log = shell.path.parent / "trace"
    log.unlink(missing_ok=True)
    run(*words, env={"GIT_TRACE": os.fspath(log)}, **options)
    lines = [line.split("built-in: git ", 1) for line in log.read_text(errors="replace").splitlines()]
    return [line[1].split() for line in lines if len(line) == 2]
