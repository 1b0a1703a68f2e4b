"""The lines of the checklist that this machine answers: Git's state, the files, the version."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.checks.subject import Subject
from cpv_hooks.console.check_result import Check
from cpv_hooks.console.output import few
from cpv_hooks.dvcformat.pointer import is_pointer_file, parse_pointers
from cpv_hooks.errors import CPVError, git_words, shell_path
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.config import Kind
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.system.signatures import Clock
from cpv_hooks.versions import tag_refs
from cpv_hooks.versions.numbering import Numbers
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.discovery import discover

_SHOWN = 3
_MAIN_KIND: dict[Line, Kind] = {Line.MODEL: "model", Line.DATA: "data"}
_IDENTITY = "git config --global user.name YOU && git config --global user.email YOU@EXAMPLE.COM"


def git_state(project: Project) -> Iterator[Check]:
    """There is a commit, and Git is not in the middle of something. No option passes over these."""
    repo = project.repo
    operation = repo.under_way()
    if operation:
        fix = f"finish it (git {operation} --continue) or git {operation} --abort"
        yield Check("git-state", "fail", f"a {operation} is under way", fix)
    elif conflicts := _status(repo)[1]:
        fix = "edit, then git add, each of them"
        yield Check("git-state", "fail", f"conflicts are not settled yet in {few(conflicts)}", fix)
    elif repo.resolve("HEAD") is None:
        yield Check("git-state", "fail", "there is no commit yet", "git add -A && git commit -m Start")
    elif not repo.ok("var", "GIT_COMMITTER_IDENT"):
        yield Check("git-state", "fail", "Git does not know who you are", _IDENTITY)
    else:
        yield Check("git-state", "ok", "nothing is under way")


def git_clean(project: Project, subject: Subject) -> Iterator[Check]:
    """No uncommitted changes.

    The artifacts of the operation may have changed, for they are what it is about, and so may `.gitignore` beside
    them. Those of the other line stay as they are, which is told. Files that Git does not track are nobody's changes:
    no commit of CPV takes them, and Git's checkout does not overwrite them.
    """
    repo = project.repo
    changed, _ = _status(repo)
    others = [path for path in changed if is_pointer_file(path) and not _lines_of(project, path) & {*subject.lines}]
    dirty = [path for path in changed if not is_pointer_file(path) and posixpath.basename(path) != ".gitignore"]
    branch = repo.run("symbolic-ref", "--quiet", "--short", "HEAD", check=False).strip()
    if dirty:
        verb = "has" if len(dirty) == 1 else "have"
        # By name, because a commit of everything would be a checkpoint of its own.
        fix = f"git commit {git_words(dirty) if len(dirty) <= _SHOWN else '-a'}, or git stash"
        yield Check("git-clean", "fail", f"{few(dirty)} {verb} uncommitted changes", fix)
    elif subject.makes_commit and not branch:
        what = "HEAD is detached, so the new commit would be on no branch"
        yield Check("git-clean", "fail", what, "git switch -c BRANCH")
    elif others:
        what = f"{few(others)} changed too, and this operation leaves that uncommitted"
        yield Check("git-clean", "warn", what, "dvc cpv checkpoint create takes both")
    else:
        yield Check("git-clean", "ok", "no uncommitted changes")


def _status(repo: Repo) -> tuple[list[str], list[str]]:
    """Tracked files that changed, in the index or in the work tree, and those in conflict."""
    listed = repo.run("status", "--porcelain=v2", "-z", "--untracked-files=no", "--no-renames").split("\0")
    # git-status(1), "Changed Tracked Entries": eight fields before the path, ten in a conflict.
    changed = [line.split(" ", 8)[8] for line in listed if line.startswith("1 ")]
    return changed, [line.split(" ", 10)[10] for line in listed if line.startswith("u ")]


def _lines_of(project: Project, file: str) -> set[Line]:
    """The lines of the artifacts that a pointer file names, by its own path where it cannot be read."""
    path = project.repo.top / file
    try:
        pointers = [pointer.path for pointer in parse_pointers(path.read_text(encoding="utf-8"), file)]
    except (CPVError, OSError, UnicodeDecodeError):
        pointers = [file.removesuffix(".dvc")]
    return {Line.of(project.kind_of(path)) for path in pointers}


def required_files(project: Project | None, subject: Subject) -> Iterator[Check]:
    """The source of an upload or an import is there; without one, the artifacts of the lines are."""
    if subject.source is not None:
        yield _source(subject.source)
    elif project is not None:
        for line in subject.lines:
            yield _artifacts(project, line)


def _source(source: Path) -> Check:
    if not os.path.lexists(source):
        return Check("required-files", "fail", f"{source}: no such file or folder", "name an existing path")
    if not (source.is_file() or source.is_dir()):
        why = "a link to nothing" if not source.exists() else "neither a file nor a folder"
        return Check("required-files", "fail", f"{source}: {why}", "name a file or a folder")
    if not os.access(source, os.R_OK | (os.X_OK if source.is_dir() else 0)):
        return Check("required-files", "fail", f"{source}: no permission to read", f"chmod u+r {shell_path(source)}")
    if source.is_dir() and not any(files for _, _, files in os.walk(source)):
        # A disk that is not mounted looks like this.
        return Check("required-files", "fail", f"{source}: no file in this folder", "name a folder with files")
    return Check("required-files", "ok", f"{source} is there")


def _artifacts(project: Project, line: Line) -> Check:
    """Whether a line has an artifact of its main kind, and all that it has are in the work tree."""
    state = project.repo.state
    index = Index.load(state)
    found = discover(project.repo, [project], index, Clock(state / state_files.CLOCK))
    if found.errors:
        raise found.errors[0]
    kinds = {pointer.path: project.kind_of(pointer.path) for _, pointer in found.pointers}
    if _MAIN_KIND[line] not in kinds.values():
        places = project.config.artifacts.get(_MAIN_KIND[line], ())
        where = " or ".join(places) or f"no path of kind {line} in .cpv.toml"
        fix = f"put it there: {where}" if places else f"name one under [artifacts] {line} in .cpv.toml"
        return Check("required-files", "fail", f"there is no {line} yet ({where})", fix)
    own = [(ours, pointer) for ours, pointer in found.pointers if Line.of(kinds[pointer.path]) is line]
    left_out = {path for path, entry in index.entries.items() if entry.left_out}
    wanted = [pointer.path for _, pointer in own if pointer.oid is not None or not pointer.imported]
    absent = [path for path in wanted if path not in left_out and not (project.repo.top / path).exists()]
    if absent:
        return Check("required-files", "fail", f"not in the work tree: {few(absent)}", "dvc cpv sync")
    return Check("required-files", "ok", f"{few([pointer.path for _, pointer in own])} there")


def tag(project: Project, subject: Subject) -> Iterator[Check]:
    """The version is well-formed, free and higher than all of its line, and Git takes its name."""
    numbers = Numbers.of(project.repo, scheme_of(project.config))
    following = [numbers.next_free(line) for line in subject.lines]
    if subject.version is None:
        yield Check("tag", "ok", f"the next: {', '.join(following)}")
        return
    try:
        named = numbers.explicit(subject.version, subject.lines)
        for line, name in named.items():
            tag_refs.check_tag_name(project.repo, name)
            numbers.refuse(line, name)
    except CPVError as error:
        fix = f"name another version ({following[0]}), or none for the next one"
        yield Check("tag", "fail", error.what, fix)
        return
    yield Check("tag", "ok", f"free: {', '.join(named.values())}")
