"""A rank's background process as a test wants it.

`KILL="RANK MODULE:NAME before|after CALL"`: it kills itself and its rank. `HOLD="RANK MODULE:NAME GATE"`, several with
a semicolon between them: whoever calls that function waits until the file GATE is there, and makes GATE.NAME first.
`STAYS="RANK GATE"`: it does not leave the job before GATE is there. `SILENCE`: after how many seconds without a sign of
life a rank counts as gone. Each start is a line of the file `STARTS`.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> int:
    root, *more = sys.argv[1:]
    is_leader = os.sep not in more[0]
    rank = 0 if is_leader else int(Path(more[0]).name)
    if starts := os.environ.get("STARTS"):
        with open(starts, "a") as stream:
            stream.write(f"{rank}\n")
    words = os.environ.get("KILL", "").split()
    if words and int(words[0]) == rank:
        _kill_around(words[1], words[2], int(words[3]), os.getppid())
    for held in filter(None, os.environ.get("HOLD", "").split(";")):
        number, place, gate = held.split()
        if int(number) == rank:
            _hold(place, Path(gate))
    if silence := os.environ.get("SILENCE"):
        importlib.import_module("cpv_hooks.ranks.signals").__dict__["_SILENCE"] = float(silence)
    number, _, gate = os.environ.get("STAYS", "").partition(" ")
    if number == str(rank):
        _stay(Path(gate))
    module = importlib.import_module(f"cpv_hooks.ranks.{'leader' if is_leader else 'follower'}")
    status: int = module.main([root, *more])
    return status


def _found(place: str) -> tuple[Any, str]:
    """What has a function, and the function's name there."""
    module, _, name = place.partition(":")
    owner: Any = importlib.import_module(module)
    *outer, name = name.split(".")
    for part in outer:
        owner = getattr(owner, part)
    return owner, name


def _hold(place: str, gate: Path) -> None:
    owner, name = _found(place)
    real: Callable[..., object] = getattr(owner, name)

    def held(*args: Any, **rest: Any) -> object:
        gate.with_name(f"{gate.name}.{name}").touch()
        while not gate.exists():
            time.sleep(0.01)
        return real(*args, **rest)

    setattr(owner, name, held)


def _stay(gate: Path) -> None:
    owner, name = _found("cpv_hooks.ranks.follower:FollowerWorker._is_over")
    real: Callable[..., bool] = getattr(owner, name)
    setattr(owner, name, lambda worker: real(worker) and gate.exists())


def _kill_around(place: str, when: str, count: int, parent: int) -> None:
    """Kill both at the call number `count` of a function."""
    owner, name = _found(place)
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
