"""A conflict that is settled by new content: `git add` of a pointer with markers, whose artifact was trained again."""

from __future__ import annotations

from cpv_hooks.dvcformat.conflict_markers import has_conflict
from cpv_hooks.dvcformat.pointer import parse_pointers
from cpv_hooks.errors import CPVError
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.worktree.artifact import Artifact
from cpv_hooks.worktree.current_content import current_content
from cpv_hooks.worktree.workspace import Workspace


def take_ours_where_trained(space: Workspace, file: str) -> None:
    """Put our side of the pointer in the place of the markers, where the artifact is neither side's any more.

    The artifact is then one that has changed since, which the commit takes. Without new content the markers stay.
    """
    repo = space.project.repo
    path = repo.top / file
    try:
        if path.is_symlink() or not has_conflict(path.read_text(encoding="utf-8")):
            return
        text = repo.run("cat-file", "blob", f":2:{file}", check=False)
        trained = any(_is_new(Artifact.at(space, pointer.path)) for pointer in parse_pointers(text, file))
    except (CPVError, OSError, UnicodeDecodeError):
        return
    if trained:
        write_atomic(path, text.encode())


def _is_new(artifact: Artifact) -> bool:
    if artifact.status is None or artifact.entry is None or artifact.same:
        return False
    # Times alone do not tell: it may have been written in the tick of its base.
    content = current_content(artifact, artifact.entry).content
    return (content.oid, content.legacy) != (artifact.entry.oid, artifact.entry.legacy)
