"""Transactions of named steps, each with its undo written ahead.

What undoes a step is data, on the disk before the step begins (`journal_file`), so that another process can carry it
out when this one was killed. A journal is removed when its transaction is done or undone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError, shell_path
from cpv_hooks.git.repo import Repo, inherited
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.recovery import journal_file, undo, undo_git
from cpv_hooks.recovery.journal_file import Record
from cpv_hooks.system.locks import Busy, locked

at_step: Callable[[str], None] | None = None
"""Called with the name of each step before it is done, and with `done` before the journal goes; for tests of kills."""


class Recovered(NamedTuple):
    """A transaction of a dead process. `steps` are those that had begun, in their order; `started` is ISO 8601, UTC."""

    what: str
    started: str
    steps: tuple[str, ...]


class Transaction:
    """A transaction under way; see `begin_transaction`."""

    def __init__(self, repo: Repo, descriptor: int, path: Path, head: str | None) -> None:
        self._repo = repo
        self._descriptor = descriptor
        self._path = path
        self._head = head
        self._steps: list[tuple[str, Sequence[undo_git.Action]]] = []
        self._held = ExitStack()
        self._is_holding = False

    def step(self, name: str, undo: Sequence[undo_git.Action] = ()) -> None:
        """Begin a step: its undo is on the disk when this returns."""
        journal_file.append_line(self._descriptor, {"step": name, "undo": list(undo)})
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
        journal_file.end_journal(self._path)

    def _roll_back(self, error: BaseException) -> None:
        undone = [name for name, actions in self._steps if actions]
        try:
            if undone:
                self.hold_work_tree()
                undo.undo_steps(self._repo, [actions for _, actions in self._steps], self._head)
            journal_file.end_journal(self._path)
        except (CPVError, OSError) as failure:
            what = f"{' '.join(str(error).split())}; and what was begun could not be undone: {failure}"
            raise CPVError(what, fix="dvc cpv recover") from error
        if undone and isinstance(error, CPVError):
            error.amend(f"rolled back: {', '.join(reversed(undone))}")

    def _release(self) -> None:
        self._held.close()
        os.close(self._descriptor)


@contextmanager
def begin_transaction(repo: Repo, what: str, head: str | None = None) -> Iterator[Transaction]:
    """One transaction: done whole, or undone when an exception leaves the block (which it does, saying so).

    Another one in this work tree is waited for; what a dead one left is undone first. Where the undoing fails the
    journal stays, and the `CPVError` names `dvc cpv recover`. `head` is HEAD's commit when it was planned: `CPVError`
    where it is another one now.
    """
    with _operation_lock(repo, wait=True):
        _undo_left(repo, wait=True)
        now = repo.resolve("HEAD")
        descriptor, path = journal_file.create_journal(repo, what, now)
        transaction = Transaction(repo, descriptor, path, now)
        inherited.add(descriptor)
        try:
            if head is not None and now != head:
                raise CPVError("HEAD has moved since this was planned", where=str(repo.top), fix="repeat the command")
            yield transaction
            transaction._finish()
        except BaseException as error:
            transaction._roll_back(error)
            raise
        finally:
            inherited.discard(descriptor)
            transaction._release()


def left(repo: Repo) -> bool:
    """Whether a dead process left a transaction half-done: one look at a folder that normally does not exist."""
    return any(True for _ in journal_file.dead(repo))


def pending(repo: Repo) -> list[Recovered]:
    """What dead processes left half-done, oldest first; nothing is changed."""
    return [_described(journal_file.read_journal(descriptor, path)) for descriptor, path in journal_file.dead(repo)]


def recover(repo: Repo, *, wait: bool = True) -> list[Recovered]:
    """Undo what dead processes left half-done, in any work tree of the repository; returns what was undone.

    A kill meanwhile is recovered by the next call. Without `wait` it leaves all as it is where another process works.
    Raises `CPVError` where something cannot be undone; its journal stays.
    """
    if not journal_file.journal_folder(repo).is_dir():
        return []
    try:
        with _operation_lock(repo, wait=wait):
            return _undo_left(repo, wait=wait)
    except Busy:
        if wait:
            raise
        return []


def _undo_left(repo: Repo, *, wait: bool) -> list[Recovered]:
    found = []
    for descriptor, path in journal_file.dead(repo):
        record = journal_file.read_journal(descriptor, path)
        home = _work_tree(repo, record)
        with _work_tree_lock(home, wait=wait):
            try:
                undo.undo_steps(home, [step["undo"] for step in record.steps], record.head)
            except CPVError as error:
                if error.fix:
                    raise
                # Git's own refusal says what is wrong, and not what to do.
                fix = f"fix that, then dvc cpv recover; or rm {shell_path(path)}, then dvc cpv sync"
                raise CPVError(error.what, where=error.where, fix=fix) from error
        journal_file.end_journal(path)
        found.append(_described(record))
        _tell(record)
    return found


def _operation_lock(repo: Repo, *, wait: bool) -> AbstractContextManager[object]:
    return locked(repo.state / state_files.OPERATION, wait=wait, say="changing this work tree")


def _work_tree_lock(repo: Repo, *, wait: bool) -> AbstractContextManager[object]:
    return locked(repo.state / state_files.LOCK, wait=wait, say="syncing this work tree")


def _described(record: Record) -> Recovered:
    return Recovered(record.what, record.started, tuple(str(step["step"]) for step in record.steps))


def _tell(record: Record) -> None:
    from cpv_hooks.console.output import say

    if any(step["undo"] for step in record.steps):
        say(f"undid an interrupted {record.what} of {record.started[:19]} UTC")


def _work_tree(repo: Repo, record: Record) -> Repo:
    """The work tree that a transaction was about; where that is gone, what it shares with this one is undone here."""
    if not (record.git_dir.is_dir() and (record.top / ".git").exists()):
        return repo
    with suppress(CPVError):
        found = Repo.discover(record.top)
        if (found.top, found.git_dir, found.common_dir) == (record.top, record.git_dir, repo.common_dir):
            return found
    return repo
