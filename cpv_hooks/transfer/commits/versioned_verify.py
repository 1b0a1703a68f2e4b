"""Whether the versions that pointers name are on the remote, whole."""

from __future__ import annotations

from collections.abc import Sequence

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.project.project import Project
from cpv_hooks.remote.s3.versioned_places import VersionedPlace, pointer_places
from cpv_hooks.transfer.objects.upload_objects import Missing, Published
from cpv_hooks.transfer.objects.upload_queue import Queue


def verify_versions(project: Project, pointers: Sequence[Pointer]) -> Published:
    """Look for each version by its id, and compare sizes; what was seen once is not looked for again.

    Nothing can be uploaded here: a version that is gone has an id that no other one gets. Raises `RemoteError`.
    """
    from cpv_hooks.remote.s3.versioned_remote import VersionedRemote
    from cpv_hooks.transfer.objects.open import open_remote

    wanted: dict[VersionedPlace, Missing] = {}
    for pointer in pointers:
        for file, place in pointer_places(project, pointer):
            wanted.setdefault(place, Missing(pointer, file.oid, file.relpath or None))
    remote = open_remote(project)
    assert isinstance(remote, VersionedRemote)
    queue = Queue.of(project.repo)
    known = queue.verified(remote.url, [place.name for place in wanted])
    asked = [place for place in wanted if place.name not in known]
    sizes = remote.sizes(asked) if asked else {}
    there = {place for place, size in sizes.items() if place.size in (None, size)}
    queue.record(remote.url, {place.name: sizes[place] for place in there})
    gone = [place for place in asked if place not in there]
    return Published(present=len(wanted) - len(gone), missing=tuple(wanted[place] for place in gone))
