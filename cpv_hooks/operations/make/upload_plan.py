"""What the pointers of a commit to come need on the remote: what is missing there, found by looking; and sending it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cpv_hooks.console.output import few, size_text
from cpv_hooks.console.plan import Effect
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.dvcformat.file_versions import Stored
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.operations.make.new_content import NewContent
from cpv_hooks.project.expected import by_hash_rule, by_remote, expected, lacks_version
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.commits.versioned_commit import upload_versions
from cpv_hooks.transfer.objects.store import Store
from cpv_hooks.transfer.objects.upload_objects import Delivery, Missing
from cpv_hooks.transfer.objects.upload_queue import Queue


class _Layout(NamedTuple):
    """The pointers of one remote and layout (DVC 3's or DVC 2's) and the contents that are not in the cache yet."""

    project: Project
    store: Store
    pointers: Sequence[Pointer]
    new: Mapping[str, NewContent]


def effects(project: Project, pointers: Sequence[Pointer], new: Iterable[NewContent], rev: str) -> list[Effect]:
    """The objects that `send_missing` will store, by their address on the remote. Only looks.

    `new` are the contents that are not in the cache yet; `rev` is the commit that the new one follows. Raises
    `CPVError` for what neither the cache nor the remote has, and `RemoteError` where the remote cannot be asked.
    """
    known = {item.content.oid: item for item in new}
    found: list[Effect] = []
    for at, group in by_remote(project, _uploaded(project, pointers)):
        for legacy, wanted in by_hash_rule(group):
            layout = _Layout(at, Store(at, legacy=legacy), wanted, known)
            found += _versions(layout) if at.remote_versioned else _objects(layout, rev)
    return found


def send_missing(project: Project, pointers: Sequence[Pointer], rev: str) -> dict[str, list[Stored]]:
    """Store what is missing, verified, whatever `[push] when` says; the cache has it by now.

    On a remote that keeps versions the result is where each artifact lies there, by its path. Raises `RemoteError`, and
    `CPVError` for what nobody has.
    """
    found: dict[str, list[Stored]] = {}
    for at, group in by_remote(project, _uploaded(project, pointers)):
        if at.remote_versioned:
            found |= _send_versions(at, group, rev)
        else:
            _send_objects(at, group, rev)
    return found


def _uploaded(project: Project, pointers: Iterable[Pointer]) -> list[Pointer]:
    return [pointer for pointer in pointers if expected(project, pointer)]


def _send_objects(project: Project, pointers: Sequence[Pointer], rev: str) -> None:
    missing: list[Missing] = []
    with Progress("uploading") as progress:
        for legacy, group in by_hash_rule(pointers):
            part = {pointer.oid: pointer for pointer in group if pointer.oid}
            missing += Delivery(project, legacy, progress).run(part, upload=True).missing
    _refuse(project, missing, rev)


def _refuse(project: Project, missing: Sequence[Missing], rev: str) -> None:
    rules = ((item, expected(project, item.pointer, [rev])) for item in missing)
    missing = [item for item, rule in rules if rule and rule.required]
    if missing:
        what = f"neither the cache nor the remote has {few([item.path for item in missing])}"
        raise CPVError(what, where=str(project.root), fix="dvc cpv sync, or dvc push in a clone that has it")


def _objects(layout: _Layout, rev: str) -> list[Effect]:
    store, remote = layout.store, layout.store.remote
    queue = Queue.of(layout.project.repo)
    known = queue.verified(remote.url, {pointer.oid or "" for pointer in layout.pointers})
    needed: dict[str, Missing] = {}
    lost: list[Missing] = []
    for pointer in layout.pointers:
        if pointer.oid not in known:
            listed = _listing(layout, pointer)
            lost += [Missing(pointer, pointer.oid or "")] if listed is None else []
            needed.update((item.oid, item) for item in listed or () if item.oid not in needed)
    asked = needed.keys() - queue.verified(remote.url, needed.keys())
    sizes = {oid: size for oid in asked if (size := _size(layout, oid)) is not None}
    absent = remote.missing(list(asked), sizes)
    lost += [needed[oid] for oid in absent if oid not in sizes]
    _refuse(layout.project, lost, rev)
    sent = [oid for oid in needed if oid in absent and oid in sizes]
    addresses = ((oid, store.remote.address(oid)) for oid in sorted(sent, key=is_dir_oid))
    return [Effect("s3", f"put {address} ({size_text(sizes[oid])})") for oid, address in addresses]


def _listing(layout: _Layout, pointer: Pointer) -> list[Missing] | None:
    """The objects of a pointer, the directory object last; None where nobody has that."""
    oid = pointer.oid or ""
    if not is_dir_oid(oid):
        return [Missing(pointer, oid)]
    if oid in layout.new:
        rows: Sequence[tuple[str, str]] = [(name, file) for name, file, _ in layout.new[oid].files()]
    else:
        blob = layout.store.blob(oid)
        found = layout.store.read_listing(blob.path, oid) if blob else layout.store.remote_listing(oid)
        if found is None:
            return None
        rows = found
    return [*(Missing(pointer, file, name) for name, file in rows), Missing(pointer, oid)]


def _size(layout: _Layout, oid: str) -> int | None:
    """The bytes of an object that this machine has; None where it has not."""
    for content in layout.new.values():
        if oid in content.objects:
            return content.objects[oid]
    blob = layout.store.blob(oid)
    return None if blob is None else blob.size


def _versions(layout: _Layout) -> list[Effect]:
    from cpv_hooks.remote.s3.versioned_places import path_of
    from cpv_hooks.remote.s3.versioned_remote import VersionedRemote

    remote = layout.store.remote
    assert isinstance(remote, VersionedRemote)
    found = []
    for pointer in (item for item in layout.pointers if lacks_version(layout.project, item)):
        for file in _files(layout, pointer):
            if not (file.version_id and file.remote == layout.project.remote_name):
                size = size_text(_size(layout, file.oid) or file.size or 0)
                key = remote.key_of(path_of(layout.project, pointer, file))
                found.append(Effect("s3", f"put s3://{remote.options.bucket}/{key} ({size})"))
    return found


def _files(layout: _Layout, pointer: Pointer) -> Iterator[Stored]:
    if pointer.stored:
        yield from pointer.stored
        return
    for item in _listing(layout, pointer) or ():
        if not is_dir_oid(item.oid):
            yield Stored(item.relpath or "", item.oid)


def _send_versions(project: Project, pointers: Sequence[Pointer], rev: str) -> dict[str, list[Stored]]:
    lacking = [pointer for pointer in pointers if lacks_version(project, pointer)]
    found = upload_versions(project, lacking)
    _refuse(project, [Missing(pointer, pointer.oid or "") for pointer in lacking if pointer.path not in found], rev)
    return found
