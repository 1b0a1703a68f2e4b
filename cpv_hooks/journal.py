"""Transactions of named steps, each with its undo written ahead.

One file per transaction in `journal/` of CPV's shared state, one JSON object a line: the header, then each step with
what undoes it. A line is on the disk before its step begins, so a torn last line is a step that did not begin. The
holder keeps an `flock` on the file, which the kernel gives back when the holder and the Git commands that it started
are gone: a journal that can be locked was left by the dead. It is removed when the transaction is done or undone, and
the folder with it.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cpv_hooks import git, undo
from cpv_hooks.durable import sync_folder
from cpv_hooks.errors import CPVError
from cpv_hooks.git import Repo
from cpv_hooks.gitprocess import GitProcess
from cpv_hooks.lock import Busy, locked

at_step: Callable[[str], None] | None = None
"""Called with the name of each step before it is done, and with `done` before the journal goes; for tests of kills."""

_SUFFIX = ".json"
_NEW = ".new"


@dataclass(frozen=True)
class Recovered:
    """A transaction of a dead process that was undone. `steps` are those that had begun, in their order."""

    what: str
    started: str
    steps: tuple[str, ...]


class Transaction:
    """A transaction under way; see `begin`."""

    def __init__(self, repo: Repo, descriptor: int, path: Path) -> None:
        self._repo = repo
        self._descriptor = descriptor
        self._path = path
        self._steps: list[tuple[str, Sequence[undo.Action]]] = []
        self._held = ExitStack()
        self._is_holding = False

    def step(self, name: str, undo: Sequence[undo.Action] = ()) -> None:
        """Begin a step: its undo is on the disk when this returns."""
        _append(self._descriptor, {"step": name, "undo": list(undo)})
        self._steps.append((name, undo))
        if at_step is not None:
            at_step(name)

    def hold_work_tree(self) -> None:
        """Keep every sync of this work tree waiting until the transaction is over."""
        if not self._is_holding:
            self._held.enter_context(_work_tree_lock(self._repo, wait=True))
            self._is_holding = True

    def _finish(self) -> None:
        if at_step is not None:
            at_step("done")
        _remove(self._path)

    def _roll_back(self, error: BaseException) -> None:
        undone = [name for name, actions in self._steps if actions]
        try:
            if undone:
                self.hold_work_tree()
                undo.run(self._repo, [actions for _, actions in self._steps])
            _remove(self._path)
        except (CPVError, OSError) as failure:
            what = f"{' '.join(str(error).split())}; and what was begun could not be undone: {failure}"
            raise CPVError(what, fix="dvc cpv recover") from error
        if undone and isinstance(error, CPVError):
            error.amend(f"rolled back: {', '.join(reversed(undone))}")

    def _release(self) -> None:
        self._held.close()
        os.close(self._descriptor)


@contextmanager
def begin(repo: Repo, what: str) -> Iterator[Transaction]:
    """One transaction: done whole, or undone when an exception leaves the block (which it does, saying so).

    Another one in this work tree is waited for; what a dead one left is undone first. Where the undoing fails the
    journal stays, and the `CPVError` names `dvc cpv recover`.
    """
    with locked(repo.state / "operation", wait=True, say="changing this work tree"):
        for found in _undo_left(repo):
            _say(found)
        descriptor, path = _create(repo, what)
        transaction = Transaction(repo, descriptor, path)
        git.inherited.add(descriptor)
        try:
            yield transaction
            transaction._finish()
        except BaseException as error:
            transaction._roll_back(error)
            raise
        finally:
            git.inherited.discard(descriptor)
            transaction._release()


def left(repo: Repo) -> bool:
    """Whether a dead process left a transaction half-done. One look at a folder that normally does not exist."""
    return any(True for _ in _dead(repo))


def pending(repo: Repo) -> list[Recovered]:
    """What dead processes left half-done, oldest first; nothing is changed."""
    found = []
    for descriptor, path in _dead(repo):
        header, steps = _read(descriptor, path)
        found.append(_describe(header, steps))
    return sorted(found, key=lambda item: item.started)


def recover(repo: Repo, *, wait: bool = True) -> list[Recovered]:
    """Undo what dead processes left half-done, in any work tree of the repository; returns what was undone.

    A kill meanwhile is recovered by the next call. Without `wait` it leaves all as it is where another process works.
    Raises `CPVError` where something cannot be undone; its journal stays.
    """
    if not _folder(repo).is_dir():
        return []
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(repo.state / "operation", wait=wait, say="changing this work tree"))
            return _undo_left(repo, wait=wait)
        except Busy:
            if wait:
                raise
            return []


def _undo_left(repo: Repo, *, wait: bool = True) -> list[Recovered]:
    found = []
    for descriptor, path in _dead(repo):
        header, steps = _read(descriptor, path)
        home = _work_tree(repo, header)
        if steps:
            with _work_tree_lock(home, wait=wait):
                undo.run(home, [step["undo"] for step in steps])
        _remove(path)
        found.append(_describe(header, steps))
    return found


def _work_tree_lock(repo: Repo, *, wait: bool) -> Any:
    return locked(repo.state / "lock", wait=wait, say="syncing this work tree")


def _say(found: Recovered) -> None:
    from cpv_hooks.output import say

    say(f"an interrupted {found.what} was undone")


def _describe(header: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> Recovered:
    return Recovered(
        str(header.get("what", "operation")), str(header.get("started", "")), tuple(str(step["step"]) for step in steps)
    )


def _work_tree(repo: Repo, header: Mapping[str, Any]) -> Repo:
    """The work tree that a transaction was about; where that is gone, what it shares with this one is undone here."""
    top, git_dir = Path(str(header.get("top", ""))), Path(str(header.get("git_dir", "")))
    return Repo(top, git_dir, repo.common_dir) if header and git_dir.is_dir() and top.is_dir() else repo


# The files


def _folder(repo: Repo) -> Path:
    return repo.shared / "journal"


def _create(repo: Repo, what: str) -> tuple[int, Path]:
    """A journal appears under its name only when it is locked and has its header."""
    header = {
        "what": what,
        "started": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "process": GitProcess(os.getpid(), ()).identity,
        "top": str(repo.top),
        "git_dir": str(repo.git_dir),
    }
    name = f"{header['started'].replace(':', '')}-{secrets.token_hex(4)}"
    while True:
        folder = _folder(repo)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{name}{_SUFFIX}"
        try:
            descriptor = os.open(path.with_suffix(_NEW), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except FileNotFoundError:
            continue  # another transaction has just ended and taken the folder with it
        break
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    _append(descriptor, header)
    os.rename(path.with_suffix(_NEW), path)
    sync_folder(folder)
    return descriptor, path


def _append(descriptor: int, line: Mapping[str, Any]) -> None:
    data = json.dumps(line).encode("ascii") + b"\n"
    while data:
        data = data[os.write(descriptor, data) :]
    os.fsync(descriptor)


def _dead(repo: Repo) -> Iterator[tuple[int, Path]]:
    """The journals that nobody holds, locked while the caller looks at them."""
    try:
        names = sorted(entry.name for entry in os.scandir(_folder(repo)))
    except FileNotFoundError:
        return
    for name in names:
        path = _folder(repo) / name
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if name.endswith(_SUFFIX) and os.fstat(descriptor).st_nlink:
                yield descriptor, path
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)


def _read(descriptor: int, path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The header and the steps. A line without its end was being written when its process died."""
    whole = os.pread(descriptor, os.fstat(descriptor).st_size, 0).split(b"\n")[:-1]
    try:
        lines = [json.loads(line) for line in whole]
    except ValueError as error:
        raise CPVError("a journal that cannot be read", where=str(path), fix=f"rm {path}, dvc cpv sync") from error
    return (lines[0], lines[1:]) if lines else ({}, [])


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    sync_folder(path.parent)
    with suppress(OSError):
        path.parent.rmdir()
