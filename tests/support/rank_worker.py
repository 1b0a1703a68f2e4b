"""A rank's background process that kills itself and its rank: `KILL="RANK MODULE:NAME before|after CALL"`."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> int:
    root, *more = sys.argv[1:]
    is_leader = os.sep not in more[0]
    rank = 0 if is_leader else int(Path(more[0]).name)
    words = os.environ.get("KILL", "").split()
    if words and int(words[0]) == rank:
        _kill_around(words[1], words[2], int(words[3]), os.getppid())
    module = importlib.import_module(f"cpv_hooks.ranks.{'leader' if is_leader else 'follower'}")
    status: int = module.main([root, *more])
    return status


def _kill_around(place: str, when: str, count: int, parent: int) -> None:
    """Kill both at the call number `count` of a function."""
    module, _, name = place.partition(":")
    owner: Any = importlib.import_module(module)
    *outer, name = name.split(".")
    for part in outer:
        owner = getattr(owner, part)
    real: Callable[..., object] = getattr(owner, name)
    calls = 0

    def die() -> None:
        os.kill(parent, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    def killed(*args: Any, **rest: Any) -> object:
        nonlocal calls
        calls += 1
        if calls == count and when == "before":
            die()
        found = real(*args, **rest)
        if calls == count:
            die()
        return found

    setattr(owner, name, killed)


if __name__ == "__main__":
    sys.exit(main())
