"""The files of the journal: one for each transaction, one JSON object a line, locked as long as its process lives.

A line is on the disk before its step begins, so a torn last line is a step that did not begin. The lock is an `flock`,
which the kernel gives back when the holder, and the Git commands that it started, are gone.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError, shell_path
from cpv_hooks.git.caller import GitProcess
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import make_folder, new_file, sync_to_disk
from cpv_hooks.system.own_files import open_own

_SUFFIX = ".json"
_NEW = ".new"


class Record(NamedTuple):
    """What a journal says: the transaction, the work tree and the commit that it began with, the steps that began."""

    what: str
    started: str
    top: Path
    git_dir: Path
    head: str | None
    steps: Sequence[Mapping[str, Any]]


def journal_folder(repo: Repo) -> Path:
    """Where the journals are; there is no such folder where there are none."""
    return repo.shared / state_files.JOURNAL


def create_journal(repo: Repo, what: str, head: str | None) -> tuple[int, Path]:
    """Begin a journal; returns its open file, which holds the lock, and its path. `head` is HEAD's commit."""
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    header = {
        "what": what,
        "started": started,
        "process": GitProcess(os.getpid(), ()).identity,
        "top": str(repo.top),
        "git_dir": str(repo.git_dir),
        "head": head,
    }
    name = f"{started.replace(':', '')}-{os.urandom(4).hex()}"
    while True:
        path = journal_folder(repo) / f"{name}{_SUFFIX}"
        make_folder(path.parent, 0o700)
        with suppress(FileNotFoundError):  # another transaction has just ended and taken the folder with it
            # It gets its name only when it is locked and has its header.
            descriptor = new_file(path.with_suffix(_NEW), 0o600, os.O_RDWR | os.O_APPEND)
            break
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    append_line(descriptor, header)
    os.rename(path.with_suffix(_NEW), path)
    sync_to_disk(path.parent)
    return descriptor, path


def append_line(descriptor: int, line: Mapping[str, Any]) -> None:
    """Add a line; it is on the disk when this returns."""
    data = json.dumps(line).encode("ascii") + b"\n"
    while data:
        data = data[os.write(descriptor, data) :]
    os.fsync(descriptor)


def dead(repo: Repo) -> Iterator[tuple[int, Path]]:
    """The journals that nobody holds, oldest first, each locked while the caller looks at it."""
    try:
        names = sorted(entry.name for entry in os.scandir(journal_folder(repo)))
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        path = journal_folder(repo) / name
        try:
            descriptor = open_own(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                if name.endswith(_SUFFIX):
                    yield descriptor, path
                else:
                    end_journal(path)  # it never began
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)


def read_journal(descriptor: int, path: Path) -> Record:
    """Read a journal. A line without its end was being written when its process died."""
    from cpv_hooks.recovery.journal_schema import check_action

    whole = os.pread(descriptor, os.fstat(descriptor).st_size, 0).split(b"\n")[:-1]
    try:
        header, *steps = [json.loads(line) for line in whole] or [{}]
        top, git_dir = Path(header.get("top", "")), Path(header.get("git_dir", ""))
        for step in steps:
            str(step["step"])
            for action in list(step["undo"]):
                check_action(action)
        return Record(str(header.get("what")), str(header.get("started")), top, git_dir, header.get("head"), steps)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = "a journal that cannot be read, so its operation stays half-done"
        raise CPVError(what, where=str(path), fix=f"rm {shell_path(path)}, then dvc cpv sync") from error


def end_journal(path: Path) -> None:
    """End a journal: durably, because one that came back would undo what was done."""
    path.unlink(missing_ok=True)
    with suppress(OSError):
        sync_to_disk(path.parent)
        path.parent.rmdir()
