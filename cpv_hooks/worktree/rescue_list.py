"""The list of contents that CPV moved out of the way: what, when, why, and how to get it back.

The bytes are in DVC's cache; the list (in CPV's shared state, one JSON object a line) keeps them
findable, and `prune` leaves them alone until they are dropped from it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from cpv_hooks import state_files
from cpv_hooks.dvcformat.pointer import Content, Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.system.locks import locked
from cpv_hooks.system.own_files import open_own


class Rescue(NamedTuple):
    """One rescued content. `number` counts from 1; `when` is ISO 8601 in UTC; `size` is in bytes.

    `legacy`: the hash is DVC 2's.
    """

    number: int
    when: str
    path: str
    oid: str
    size: int
    isexec: bool
    why: str
    legacy: bool = False

    @property
    def pointer(self) -> Pointer:
        return Pointer(file="", path=self.path, oid=self.oid, isexec=self.isexec, legacy=self.legacy)

    def as_line(self) -> str:
        """Its line of the list; what is not said is not so."""
        return json.dumps({name: value for name, value in self._asdict().items() if name != "legacy" or value})


def record(repo: Repo, path: str, content: Content, *, why: str) -> Rescue:
    """Append to the list; durable when it returns. The same content of the same artifact is listed once."""
    with locked(repo.shared / state_files.RESCUES_LOCK, wait=True, say="noting a rescue"):
        known = list(rescues(repo))
        for rescue in known:
            if (rescue.path, rescue.oid, rescue.legacy) == (path, content.oid, content.legacy):
                return rescue
        when = datetime.now(UTC).isoformat(timespec="seconds")
        number = max((rescue.number for rescue in known), default=0) + 1
        rescue = Rescue(number, when, path, content.oid, content.size or 0, content.isexec, why, content.legacy)
        _append(repo, rescue.as_line())
    return rescue


def _append(repo: Repo, line: str) -> None:
    descriptor = open_own(repo.shared / state_files.RESCUES, os.O_RDWR | os.O_APPEND | os.O_CREAT)
    with os.fdopen(descriptor, "a+b") as stream:
        # A kill in the middle of a line must not take the next one with it.
        if stream.tell():
            stream.seek(-1, os.SEEK_END)
            line = line if stream.read(1) == b"\n" else f"\n{line}"
        stream.write(line.encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


def drop_rescues(
    repo: Repo, numbers: Collection[int] = (), *, everything: bool = False, before: datetime | None = None
) -> list[Rescue]:
    """Take rescues off the list: these numbers, all, or those from before a time; returns what was taken off.

    Their bytes stay in the cache until `prune` removes them. All or nothing: a number that is not listed is
    a `CPVError`.
    """
    with locked(repo.shared / state_files.RESCUES_LOCK, wait=True, say="noting a rescue"):
        known = list(rescues(repo))
        strange = sorted(set(numbers) - {rescue.number for rescue in known})
        if strange:
            raise CPVError(f"there is no rescue {strange[0]}", where=str(repo.top), fix="dvc cpv rescue list")
        gone = [rescue for rescue in known if everything or rescue.number in numbers or _is_before(rescue, before)]
        if gone:
            kept = "".join(rescue.as_line() + "\n" for rescue in known if rescue not in gone)
            write_atomic(repo.shared / state_files.RESCUES, kept.encode(), durable=True)
    return gone


def _is_before(rescue: Rescue, moment: datetime | None) -> bool:
    try:
        return moment is not None and datetime.fromisoformat(rescue.when) < moment
    except (ValueError, TypeError):
        return False


def rescues(repo: Repo) -> Iterator[Rescue]:
    """Everything on the list, oldest first; a torn last line is passed over."""
    try:
        with os.fdopen(open_own(repo.shared / state_files.RESCUES, os.O_RDONLY), "rb") as stream:
            lines = stream.read().decode("utf-8", "replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return
    for line in lines:
        try:
            yield Rescue(**json.loads(line))
        except (ValueError, TypeError):
            continue
