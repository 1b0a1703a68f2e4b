"""Where the objects of a repository lie on a remote that keeps versions: as its pointers say, now and ever."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

from cpv_hooks.dvcformat.file_versions import Stored, listing_of
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project


class VersionedPlace(NamedTuple):
    """A version of a file; `path` is relative to the DVC root, `size` in bytes where the pointer says it."""

    path: str
    version_id: str
    size: int | None = None

    @property
    def name(self) -> str:
        """Under which it is recorded as seen."""
        return f"{self.path}?versionId={self.version_id}"


def path_of(project: Project, pointer: Pointer, file: Stored) -> str:
    """A file's path relative to the DVC root."""
    return "/".join(filter(None, [pointer.path.removeprefix(project.prefix), file.relpath]))


def pointer_places(project: Project, pointer: Pointer) -> Iterator[tuple[Stored, VersionedPlace]]:
    """The versions on the remote at hand that a pointer names."""
    for file in pointer.stored:
        if file.version_id and file.remote == project.remote_name:
            yield file, VersionedPlace(path_of(project, pointer, file), file.version_id, file.size)


class Places:
    """What the pointers of a DVC root say; read when it is first asked, the history only for what is not found now."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._places: dict[str, dict[VersionedPlace, None]] = {}
        self._listings: dict[str, bytes] = {}
        self._unread = [self._ever, self._now]
        self._lock = threading.Lock()

    def of(self, oid: str) -> tuple[VersionedPlace, ...]:
        self._read_for(oid)
        return tuple(self._places.get(oid, ()))

    def listing(self, oid: str) -> bytes | None:
        """The directory object of this hash, made from a pointer that lists the directory's files."""
        self._read_for(oid)
        return self._listings.get(oid)

    def _read_for(self, oid: str) -> None:
        with self._lock:
            while oid not in self._places and oid not in self._listings and self._unread:
                self._learn(self._unread.pop()())

    def _learn(self, pointers: Iterable[Pointer]) -> None:
        for pointer in pointers:
            for file, place in pointer_places(self._project, pointer):
                self._places.setdefault(file.oid, {})[place] = None
            if pointer.oid and pointer.isdir and pointer.stored:
                self._listings[pointer.oid] = listing_of(pointer.stored)

    def _now(self) -> Iterator[Pointer]:
        """Those of the work tree; who works with one that cannot be read says so."""
        from cpv_hooks.worktree.pointer_files import readable_pointers

        return (pointer for pointer in readable_pointers(self._project.repo) if self._project.holds(pointer.file))

    def _ever(self) -> Iterator[Pointer]:
        from cpv_hooks.project.pointers_at import pointers_ever

        return pointers_ever(self._project)
