"""What stands in an artifact's place, taken into the cache by the rule of whoever named it."""

from __future__ import annotations

from typing import Protocol

from cpv_hooks.worktree.artifact import Artifact
from cpv_hooks.worktree.legacy_snapshot import take_as
from cpv_hooks.worktree.snapshot import Snapshot, take_directory, take_file


class Naming(Protocol):
    @property
    def oid(self) -> str | None:
        """The hash."""

    @property
    def legacy(self) -> bool:
        """Whether it is DVC 2's."""


def current_content(artifact: Artifact, *names: Naming | None) -> Snapshot:
    """What stands in an artifact's place, by now in the cache.

    New content gets DVC 3's hash. What one of `names` has named by DVC 2's keeps that name for as long as it is what it
    was: a pointer changes with its artifact, and not with the tool that looks at it.
    """
    wanted = by_dvc_2(*names)
    if wanted:
        found = take_as(artifact, wanted)
        if found is not None:
            return found
    space, path = artifact.space, artifact.path
    return take_directory(space, path, artifact.look) if artifact.isdir else take_file(space, path)


def by_dvc_2(*names: Naming | None) -> set[str]:
    """Those of the hashes that are DVC 2's."""
    return {name.oid for name in names if name is not None and name.legacy and name.oid is not None}
