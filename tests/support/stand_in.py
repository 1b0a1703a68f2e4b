"""What hooks start in place of a new Python: the preloaded server answers, or Python itself where that would differ.

It answers a hook, also one that the pre-commit framework runs, and DVC as the merge driver; and only where the process
that asks has the user, the limits, the session and the mounts of the tests, and nobody traces it. The framework itself
is a process of its own: a hook looks for Git among its ancestors.
Tests marked `real_hooks`, and all with `CPV_MODES=all`, start every hook as a user's repository does.
"""

from __future__ import annotations

import os
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
ALL_REAL = os.environ.get("CPV_MODES") == "all"


def install(path: Path, real_hooks: bool = ALL_REAL) -> list[str]:
    """What `dvc cpv install` does, with shims that start the stand-in unless `real_hooks`."""
    if real_hooks:
        return cpv_install(Repo.discover(path))
    here = shims.Interpreter(interpreter(), str(MAIN.parent), "-I")
    with patch.object(shims.Interpreter, "current", lambda: here):
        return cpv_install(Repo.discover(path))


def install_pre_commit(path: Path, real_hooks: bool = ALL_REAL) -> None:
    """What `pre-commit install` does, with hooks that start the stand-in unless `real_hooks`."""
    command = preloaded.command("pre-commit", "install")
    if real_hooks:
        command = (sys.executable, "-m", "pre_commit", "install")
    subprocess.run(command, cwd=path, check=True, capture_output=True)
    if real_hooks:
        return
    for hook in (path / ".git/hooks").iterdir():
        text = hook.read_text(encoding="utf-8")
        if "INSTALL_PYTHON=" in text:
            hook.write_text(re.sub("(?m)^INSTALL_PYTHON=.*$", f"INSTALL_PYTHON={shlex.quote(interpreter())}", text))


@cache
def interpreter() -> str:
    """The path of the program that stands for this Python; it is gone when this process is."""
    folder = preloaded.folder() / "bin"
    folder.mkdir()
    python, main, here = (shlex.quote(str(word)) for word in (sys.executable, MAIN, folder))
    own = shlex.quote(str(Path(sys.executable).with_name("cpv-hook")))
    preloaded.script(
        folder / "cpv-hook",
        f'{preloaded.functions()}answer cpv-hook 0 like\nexec {own} "$@"\n',
    )
    path = folder / "interpreter"
    preloaded.script(
        path,
        f"{preloaded.functions()}"
        f'case "$1 $2" in\n'
        f'"-I "{main}) answer cpv-hook 2 like ;;\n'
        f"'-m dvc') answer dvc 2 like ;;\n"
        f"'-mpre_commit hook-impl') PATH={here}:$PATH; export PATH ;;\n"
        f'esac\nexec {python} "$@"\n',
    )
    return str(path)
