"""The background process of a run gives way to training: low priority, an idle disk, few cores."""

from __future__ import annotations

import os
import platform
from contextlib import suppress

_NICE = 10
_SESSION_NICE = 5
"""A third of what any other session gets; with less, uploads would hardly go on on a machine with many busy ones."""
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
"""https://man7.org/linux/man-pages/man2/ioprio_set.2.html, which the C library has no function for."""
_PROCESS, _IDLE, _USUAL = 1, 3 << 13, 0


def give_way(cores: int, rank: int = 0) -> None:
    """Let this process, and what it starts, run when others leave room, on at most so many cores (0: any).

    Those of another `rank` on this machine have cores of their own, as far as there are as many.
    """
    with suppress(OSError):
        os.nice(_NICE)
    _session_priority(os.getpid(), _SESSION_NICE)
    _disk_priority(0, _IDLE)
    if cores and hasattr(os, "sched_setaffinity"):
        # The last ones: training that asks for few takes the first ones.
        with suppress(OSError):
            there = sorted(os.sched_getaffinity(0), reverse=True)
            os.sched_setaffinity(0, {there[at % len(there)] for at in range(rank * cores, (rank + 1) * cores)})


def end_giving_way(process: int) -> None:
    """Training is over: a process that gave way to this one may have all the cores that this one has, and the disk."""
    _session_priority(process, 0)
    if not hasattr(os, "sched_setaffinity"):
        return
    with suppress(OSError):
        cores = os.sched_getaffinity(0)
        for thread in map(int, os.listdir(f"/proc/{process}/task")):
            with suppress(OSError):
                os.sched_setaffinity(thread, cores)
            _disk_priority(thread, _USUAL)


def _session_priority(process: int, value: int) -> None:
    """Where the kernel shares cores among sessions, `nice` counts within one alone; a session has such a value too.

    https://man7.org/linux/man-pages/man7/sched.7.html (the autogroup feature). Only the session of a process that leads
    its own: else it is training's. What cannot be done is no harm.
    """
    with suppress(OSError):
        if os.getsid(process) == process:
            with open(f"/proc/{process}/autogroup", "r+b", buffering=0) as group:
                group.write(b"%d" % value)


def _disk_priority(thread: int, value: int) -> None:
    import ctypes

    number = _IOPRIO_SET.get(platform.machine()) if hasattr(os, "sched_setaffinity") else None
    if number is not None:
        with suppress(OSError):
            ctypes.CDLL(None).syscall(number, _PROCESS, thread, value)
