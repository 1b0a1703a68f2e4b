"""Locks: an `flock`, which the kernel releases when its holder dies, so it can never be stale."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError, disk_error, disk_errors
from cpv_hooks.system.own_files import open_own

POLL = 0.05  # seconds
SAY_AFTER = 1.0
GIVE_UP = 600.0


class Busy(CPVError):
    """Somebody else works here, and the caller did not want to wait."""


@contextmanager
def locked(path: Path, *, wait: bool, say: str) -> Iterator[int]:
    """Hold an exclusive lock on `path`, and give the open file.

    With `wait` it waits for up to ten minutes and says so after a second; without, it raises `Busy` at once.
    """
    descriptor = _opened(path)
    try:
        _acquire(descriptor, path, wait, say)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Keep others from locking `path` for themselves alone; any number of processes may, and wait for one that does."""
    descriptor = _opened(path)
    try:
        with disk_errors(path):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        return open_own(path, os.O_RDWR | os.O_CREAT)
    except PermissionError:
        return open_own(path, os.O_RDONLY)  # another user's; that is enough for the lock


def lock_at_once(path: Path) -> int | None:
    """Open and lock a file of ours; the caller closes it. None where another process holds it, or it cannot be had."""
    try:
        descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
    except (OSError, CPVError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it until now may have ended, and renamed or removed it.
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def _acquire(descriptor: int, path: Path, wait: bool, say: str) -> None:
    started, said = time.monotonic(), False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            waited = time.monotonic() - started
            if not wait or waited > GIVE_UP:
                what = f"another process is {say}"
                raise Busy(what, where=str(path), fix="wait for it, then repeat the command") from None
        except OSError as error:
            raise disk_error(error, path) from error
        if waited > SAY_AFTER and not said:
            said = True
            announce(f"waiting for another process that is {say}")
        time.sleep(POLL)


def write_note(descriptor: int, text: str) -> None:
    """Write into a locked file, for people and for those who wait; not where it is another user's."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode("ascii"), 0)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock of a file; nobody does where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


def is_linked(path: Path) -> bool:
    """Whether a lock is held by a second link of another file, as DVC does it with `core.hardlink_lock`.

    One that says a process id is of the other kind.
    """
    try:
        return os.lstat(path).st_nlink > 1 and not state_files.read_bytes(path)[:64].strip().isdigit()
    except OSError:
        return False


def ancestors() -> set[int]:
    """This process and all that it descends from."""
    found, process = {os.getpid()}, os.getppid()
    while process > 1:
        found.add(process)
        process = _parent(process)
    return found


def _parent(process: int) -> int:
    try:
        status = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return 0
    # The second field is the name in parentheses and may hold anything; the parent is the second behind it.
    return int(status.rpartition(b")")[2].split()[1])


def announce(line: str) -> None:
    """Tell who waits what for."""
    from cpv_hooks.console.output import say

    say(line)
