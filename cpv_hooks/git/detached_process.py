"""A process of ours that outlives the command which starts it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cpv_hooks.git.repo import environment


def spawn(
    module: str, root: Path, *more: str, stdin: int | None = None, lock: int | None = None, errors: Path | None = None
) -> int:
    """Run `python -m MODULE ROOT MORE…` in a session of its own, and quietly; returns its process id.

    It reads `stdin`, an open file, or nothing, and has the open file `lock` as its file 3. What it says is added to the
    file `errors`.
    """
    # -P: a cloned repository with a `cpv_hooks` folder of its own must not be what is run.
    command = [sys.executable, "-P", "-m", module, str(root), *more]
    actions: list[tuple[int, int, int] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)
    ]
    if stdin is not None:
        actions[0] = (os.POSIX_SPAWN_DUP2, stdin, 0)
    if errors is not None:
        actions[2] = (os.POSIX_SPAWN_OPEN, 2, str(errors), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    if lock is not None:
        actions.append((os.POSIX_SPAWN_DUP2, lock, 3))
    return os.posix_spawn(sys.executable, command, environment(), file_actions=actions, setsid=True)
