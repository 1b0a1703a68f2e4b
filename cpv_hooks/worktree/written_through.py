"""Artifacts that are links into the cache (`cache.type`) and were written through: the cache's object of what they were
has their new content.

Whoever could write it may have left it read-only (root, or a job that put the mode back), and a read-only object is
believed. So it is made writable: DVC and CPV hash it then before they use it, and bring it from the remote. A symbolic
link would show what is brought, so it becomes another name of the file that it leads to, which open writers keep.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.system.atomic_files import TEMPORARY
from cpv_hooks.worktree.artifact import Artifact
from cpv_hooks.worktree.snapshot import Snapshot

_WRITABLE = 0o644


def distrust_overwritten(artifact: Artifact, taken: Snapshot) -> None:
    """Let nobody believe the objects that an artifact is a link to and whose content it had before."""
    space = artifact.space
    for oid, file in _before(artifact, taken):
        place = space.cache.path(oid)
        # Not where it is not there, or another user's.
        with suppress(OSError):
            if os.path.samefile(place, file):
                os.chmod(place, _WRITABLE)
                if os.path.islink(file):
                    _name_its_file(place, file, space.staging(Path(file).parent))


def _name_its_file(place: Path, link: str, staging: Path) -> None:
    """Put a hard link in the place of a symbolic one; none can be made to another file system."""
    temporary = staging / f"{os.urandom(8).hex()}{TEMPORARY}"
    os.link(place, temporary)
    try:
        os.replace(temporary, link)
    finally:
        temporary.unlink(missing_ok=True)


def is_overwritten(cache: Cache, oid: str) -> bool:
    """Whether the cache has other content under the name of an object."""
    return os.path.exists(cache.path(oid)) and not cache.has_own(oid)


def _before(artifact: Artifact, taken: Snapshot) -> Iterator[tuple[str, str]]:
    """The hash that each changed file had at the base, and the file."""
    target, entry = str(artifact.space.target(artifact.path)), artifact.entry
    if entry is None or entry.legacy:
        return
    if not artifact.isdir:
        yield entry.oid, target
    elif artifact.tree is not None and taken.tree is not None:
        now = dict(taken.tree.rows())
        yield from ((oid, f"{target}/{name}") for name, oid in artifact.tree.rows() if now.get(name, oid) != oid)
