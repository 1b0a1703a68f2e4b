"""Undoing what a transaction did to an artifact: file by file, from the cache.

A file goes back only where it still is what the transaction put there, and is in the cache before it goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cpv_hooks.dvcformat.file_hash import both_hashes
from cpv_hooks.dvcformat.pointer import Content, Named, Pointer
from cpv_hooks.errors import CPVError, disk_errors
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.worktree.base_index import BaseEntry
from cpv_hooks.worktree.materialise import lacking_objects, needed_objects
from cpv_hooks.worktree.placer import Placer
from cpv_hooks.worktree.removal import remove_artifact, remove_empty_parents
from cpv_hooks.worktree.snapshot import is_executable
from cpv_hooks.worktree.verified_in_cache import keep_in_cache
from cpv_hooks.worktree.workspace import Workspace

# Relative path (empty for a file artifact) -> what names the content.
Files = dict[str, Named]


def artifact(
    project: Project, path: str, before: Content | None, after: Content | None, base: BaseEntry | None
) -> Mapping[str, Any]:
    """An artifact, relative to the top: its content before and after (None: absent), both of which the cache holds.

    `base` is its entry in the index before.
    """
    return {
        "do": "artifact",
        "root": project.prefix,
        "path": path,
        "before": _record(before),
        "after": _record(after),
        "base": _record(base),
    }


def _record(content: Content | BaseEntry | None) -> dict[str, Any] | None:
    if content is None:
        return None
    found = {"oid": content.oid, "isexec": content.isexec, "legacy": content.legacy}
    return {**found, "left_out": True} if isinstance(content, BaseEntry) and content.left_out else found


def _entry(record: Mapping[str, Any]) -> BaseEntry:
    # Without a signature: the next sync reads the artifact and finds that it is this.
    left_out = bool(record.get("left_out"))
    return BaseEntry(record["oid"], record["isexec"], legacy=_is_legacy(record), left_out=left_out)


def _is_legacy(record: Mapping[str, Any] | None) -> bool:
    """Whether a record names DVC 2's hash; an older CPV does not say."""
    return record is not None and bool(record.get("legacy"))


def undo_artifact(repo: Repo, action: Mapping[str, Any], moved_on: str | None) -> None:
    """Carry it out, unless the commit `moved_on` has it. `CPVError` where the cache has lost what it held."""
    project = Project.open(repo, repo.top / action["root"])
    if moved_on is not None and _is_committed(project, action, moved_on):
        return
    space = Workspace.open(project)
    path = action["path"]
    with disk_errors(Path(path), by_name=True):
        _put_back(space, path, action)
    space.index.forget(path)
    if action["base"] is not None:
        space.index.set(path, _entry(action["base"]))
    space.index.save()


def _is_committed(project: Project, action: Mapping[str, Any], commit: str) -> bool:
    from cpv_hooks.project.pointers_at import pointers_at

    found = next((one for one in pointers_at(project, commit) if one.path == action["path"] and one.oid), None)
    after = action["after"]
    if found is None or after is None:
        return found is after
    return (found.oid, found.legacy) == (after["oid"], _is_legacy(after))


def _put_back(space: Workspace, path: str, action: Mapping[str, Any]) -> None:
    left_out = bool(action["base"] and action["base"].get("left_out"))
    before = _files(space, path, action["before"], may_lack=left_out)
    after = _files(space, path, action["after"], may_lack=left_out)
    target = space.target(path)
    now = _standing(space, path)
    ours = [
        name
        for name, isexec in now.items()
        if name in after and after[name] != before.get(name) and _is(space, target / name, isexec, after[name])
    ]
    keep_in_cache(space, [(after[name][0] or "", target / name) for name in ours], legacy=_is_legacy(action["after"]))
    gone = [name for name in ours if name not in before]
    if "" in gone:
        remove_artifact(target, None)
    elif target.is_dir() and (gone or not action["before"]):
        remove_artifact(target, gone)
    if not action["before"]:
        remove_empty_parents(space.project.repo.top, path)
    with Placer(space, legacy=_is_legacy(action["before"])) as placer:
        for name, (oid, isexec, _) in before.items():
            if name in ours or (name not in now and name not in after):
                placer.place(oid or "", target / name, isexec=isexec, root=target if name else None)
    if action["before"] and action["before"]["oid"].endswith(".dir"):
        target.mkdir(exist_ok=True)


def _files(space: Workspace, path: str, record: Mapping[str, Any] | None, *, may_lack: bool) -> Files:
    """What of a content was in the work tree; it `may_lack` what was left out, which the cache lacks too."""
    if record is None:
        return {}
    pointer = Pointer(
        file=f"{path}.dvc", path=path, oid=record["oid"], isexec=record["isexec"], legacy=_is_legacy(record)
    )
    found = needed_objects(pointer, space.cache)
    lost = set(lacking_objects(pointer, space.cache, (oid for _, oid in found)))
    if lost and not may_lack:
        raise CPVError(f"the cache lost object {min(lost)}", where=path, fix="look for a copy in other clones")
    return {name: (oid, pointer.isexec, pointer.legacy) for name, oid in found if oid not in lost}


def _is(space: Workspace, path: Path, isexec: bool, named: Named) -> bool:
    oid, wanted, legacy = named
    return isexec == wanted and space.cache.by(legacy=legacy).is_same(path, both_hashes(path), oid or "")


def _standing(space: Workspace, path: str) -> dict[str, bool]:
    """What stands there: relative path -> executable bit."""
    status = space.status(path)
    target = space.target(path)
    if status is None:
        return {}
    if not target.is_dir():
        return {"": is_executable(status)}
    return dict.fromkeys(space.listing(path).names, False)
