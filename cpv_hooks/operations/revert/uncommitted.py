"""What of the user's is not committed: what a revert keeps for the user, and what it refuses to overwrite."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from cpv_hooks.console.output import few
from cpv_hooks.dvcformat.pointer import Content, Pointer
from cpv_hooks.dvcformat.pointer_writer import render_pointer
from cpv_hooks.errors import CPVError, file_word
from cpv_hooks.git.commit import blob_at
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.operations.make.commit_draft import standing
from cpv_hooks.operations.make.work_tree import Tracked
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project

_FIX = "git commit (or git stash) them first"


class Dirt(NamedTuple):
    """Tracked files that differ from HEAD. `pointers` differ in nothing but the content that they name."""

    pointers: tuple[str, ...]
    others: tuple[str, ...]


def find_uncommitted(projects: Sequence[Project], tracked: Sequence[Tracked]) -> Dirt:
    """Look at the index and the work tree."""
    repo = projects[0].repo
    printed = repo.run("status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames")
    dirty = [row[3:] for row in printed.split("\0") if row]
    at_head = {pointer.path: pointer for project in projects for pointer in pointers_at(project, "HEAD")}
    here: dict[str, list[Pointer]] = {}
    for one in tracked:
        here.setdefault(one.pointer.file, []).append(one.pointer)
    ours = [file for file in dirty if file in here and _only_content(repo, file, here[file], at_head)]
    return Dirt(tuple(ours), tuple(file for file in dirty if file not in ours))


def _only_content(repo: Repo, file: str, pointers: Sequence[Pointer], at_head: Mapping[str, Pointer]) -> bool:
    """Whether a pointer file would be HEAD's if its artifacts were."""
    now, committed = standing(repo, file), blob_at(repo, file)
    if now is None or committed is None:
        return False
    text = now.decode()
    for pointer in pointers:
        old = at_head.get(pointer.path)
        if not pointer.writable or old is None or old.oid is None:
            return False
        text = render_pointer(text, pointer, Content(old.oid, old.size or 0, old.nfiles, old.isexec, old.legacy))
    return old_text(text, committed, pointers)


def old_text(text: str, committed: bytes, pointers: Sequence[Pointer]) -> bool:
    """Whether a text is the committed one, or was completed with versions that a snapshot took out again."""
    return text.encode() == committed or any(pointer.stored for pointer in pointers) or b"cloud:" in committed


def refuse(repo: Repo, dirt: Dirt, changes: Mapping[str, tuple[str | None, str | None]], *, force: bool) -> None:
    """Raise for changes that a checkout would meet: any, or with `force` those that Git would overwrite."""
    lost = [path for path in dirt.others if path in changes]
    if lost:
        raise CPVError(f"{few(sorted(lost))}: uncommitted changes would be lost", where=str(repo.top), fix=_FIX)
    if dirt.others and not force:
        fix = f"{_FIX}, or take them along with --force"
        raise CPVError(f"{few(sorted(dirt.others))}: changes that are not committed", where=str(repo.top), fix=fix)
    new = [path for path, (was, now) in changes.items() if was is None and now and os.path.lexists(repo.top / path)]
    taken = [path for path in new if not repo.ok("check-ignore", "--quiet", "--", f"./{path}")]
    if taken:
        what = f"{few(sorted(taken))}: not tracked, and would be overwritten"
        raise CPVError(what, where=str(repo.top), fix=f"mv {file_word(taken[0])} to another place")
