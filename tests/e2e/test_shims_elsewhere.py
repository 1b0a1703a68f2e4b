"""Shims in a repository that has nothing to do with CPV: twenty real pushes and amends, and not a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpv_hooks.git.hook_names import HOOKS
from cpv_hooks.setup.install.shims import Interpreter, render_shim
from support.shell import Shell

ROUNDS = 20


def prepare(shell: Shell, chained: bool) -> None:
    """Every shim as Git's hook; `chained`: in front of hooks that read nothing."""
    shell.git("init", "-q")
    shell.run("git", "init", "-q", "--bare", "../host.git")
    hooks = shell.path / ".git/hooks"
    for hook in HOOKS:
        theirs = shell.write(f".git/theirs/{hook}", "#!/bin/sh\nexit 0\n")
        theirs.chmod(0o755)
        text = render_shim(hook, Path(theirs) if chained else None, Interpreter.current(), "0123456789abcdef")
        shim = shell.write(f".git/shims/{hook}", text)
        shim.chmod(0o755)
        # As the newest Git starts hooks; an older one gives each of its children the signal's default back.
        start = shell.write(f".git/hooks/{hook}", f"#!/bin/sh\ntrap '' PIPE\nexec '{shim}' \"$@\"\n")
        start.chmod(0o755)
    assert (hooks / "pre-push").exists()


@pytest.mark.compatibility("Git settings and versions", "SIGPIPE ignored in hooks, as the newest Git does")
@pytest.mark.parametrize("chained", [False, True])
def test_twenty_pushes_and_amends_are_silent(shell: Shell, chained: bool) -> None:
    prepare(shell, chained)
    shell.git("commit", "-q", "--allow-empty", "-m", "first")
    for number in range(40):
        shell.git("branch", f"branch-{number}")
    for number in range(ROUNDS):
        assert shell.git("commit", "-q", "--amend", "--allow-empty", "-m", f"round {number}").text == ""
        assert shell.git("tag", f"v1.{number}").text == ""
        assert shell.git("push", "-q", "--force", "--all", "../host.git").text == ""
        assert shell.git("push", "-q", "--force", "--tags", "../host.git").text == ""
    assert len(shell.run("git", "--git-dir", "../host.git", "tag").lines) == ROUNDS
    assert not (shell.path / ".git/cpv").exists()
