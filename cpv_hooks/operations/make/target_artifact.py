"""Which artifact a file or a folder that a user names is for."""

from __future__ import annotations

import fnmatch
import os
import posixpath
import stat
from collections.abc import Sequence
from pathlib import Path

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError, file_word, git_word
from cpv_hooks.git.gitignore import hidden
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.operations.make import work_tree
from cpv_hooks.operations.make.commit_draft import PointerChange
from cpv_hooks.operations.make.new_content import check_source, of_path
from cpv_hooks.operations.make.work_tree import Tracked
from cpv_hooks.project.config import FILE, Kind
from cpv_hooks.project.project import Project, is_pattern
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.worktree.new_artifacts import overlaps, tracked_by_git
from cpv_hooks.worktree.spread import Spread
from cpv_hooks.worktree.workspace import Workspace

_KIND: dict[Line, Kind] = {Line.MODEL: "model", Line.DATA: "data"}


class _Candidate(NamedTuple):
    """An artifact that a source may be for; `path` is relative to the top. Only a `chief` one takes any name."""

    path: str
    chief: bool


def target_change(
    project: Project, line: Line, source: Path, tracked: Sequence[Tracked], spread: Spread | None = None
) -> PointerChange:
    """What putting `source` in the place of the line's artifact changes; only reads.

    Of several artifacts the one with the source's own name is meant. Raises `CPVError` where that is not clear, or the
    source cannot be taken.
    """
    here = _inside(project, source)
    if not (here is not None and any(one.pointer.path == here for one in tracked)):
        # An artifact may be a link into the cache; nothing else may.
        check_source(source)
    path = _own(project, line, here, tracked) or artifact_for(project, line, source, tracked)
    one = at(project, path, tracked, spread)
    check_place(project, one, source, here)
    if here == path:
        found = work_tree.read_content(one)
        assert found is not None, "its status was read above"
        return PointerChange(one.space, one.pointer, found, in_place=True)
    return PointerChange(one.space, one.pointer, of_path(one.space, source, path), in_place=False)


def _inside(project: Project, source: Path) -> str | None:
    """The source's path from the top of the work tree; None where it lies elsewhere. Links on the way are followed."""
    absolute = Path(os.path.realpath(source.absolute().parent), source.name)
    if source.name in ("", ".."):
        absolute = Path(os.path.realpath(source))
    top = Path(os.path.realpath(project.repo.top))
    return absolute.relative_to(top).as_posix() if absolute.is_relative_to(top) else None


def _own(project: Project, line: Line, here: str | None, tracked: Sequence[Tracked]) -> str | None:
    if here is None or not any(one.pointer.path == here for one in tracked):
        return None
    kind = project.kind_of(here)
    if Line.of(kind) is not line:
        other = "data" if line is Line.MODEL else "model"
        raise CPVError(f"is {kind}, not {line}", where=here, fix=f"dvc cpv {other} upload {file_word(here)}")
    return here


def artifact_for(project: Project, line: Line, source: Path, tracked: Sequence[Tracked]) -> str:
    """The path of the artifact that a source of this name is for. Raises `CPVError` where that is not clear."""
    name = Path(os.path.realpath(source)).name
    candidates = _candidates(project, line, name, tracked)
    named = sorted({one.path for one in candidates if posixpath.basename(one.path) == name})
    if len(named) == 1:
        return named[0]
    chief = sorted({one.path for one in candidates if one.chief})
    if len(chief) == 1 and not named:
        return chief[0]
    kind = _KIND[line]
    if not chief:
        what = f"no {kind} artifact is configured"
        raise CPVError(what, where=f"{project.root / FILE}", fix=f'{kind} = ["{name}"] under [artifacts] in {FILE}')
    what = f"may be for any of {', '.join(named or chief)}"
    raise CPVError(what, where=str(source), fix="give the file or folder the name of the one you mean")


def _candidates(project: Project, line: Line, name: str, tracked: Sequence[Tracked]) -> list[_Candidate]:
    kind = _KIND[line]
    found = []
    for one in tracked:
        own = project.kind_of(one.pointer.path)
        if Line.of(own) is line and own != "metrics" and one.pointer.writable:
            found.append(_Candidate(one.pointer.path, own == kind))
    for pattern in project.config.artifacts.get(kind, ()):
        if not is_pattern(pattern):
            found.append(_Candidate(project.prefix + posixpath.normpath(pattern), True))
        elif fnmatch.fnmatchcase(name, posixpath.basename(pattern)) and not is_pattern(posixpath.dirname(pattern)):
            found.append(_Candidate(project.prefix + posixpath.join(posixpath.dirname(pattern), name), True))
    return found


def at(project: Project, path: str, tracked: Sequence[Tracked], spread: Spread | None = None) -> Tracked:
    """The artifact of that path (from the top), which may be a new one."""
    if tracked:
        space = tracked[0].space
    else:
        space = Workspace.open(project)
        space.spread = spread
    new = Tracked(space, Pointer(file=f"{path}.dvc", path=path, oid=None))
    return next((one for one in tracked if one.pointer.path == path), new)


def put(project: Project, path: str, source: Path, tracked: Sequence[Tracked]) -> PointerChange:
    """What putting `source`, which lies elsewhere, in the place of an artifact changes; only reads."""
    one = at(project, path, tracked)
    check_place(project, one, source, None)
    return PointerChange(one.space, one.pointer, of_path(one.space, source, path), in_place=False)


def check_place(project: Project, one: Tracked, source: Path, here: str | None, *, leaves_git: bool = False) -> None:
    """Raise where the source and the artifact's place cannot be brought together.

    `here` is the source's path from the top of the work tree; None where it lies elsewhere. With `leaves_git` what Git
    tracks there is about to be the artifact.
    """
    path, pointer = one.pointer.path, one.pointer
    if not pointer.writable:
        fix = f"dvc update {file_word(pointer.file)}" if pointer.imported else "dvc repro"
        raise CPVError("belongs to DVC's own commands", where=path, fix=fix)
    status = one.space.status(path)
    is_folder = stat.S_ISDIR(source.stat().st_mode)
    if here is not None and here != path and (here == "." or overlaps(here, [path])):
        what = "lies inside the artifact" if here.startswith(f"{path}/") else "holds the artifact"
        raise CPVError(f"{what} {path}", where=str(source), fix=f"move it out, or upload {path} itself")
    target = project.repo.top / path
    if here is not None and not {".git", ".dvc"}.isdisjoint(here.split("/")):
        # Among them a file of secrets, `.dvc/config.local`.
        raise CPVError("is Git's or DVC's own", where=str(source), fix="name a file or a folder of yours")
    if status is None and os.path.lexists(target):
        raise CPVError("a link that leads nowhere is in its place", where=path, fix=f"rm {file_word(path)}")
    was_folder = stat.S_ISDIR(status.st_mode) if status else pointer.isdir if pointer.oid else None
    if was_folder is not None and was_folder != is_folder:
        is_a, was_a = ("folder", "file") if is_folder else ("file", "folder")
        what = f"is a {is_a}, and the artifact {path} is a {was_a}"
        raise CPVError(what, where=str(source), fix=f"name a {was_a}, or git rm {git_word(pointer.file)} first")
    for error in hidden(project.repo, [pointer.file]).values():
        raise error
    if not leaves_git and project.repo.run("ls-files", "-z", "--", f":(literal){path}"):
        raise tracked_by_git(path)
