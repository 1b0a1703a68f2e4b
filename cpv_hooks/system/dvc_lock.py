"""DVC's lock on a DVC root, which is waited for and never broken.

Two kinds: a file that its holder keeps locked and marks with its process id (zc.lockfile), or, with
`core.hardlink_lock`, a second link of a file of the holder's (flufl.lock). Nothing says whose that is, and it is left
behind by a DVC that is killed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.errors import shell_path
from cpv_hooks.system import locks
from cpv_hooks.system.locks import Busy

_GIVE_UP_ON_LINK = 60.0  # seconds


def wait_for_dvc(root: Path, *, wait: bool) -> None:
    """Return once no other process holds DVC's lock on a DVC root; `Busy` where that takes too long.

    A holder that is one of our own ancestors, such as `dvc repro` running a stage that commits, is not waited for: it
    is waiting for us.
    """
    path = _lock_of(root)
    started, said = time.monotonic(), False
    while (holder := _holder(path)) is not None and holder not in locks.ancestors():
        waited = time.monotonic() - started
        if not wait or waited > (locks.GIVE_UP if holder else _GIVE_UP_ON_LINK):
            raise _busy(root, holder)
        if not said and waited > locks.SAY_AFTER:
            said = True
            locks.announce(f"waiting for DVC ({_who(path, holder)})")
        time.sleep(locks.POLL)


@contextmanager
def holding_dvc(root: Path, *, by_link: bool = False) -> Iterator[None]:
    """Keep DVC itself from working on a DVC root; waits for a process that does. Held and marked as DVC does it.

    `by_link` is what `core.hardlink_lock` says. Raises `Busy` where the one at work is waiting for us.
    """
    wait_for_dvc(root, wait=True)
    path = _lock_of(root)
    if _holder(path) is not None:
        raise Busy("DVC runs this command itself", where=str(root), fix="repeat it when DVC is done")
    if by_link:
        with _link_lock(root, path):
            yield
    else:
        with locks.locked(path, wait=True, say="working with DVC") as descriptor:
            locks.write_note(descriptor, f" {os.getpid()}\n")
            yield


@contextmanager
def _link_lock(root: Path, path: Path) -> Iterator[None]:
    from dvc.lock import LockError, make_lock

    path.unlink(missing_ok=True)  # of the other kind, which no process holds; DVC would wait for it for ever
    lock = make_lock(str(path), tmp_dir=str(path.parent), hardlink_lock=True)
    try:
        lock.lock()
    except LockError as error:
        raise _busy(root, 0) from error
    try:
        yield
    finally:
        lock.unlock()


def _lock_of(root: Path) -> Path:
    return root / ".dvc" / "tmp" / "lock"


def _busy(root: Path, holder: int) -> Busy:
    fix = "wait for it, then repeat the command"
    if not holder:
        fix = f"{fix}; if no dvc is running, rm {shell_path(str(_lock_of(root)))}"
    return Busy(f"DVC is running here ({_who(_lock_of(root), holder)})", where=str(root), fix=fix)


def _who(path: Path, holder: int) -> str:
    return f"process {holder}" if holder else f"it holds {path}"


def _holder(path: Path) -> int | None:
    """The process that holds the lock, 0 where nothing says which; None where nobody does."""
    try:
        text = state_files.read_bytes(path)[:64].split()
    except OSError:
        return None
    if locks.is_held(path):
        return int(text[0]) if text and text[0].isdigit() else 0
    return 0 if locks.is_linked(path) else None
