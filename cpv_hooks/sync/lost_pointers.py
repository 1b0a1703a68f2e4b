"""Pointers that are gone from the work tree although nobody took their artifacts out of Git: a job that empties its
output folder and writes it anew, `git clean`, `git stash -u`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress

from cpv_hooks.console.output import say
from cpv_hooks.dvcformat.pointer import Pointer, parse_pointers
from cpv_hooks.errors import CPVError, file_word
from cpv_hooks.git.gitignore import file_for, is_ignored
from cpv_hooks.git.index import index_entries, keep_tracked
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project, pattern_matcher
from cpv_hooks.sync.sync_policy import SyncPolicy
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.system.own_files import link_above
from cpv_hooks.system.signatures import signature
from cpv_hooks.worktree.base_index import BaseEntry, Index
from cpv_hooks.worktree.discovery import Found, owner


def bring_back(repo: Repo, policy: SyncPolicy, index: Index, found: Found, projects: list[Project]) -> bool:
    """Let artifacts that the settings name have pointers again; whether there is something new to discover.

    A pointer that no commit has had is written as for a new artifact. One in Git's index comes back from there where
    its artifact has been written anew since; so does one that `git commit -a` has just taken out for the commit under
    way, because it was gone from the disk.
    """
    if policy.follow:
        return False
    anew = [path for path in found.lost(index) if _is_new_again(repo, path, projects)]
    for path in anew:
        index.forget(path)
    taken = [f"{path}.dvc" for path in found.lost(index)] if policy.committing else []
    back = [file for file in (*found.gone, *taken) if _comes_back(repo, policy, index, found, projects, file)]
    said = _in_index(repo, back)
    for file, pointer in said.items():
        names = (file, file_for(file))
        for name in names:
            _write_from_index(repo, name)
        if file in taken:
            keep_tracked(repo, names)
        if pointer.oid is not None:  # of what was saved and not committed since, this pointer does not know
            index.set(pointer.path, BaseEntry(pointer.oid, pointer.isexec, legacy=pointer.legacy))
        what = "written again and its pointer was gone, so it counts as changed"
        say(f"{pointer.path}: {what}; to stop tracking it: git rm {file_word(file)}")
    return bool(anew or said)


def is_stashed(repo: Repo, path: str) -> bool:
    """Whether a stash holds the pointer of an artifact as an untracked file (its third parent, git-stash(1))."""
    stashes = repo.run("log", "--walk-reflogs", "--format=%H", "refs/stash", "--", check=False).split()
    return any(repo.batch_check([f"{stash}^3:{path}.dvc" for stash in stashes], "%(objectsize)"))


def was_committed(repo: Repo, path: str) -> bool:
    """Whether this history had the pointer of an artifact: then it is gone because somebody took it out of Git."""
    return bool(repo.run("rev-list", "-1", "HEAD", "--", f":(literal){path}.dvc", check=False).strip())


def released(repo: Repo, projects: list[Project], found: Found, index: Index) -> Iterator[CPVError]:
    """Says of each artifact that is here and that the settings name why no commit takes it: its pointer was taken out
    of Git."""
    for path in sorted(index.released - found.paths - found.kept):
        if os.path.lexists(repo.top / path) and link_above(repo.top, path) is None and _is_named(projects, path):
            what = "its pointer was taken out of Git, so no commit takes it, although .cpv.toml names it"
            fix = f"dvc add {file_word(path)} (to version it again), or take it out of [artifacts] in .cpv.toml"
            yield CPVError(what, where=path, fix=fix)


def _is_new_again(repo: Repo, path: str, projects: list[Project]) -> bool:
    there = os.path.lexists(repo.top / path) and link_above(repo.top, path) is None
    return there and _is_named(projects, path) and not is_stashed(repo, path) and not was_committed(repo, path)


def _is_named(projects: list[Project], path: str) -> bool:
    project = owner(projects, path)
    if project is None:
        return False
    patterns = tuple(pattern for kind in project.config.artifacts.values() for pattern in kind)
    return bool(pattern_matcher(patterns)(path.removeprefix(project.prefix)))


def _path(file: str) -> str:
    return file.removesuffix(".dvc")


def _in_index(repo: Repo, files: list[str]) -> dict[str, Pointer]:
    """What Git's own index has of these pointer files, where each is that of the artifact beside it alone. That of the
    commit under way may lack them."""
    found = dict[str, Pointer]()
    for file in index_entries(repo, files):
        with suppress(CPVError):
            pointers = parse_pointers(repo.run("cat-file", "blob", f":{file}"), file)
            if [pointer.path for pointer in pointers] == [_path(file)]:
                found[file] = pointers[0]
    return found


def _comes_back(repo: Repo, policy: SyncPolicy, index: Index, found: Found, projects: list[Project], file: str) -> bool:
    path = _path(file)
    allowed = policy.only is None or file in policy.only
    if path in found.paths or not allowed or link_above(repo.top, file) is not None:
        return False  # what lies behind a link, Git does not follow
    return _is_named(projects, path) and _is_rewritten(repo, index, path) and not _is_let_go(repo, path)


def _is_rewritten(repo: Repo, index: Index, path: str) -> bool:
    """Whether an artifact is there, and is not the one that its pointer was left with."""
    entry = index.entries.get(path)
    if entry is None or entry.left_out or entry.placing is not None:
        return False
    try:
        status = os.lstat(repo.top / path)
        if not entry.isdir or not stat.S_ISDIR(status.st_mode):
            return signature(status) != entry.signature
        tree = index.read_tree(path, entry.oid)
        if tree is None or not len(tree.listing.names):
            return False
        first = os.lstat(repo.top / path / next(iter(tree.listing.names)))
        return signature(first) != tree.listing.signature(0)
    except FileNotFoundError:
        return os.path.lexists(repo.top / path)


def _is_let_go(repo: Repo, path: str) -> bool:
    """Whether `dvc remove` was here, which takes the artifact's line out of `.gitignore` too."""
    return (repo.top / file_for(path)).is_file() and not is_ignored(repo, path)


def _write_from_index(repo: Repo, name: str) -> None:
    target = repo.top / name
    if not os.path.lexists(target) and repo.ok("cat-file", "-e", f":{name}"):
        write_atomic(target, repo.run("cat-file", "blob", f":{name}").encode("utf-8", "surrogateescape"))
