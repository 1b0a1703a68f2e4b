"""A large object on its way to this machine: its bytes from the start, kept until the rest is here.

It lies beside the object's place under a name that says which object, and which state of it, it is part of; one
process at a time writes it. What was kept is hashed again before it is gone on with, and nothing is installed before
the whole has the hash that it must have. `dvc cpv prune` removes what nobody goes on with.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cpv_hooks.dvcformat.cached_objects import PROTECTED
from cpv_hooks.dvcformat.file_hash import is_named
from cpv_hooks.errors import disk_errors
from cpv_hooks.system.atomic_files import TEMPORARY, beside
from cpv_hooks.system.locks import lock_at_once

_CHUNK = 1 << 20


class Partial:
    """An open file that grows at its end. Errors of the disk are `CPVError`s."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path
        self._digest = hashlib.md5(usedforsecurity=False)
        self.size = 0
        self.is_installed = False

    def take_up(self, total: int) -> int:
        """Hash what is here; returns its size in bytes. What is longer than the object cannot be a part of it."""
        if os.fstat(self._descriptor).st_size > total:
            self.discard()
        while chunk := os.pread(self._descriptor, _CHUNK, self.size):
            self._digest.update(chunk)
            self.size += len(chunk)
        return self.size

    def append(self, data: bytes) -> None:
        """Add the next bytes."""
        view = memoryview(data)
        with disk_errors(self._path.parent):
            while view:
                written = os.pwrite(self._descriptor, view, self.size)
                self._digest.update(view[:written])
                self.size += written
                view = view[written:]

    def discard(self) -> None:
        """Throw away all bytes."""
        os.ftruncate(self._descriptor, 0)
        self._digest, self.size = hashlib.md5(usedforsecurity=False), 0

    def has_hash(self, oid: str, *, legacy: bool) -> bool:
        """Whether these are all the bytes of an object."""
        return is_named(self._path, self._digest.hexdigest(), oid, legacy=legacy)

    def install(self, to: Path) -> None:
        """Give the file its name, read-only."""
        with disk_errors(to.parent):
            os.fchmod(self._descriptor, PROTECTED)
            os.replace(self._path, to)
        self.is_installed = True


@contextmanager
def begun(to: Path, mark: str | None) -> Iterator[Partial]:
    """The file for an object that will be installed as `to`, open for the length of a block.

    With a `mark`, one of that mark is taken up, and what is not installed is kept; while another process works on it,
    and without a mark, the file is a new one that does not outlast the block.
    """
    with disk_errors(to.parent):
        to.parent.mkdir(parents=True, exist_ok=True)
        path = to.parent / f"{mark}{TEMPORARY}"
        descriptor = lock_at_once(path) if mark is not None else None
        kept = descriptor is not None
        if descriptor is None:
            path = beside(to)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    partial = Partial(descriptor, path)
    try:
        yield partial
    finally:
        # Before the lock goes: the next one could have taken it up.
        if not partial.is_installed and not (kept and partial.size):
            path.unlink(missing_ok=True)
        os.close(descriptor)
