"""Uploads that begin while a commit is still being made: as soon as the hash of a large artifact is known.

The pre-commit hook hands each such artifact to a process of its own, which outlives it; the post-commit hook waits for
that one and sends what is left. Objects are named by their content, so those of a commit that was given up harm nobody
and go with the next `dvc cpv prune --remote`. Whatever fails here is done, and said, by the post-commit hook.

The process holds a lock as long as it lives, taken before it starts, so that nobody can miss it, and notes in the
locked file how far it is.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.project.project import Project
from cpv_hooks.system.locks import is_held, lock_at_once

LARGE = 32 << 20
"""Bytes from which an artifact is worth a process; below, the upload takes no longer than starting one."""
_POLL = 0.05  # seconds
_NOTE_EVERY = 0.2  # seconds


class EarlyUploads:
    """Hands artifacts over; each DVC root has at most one process at work."""

    def __init__(self) -> None:
        self._pipes: dict[Path, int | None] = {}
        self._offered: set[tuple[str | None, str | None]] = set()

    def offer(self, project: Project, pointer: Pointer, size: int) -> None:
        """Begin to upload what a pointer names, of which `size` bytes are new, where it pays and will be wanted."""
        remote, known = project.remote_name_of(pointer), project.remote_of(pointer)
        is_wanted = project.config.push_when == "commit" and known is not None and pointer.is_pushed
        if size < LARGE or not is_wanted or (known and known.versioned) or (pointer.oid, remote) in self._offered:
            return
        self._offered.add((pointer.oid, remote))
        if project.root not in self._pipes:
            self._pipes[project.root] = _start(project)
        pipe = self._pipes[project.root]
        if pipe is not None:
            line = json.dumps({name: getattr(pointer, name) for name in ("file", "path", "oid", "size", "remote")})
            # A process that has ended, or is far behind: the post-commit hook does it.
            with suppress(OSError):
                os.write(pipe, line.encode("ascii") + b"\n")

    def close(self) -> None:
        """Nothing more comes; what was handed over is still sent."""
        for pipe in self._pipes.values():
            if pipe is not None:
                os.close(pipe)
        self._pipes.clear()


@contextmanager
def early_uploads() -> Iterator[EarlyUploads]:
    """Early uploads for the length of a hook."""
    uploads = EarlyUploads()
    try:
        yield uploads
    finally:
        uploads.close()


def _lock_file(project: Project) -> Path:
    from cpv_hooks.project.project import root_key
    from cpv_hooks.transfer.commits.upload_locks import lock_file

    return lock_file(project.repo, root_key(project), state_files.EARLY)


def _start(project: Project) -> int | None:
    """Start the process; returns the pipe to it, or None where one is at work already, for another commit."""
    from cpv_hooks.git.detached_process import spawn

    lock = lock_at_once(_lock_file(project))
    if lock is None:
        return None
    try:
        os.ftruncate(lock, 0)
        reading, writing = os.pipe()
        try:
            os.set_blocking(writing, False)
            spawn("cpv_hooks.transfer.commits.early_upload", project.root, stdin=reading, lock=lock)
        finally:
            os.close(reading)
        return writing
    finally:
        # The lock lives on in the process that has it open now.
        os.close(lock)


class _Noted(Progress):
    """Progress that others read from the locked file: bytes done and bytes in all."""

    def __init__(self, descriptor: int) -> None:
        super().__init__("uploading")
        self._descriptor = descriptor
        self._noted = 0.0

    def grow(self, count: int) -> None:
        super().grow(count)
        self._note()

    def advance(self, count: int) -> None:
        super().advance(count)
        self._note()

    def _note(self) -> None:
        now = time.monotonic()
        if now - self._noted > _NOTE_EVERY:
            self._noted = now
            os.pwrite(self._descriptor, f"{self.done:>20} {self.total:>20}\n".encode("ascii"), 0)


def main(argv: list[str]) -> int:
    """`python -m cpv_hooks.transfer.commits.early_upload ROOT`: a JSON line on the standard input for each artifact."""
    from cpv_hooks.errors import CPVError
    from cpv_hooks.git.repo import Repo
    from cpv_hooks.project.expected import project_for
    from cpv_hooks.project.project import Project
    from cpv_hooks.transfer.objects.upload_objects import Delivery

    root = Path(argv[0])
    project = Project.open(Repo.discover(root), root)
    progress = _Noted(3)
    for line in sys.stdin:
        pointer = Pointer(**json.loads(line))
        with suppress(CPVError, OSError):
            Delivery(project_for(project, pointer), False, progress).run({str(pointer.oid): pointer}, upload=True)
    return os.EX_OK


def join_early_upload(project: Project, progress: Progress) -> None:
    """Return when no such process is at work any more; shows how far it is."""
    path, done, total = _lock_file(project), 0, 0
    while is_held(path):
        with suppress(ValueError, OSError):
            now, whole = map(int, state_files.read_bytes(path).split())
            progress.grow(whole - total)
            progress.advance(now - done)
            done, total = now, whole
        time.sleep(_POLL)
    progress.grow(done - total)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
