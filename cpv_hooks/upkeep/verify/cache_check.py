"""The copies in the cache of the objects that `verify` looks at: their bytes are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.dvcformat.file_hash import has_hash
from cpv_hooks.system.threads import each
from cpv_hooks.upkeep.verify.checked import Checked, State

_HASH_THREADS = 4


def check_in_cache(items: Sequence[Checked], cache: Cache, progress: Progress) -> None:
    """Note of each object the file that has it, how that is, and its size where it is sound."""
    for item in items:
        item.file = _find(cache, item.oid)
    progress.grow(sum(item.file.stat().st_size for item in items if item.file))

    def check(item: Checked) -> None:
        if item.file is None:
            return
        try:
            item.cache = _state_of(item, item.file, progress)
        except FileNotFoundError:
            item.file = None
            return
        if item.cache == "ok":
            item.size = item.file.stat().st_size

    each(check, items, _HASH_THREADS)


def _find(cache: Cache, oid: str) -> Path | None:
    """Whatever lies in an object's place, sound or not; else a good copy in that of DVC's other layout.

    A bad one there may be a good one by the rule of that layout, and is none of this one's.
    """
    own, other = cache.path(oid), cache.by(legacy=not cache.legacy).path(oid)
    if own.is_file():
        return own
    return other if other.is_file() and cache.holds(other, oid) else None


def _state_of(item: Checked, file: Path, progress: Progress) -> State:
    if has_hash(file, item.oid, legacy=item.legacy, advance=progress.advance):
        return "ok"
    return "corrupt" if item.size in (None, file.stat().st_size) else "wrong size"
