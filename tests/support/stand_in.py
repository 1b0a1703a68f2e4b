"""What hooks start in place of a new Python: the preloaded server answers, or Python itself where that would differ.

It answers a hook, also one that the pre-commit framework runs, and DVC as the merge driver; and only where the process
that asks has the user, the limits, the session and the mounts of the tests, and nobody traces it. The framework itself
is a process of its own: a hook looks for Git among its ancestors.
Tests marked `real_hooks`, and all with `CPV_MODES=all`, start every hook as a user's repository does.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from unittest.mock import patch

import cpv_hooks
from cpv_hooks.git.repo import Repo
from cpv_hooks.setup.install import shims
from cpv_hooks.setup.install.install import install as cpv_install
from support import preloaded

MAIN = Path(cpv_hooks.__file__).with_name("__main__.py")


def install(path: Path) -> list[str]:
    """What `dvc cpv install` does, with shims that start the stand-in."""
    here = shims.Interpreter(interpreter(), str(MAIN.parent), "-I")
    with patch.object(shims.Interpreter, "current", lambda: here):
        return cpv_install(Repo.discover(path))


def install_pre_commit(path: Path) -> None:
    """What `pre-commit install` does, with hooks that start the stand-in."""
    command = preloaded.command("pre-commit", "install")
    subprocess.run(command, cwd=path, check=True, capture_output=True)
    for hook in (path / ".git/hooks").iterdir():
        text = hook.read_text(encoding="utf-8")
        if "INSTALL_PYTHON=" in text:
            hook.write_text(re.sub("(?m)^INSTALL_PYTHON=.*$", f"INSTALL_PYTHON={shlex.quote(interpreter())}", text))


@cache
def interpreter() -> str:
    """The path of the program that stands for this Python; it is gone when this process is."""
    folder = preloaded.folder() / "bin"
    folder.mkdir()
    hook = folder / "cpv-hook"
    _write(hook, _answer("cpv-hook", Path(sys.executable).with_name("cpv-hook")))
    path = folder / "interpreter"
    python = shlex.quote(sys.executable)
    _write(
        path,
        f'case "$1 $2" in\n'
        f"{shlex.quote(f'-I {MAIN}')}) shift 2; {_answer('cpv-hook', sys.executable, '-I', MAIN)} ;;\n"
        f"'-m dvc') shift 2; {_answer('dvc', sys.executable, '-m', 'dvc')} ;;\n"
        f"'-mpre_commit hook-impl') PATH={shlex.quote(str(folder))}:$PATH; export PATH ;;\n"
        f'esac\nexec {python} "$@"',
    )
    return str(path)


def _write(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def _answer(program: str, *otherwise: str | Path) -> str:
    """The shell's command for a program of ours, and the words that start it where it must not be preloaded."""
    words = (*preloaded.client(), "--like", _identity(), *otherwise, "--", preloaded.server(), program)
    return f'exec {shlex.join(map(str, words))} "$@"'


@cache
def _identity() -> str:
    done = subprocess.run([*preloaded.client(), "--identity"], check=True, capture_output=True, text=True)
    return done.stdout
