"""Content on its way to a remote that keeps versions, and the versions that it got."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cpv_hooks.console.output import warn
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.file_versions import Stored
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.project.expected import by_hash_rule
from cpv_hooks.project.project import Project
from cpv_hooks.remote.s3.versioned_places import path_of
from cpv_hooks.transfer.objects.store import Store
from cpv_hooks.transfer.objects.upload_queue import Queue

if TYPE_CHECKING:
    from cpv_hooks.remote.common.protocol import Blob
    from cpv_hooks.remote.s3.versioned_remote import VersionedRemote


def upload_versions(
    project: Project, pointers: Sequence[Pointer], progress: Progress | None = None
) -> dict[str, list[Stored]]:
    """Store what these pointers name and no version is known of; returns the files of each artifact, by its path.

    What the cache lacks is named in a warning, and its artifact is not in the result. Raises `RemoteError`.
    """
    found: dict[str, list[Stored]] = {}
    for legacy, group in by_hash_rule(pointers):
        store = Store(project, legacy=legacy)
        files: dict[str, list[Stored]] = {}
        blobs: dict[str, Blob] = {}
        for pointer in group:
            listed = _files(store, pointer)
            new = {path_of(project, pointer, file): file for file in listed or () if not _has_place(project, file)}
            here = {path: blob for path, file in new.items() if (blob := store.blob(file.oid))}
            if listed is None or len(here) < len(new):
                warn(f"{pointer.path}: the cache lacks some of it, so it cannot be uploaded")
                continue
            files[pointer.path] = listed
            blobs.update(here)
        if files:
            with progress or Progress("uploading") as shown:
                found.update(_send(project, store, {p.path: p for p in pointers}, files, blobs, shown))
    return found


def _files(store: Store, pointer: Pointer) -> list[Stored] | None:
    """The files of an artifact, those whose version is known with it; None where the cache cannot tell."""
    if not pointer.isdir:
        return [Stored("", pointer.oid or "", pointer.size)]
    if pointer.stored:
        return list(pointer.stored)
    blob = store.blob(pointer.oid or "")
    if blob is None:
        return None
    return [Stored(relpath, oid) for relpath, oid in store.read_listing(blob.path, blob.oid)]


def _has_place(project: Project, file: Stored) -> bool:
    return bool(file.version_id) and file.remote == project.remote_name


def _send(
    project: Project,
    store: Store,
    pointers: Mapping[str, Pointer],
    files: Mapping[str, list[Stored]],
    blobs: Mapping[str, Blob],
    progress: Progress,
) -> dict[str, list[Stored]]:
    remote: VersionedRemote = store.remote  # type: ignore[assignment]  # a versioned project has no other
    places = remote.put(blobs, progress)
    Queue.of(project.repo).record(remote.url, {place.name: place.size for place, _ in places.values()})

    def with_place(pointer: Pointer, file: Stored) -> Stored:
        path = path_of(project, pointer, file)
        if path not in places:
            return file
        place, etag = places[path]
        return file._replace(size=place.size, remote=project.remote_name, version_id=place.version_id, etag=etag)

    return {path: [with_place(pointers[path], file) for file in listed] for path, listed in files.items()}
