"""One publication: what the cache has and the remote lacks, in the one safe order.

Files go first, a directory object only when all its files are there, because its presence promises them. What was
seen on the remote is recorded (`queue.Queue`), so that a commit looks only at what is new.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.store import NOT_HASHED, Listing, Store
from cpv_hooks.transfer.objects.upload_queue import Queue

if TYPE_CHECKING:
    from cpv_hooks.remote.common.protocol import Blob
    from cpv_hooks.system.signatures import Signature

BELIEVED = 24 * 3600.0
"""Seconds for which an object that was seen on the remote is taken to be there still."""
_RECORD_EVERY = 500
_FILES_AT_ONCE = 200_000


def _none_older(_: str) -> Collection[str]:
    return ()


class Missing(NamedTuple):
    """An object that a pointer needs and nobody has; `relpath` is its place in a directory artifact.

    `remote` is the URL of the remote that should have it.
    """

    pointer: Pointer
    oid: str
    relpath: str | None = None
    remote: str | None = None

    @property
    def path(self) -> str:
        """The file that it is, relative to the top of the work tree."""
        return f"{self.pointer.path}/{self.relpath}" if self.relpath else self.pointer.path


class Published(NamedTuple):
    """What a publication did: objects and bytes sent, objects that were there already, objects nobody has."""

    uploaded: int = 0
    bytes: int = 0
    present: int = 0
    missing: tuple[Missing, ...] = ()

    def with_more(self, other: Published) -> Published:
        return Published(
            self.uploaded + other.uploaded,
            self.bytes + other.bytes,
            self.present + other.present,
            self.missing + other.missing,
        )


class Delivery:
    """The publication of a set of pointers in one layout (`legacy`: DVC 2's)."""

    def __init__(
        self,
        project: Project,
        legacy: bool,
        progress: Progress,
        older: Callable[[str], Collection[str]] = _none_older,
        doubted: Collection[str] | None = None,
        hashed: Mapping[str, Signature] = NOT_HASHED,
    ) -> None:
        """`older` names, for a directory artifact's path, the directory objects of the versions before.

        What is `doubted` is looked for again, and with it any file of a directory: it may have gone with a retired
        version (by default what those have). `hashed` see `Store`.
        """
        if doubted is None:
            from cpv_hooks.project import retired

            doubted = retired.content(project.repo)
        self._doubted = doubted
        self._project = project
        self._store = Store(project, legacy=legacy, hashed=hashed)
        self._queue = Queue.of(project.repo)
        self._progress = progress
        self._older = older
        # Where a run may take away what another clone has seen, nobody's memory counts.
        self._believed = 0.0 if project.config.runs_free == "at once" else BELIEVED
        self._lock = threading.Lock()
        self._fresh: dict[str, int | None] = {}
        self._uploaded = self._bytes = self._present = 0

    def run(self, wanted: dict[str, Pointer], *, upload: bool) -> Published:
        """Make what these pointers (by their object) need be on the remote; without `upload` only look."""
        if upload and wanted:
            from cpv_hooks.transfer.objects.open import refuse_vanished

            refuse_vanished(self._project, self._store.remote)
        known = self._known(wanted)
        todo = {oid: pointer for oid, pointer in wanted.items() if oid not in known}
        files = {oid: Missing(pointer, oid) for oid, pointer in todo.items() if not is_dir_oid(oid)}
        try:
            lost = self._settle(files, upload=upload)
            for batch in self._batches({oid: pointer for oid, pointer in todo.items() if is_dir_oid(oid)}):
                lost |= self._directories(batch, todo, upload=upload)
        finally:
            self._flush()
        return Published(self._uploaded, self._bytes, self._present, tuple(lost.values()))

    def _known(self, wanted: dict[str, Pointer]) -> set[str]:
        """The objects that are known to be on the remote.

        One that was last seen long ago is looked for again: somebody may have pruned it as needed by no ref. A
        directory object stands for its files, for it goes before them.
        """
        remote, queue = self._store.remote, self._queue
        recorded = queue.verified(remote.url, wanted)
        old = recorded - queue.verified(remote.url, recorded, since=time.time() - self._believed)
        old |= {oid for oid in recorded if oid in self._doubted}
        if not old:
            return recorded
        sizes = {oid: size for oid in old if (size := _size(Missing(wanted[oid], oid), None)) is not None}
        gone = remote.missing(sorted(old), sizes)
        queue.record(remote.url, {oid: sizes.get(oid) for oid in old - gone})
        folders = filter(is_dir_oid, gone)
        files = {file for oid in folders for _, file in self._store.listing(oid, self._progress) or ()}
        queue.forget(remote.url, gone | files)
        return recorded - gone

    def _batches(self, wanted: dict[str, Pointer]) -> Iterator[dict[str, Listing | None]]:
        """What directory objects list, so many at a time that a long history of large ones fits in memory."""
        batch: dict[str, Listing | None] = {}
        count = 0
        for oid, pointer in wanted.items():
            found = self._additions(oid, pointer)
            batch[oid] = self._store.listing(oid, self._progress) if found is None else found
            count += len(batch[oid] or ())
            if count >= _FILES_AT_ONCE:
                yield batch
                batch, count = {}, 0
        yield batch

    def _additions(self, oid: str, pointer: Pointer) -> Listing | None:
        """The files of a directory that an older version, which is on the remote with all of its own, has not."""
        older = [base for base in self._older(pointer.path) if is_dir_oid(base) and base not in self._doubted]
        there = self._queue.verified(self._store.remote.url, older, since=time.time() - self._believed)
        found = (self._store.additions(oid, base) for base in older if base in there)
        return next((listing for listing in found if listing is not None), None)

    def _directories(
        self, listings: dict[str, Listing | None], pointers: dict[str, Pointer], *, upload: bool
    ) -> dict[str, Missing]:
        files: dict[str, Missing] = {}
        for oid, listing in listings.items():
            for relpath, file in listing or ():
                files.setdefault(file, Missing(pointers[oid], file, relpath))
        lost = self._settle(files, upload=upload)
        self._flush()
        whole = {oid: Missing(pointers[oid], oid) for oid in listings if not _needs(listings[oid], lost)}
        lost |= self._settle(whole, upload=upload)
        return lost | {oid: Missing(pointers[oid], oid) for oid in listings if listings[oid] is None}

    def _remembered(self, wanted: Collection[str]) -> set[str]:
        """The files that were just seen there. Nobody here may know which ones a retired version's folders had."""
        if not self._believed or self._doubted:
            return set()
        return self._queue.verified(self._store.remote.url, wanted, since=time.time() - self._believed)

    def _settle(self, wanted: dict[str, Missing], *, upload: bool) -> dict[str, Missing]:
        """Make these objects be on the remote; returns those that are not."""
        remote = self._store.remote
        known = self._remembered(wanted)
        blobs = {oid: blob for oid in wanted if oid not in known and (blob := self._store.blob(oid))}
        sizes = {oid: size for oid in wanted if (size := _size(wanted[oid], blobs.get(oid))) is not None}
        absent = remote.missing([oid for oid in wanted if oid not in known], sizes)
        self._present += len(wanted) - len(absent)
        self._record({oid: sizes.get(oid) for oid in wanted if oid not in known and oid not in absent})
        sent = [blobs[oid] for oid in wanted if oid in absent and oid in blobs] if upload else []
        if sent:
            remote.upload(sent, self._progress, self._sent)
        uploaded = {blob.oid for blob in sent}
        return {oid: wanted[oid] for oid in wanted if oid in absent and oid not in uploaded}

    def _sent(self, blob: Blob) -> None:
        with self._lock:
            self._uploaded += 1
            self._bytes += blob.size
            batch = self._noted({blob.oid: blob.size})
        # Outside of the lock: the other threads need not wait for the disk.
        self._queue.record(self._store.remote.url, batch)

    def _record(self, sizes: dict[str, int | None]) -> None:
        self._queue.record(self._store.remote.url, self._noted(sizes))

    def _noted(self, sizes: dict[str, int | None]) -> dict[str, int | None]:
        """What is to be recorded now, once it is enough."""
        self._fresh.update(sizes)
        if len(self._fresh) < _RECORD_EVERY:
            return {}
        batch, self._fresh = self._fresh, {}
        return batch

    def _flush(self) -> None:
        self._queue.record(self._store.remote.url, self._fresh)
        self._fresh = {}


def _size(item: Missing, blob: Blob | None) -> int | None:
    if blob is not None:
        return blob.size
    whole = item.relpath is None and not is_dir_oid(item.oid)
    return item.pointer.size if whole and not item.pointer.legacy else None


def _needs(listing: Listing | None, lost: dict[str, Missing]) -> bool:
    """Whether a directory cannot be promised: it is unknown, or one of its files is lost."""
    return listing is None or any(oid in lost for _, oid in listing)
