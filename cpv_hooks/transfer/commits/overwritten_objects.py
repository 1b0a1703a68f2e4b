"""What a commit says of artifacts that were written through their links into the cache (`cache.type`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cpv_hooks.console.output import say, warn
from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.dvcformat.directory_object import read_dir_object
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError, file_word
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.store import Stores
from cpv_hooks.worktree.written_through import is_overwritten


def tell_overwritten(project: Project, commit: str) -> None:
    """Say of each artifact of a commit whether the remote has what it was before, where the cache has it no more."""
    if project.repo.resolve(f"{commit}^") is None:
        return
    stores, now = Stores(project), {pointer.path: pointer for pointer in pointers_at(project, commit)}
    cache = Cache(project.cache_dir)
    for old in pointers_at(project, f"{commit}^"):
        new = now.get(old.path)
        if new is None or old.legacy or old.oid in (None, new.oid):
            continue
        lost = [oid for oid in _replaced(cache, old, new) if is_overwritten(cache, oid)]
        if lost:
            _tell(project, stores, old, lost)


def _tell(project: Project, stores: Stores, old: Pointer, lost: Sequence[str]) -> None:
    what = "was written through its link into DVC's cache"
    store = stores.of(old)
    asks = store.has_remote and project.config.push_when == "commit"
    missing = store.remote.missing(lost) if asks else set()
    if missing or not store.has_remote:
        gone = sorted(missing or lost)
        count = f"{len(gone)} objects, e.g. {gone[0]}" if len(gone) > 1 else f"object {gone[0]}"
        fix = f"dvc push in a clone that still has it; dvc unprotect {file_word(old.path)} before it is written again"
        warn(str(CPVError(f"{what}: neither that nor the remote has {count} now", where=old.path, fix=fix)))
    else:
        say(f"{old.path} {what}; a checkout brings what it was before from the remote")


def _replaced(cache: Cache, old: Pointer, new: Pointer) -> Iterator[str]:
    """The objects of a pointer that the newer one does not need, as far as the cache can say."""
    if not old.isdir:
        yield str(old.oid)
        return
    was, now = (cache.find(str(pointer.oid)) for pointer in (old, new))
    if was is not None and now is not None and new.isdir:
        kept = {oid for _, oid in read_dir_object(now, str(new.oid))}
        yield from dict.fromkeys(oid for _, oid in read_dir_object(was, str(old.oid)) if oid not in kept)
