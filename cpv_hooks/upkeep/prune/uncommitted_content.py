"""What is needed without any commit: indexes, pointers on the disk, bases of syncs, rescues, journals."""

from __future__ import annotations

import os
import posixpath
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.dvcformat.pointer import is_pointer_file
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.linked_worktree import listed_top
from cpv_hooks.project.pointer_reader import PIPELINE
from cpv_hooks.project.project import Project
from cpv_hooks.upkeep.prune.mentions import MentionReader, Mentions, ids_in, in_pointer
from cpv_hooks.upkeep.verify.starts import git_dirs, work_tree_environment
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.pointer_files import all_pointer_files
from cpv_hooks.worktree.rescue_list import rescues


def work_trees(repo: Repo) -> list[Repo]:
    """Every work tree whose folder is there, this one first, each once."""
    listed = repo.run("worktree", "list", "--porcelain").splitlines()
    tops = [listed_top(repo, line.removeprefix("worktree ")) for line in listed if line.startswith("worktree ")]
    found = {repo.git_dir: repo}
    for top in tops:
        if top.is_dir() and not os.path.samefile(top, repo.top):
            try:
                tree = Repo.discover(top)
            except CPVError:
                continue  # the folder of a bare repository, or one that is no work tree any more
            found.setdefault(tree.git_dir, tree)
    return list(found.values())


def mentions(repo: Repo, reader: MentionReader) -> Mentions:
    """All that is mentioned outside of commits."""
    found = Mentions({rescue.oid for rescue in rescues(repo)})
    found.oids.update(*(ids_in(data) for data in _read(_files(repo.shared / state_files.JOURNAL))))
    for git_dir in git_dirs(repo):
        found.add(_in_index(repo, git_dir, reader))
        found.oids |= _bases(git_dir / state_files.FOLDER)
        found.oids.update(*(ids_in(data) for data in _read([git_dir / state_files.FOLDER / state_files.DETOUR])))
    for tree in work_trees(repo):
        for name in all_pointer_files(tree):
            beside = [(tree.top / name).with_name(PIPELINE)] if name.endswith("dvc.lock") else []
            pipeline = next(_read(beside), None)
            for data in _read([tree.top / name]):
                found.add(in_pointer(data, name, pipeline))
    return found


def _in_index(repo: Repo, git_dir: Path, reader: MentionReader) -> Mentions:
    """The pointers that are staged in a work tree; of one in conflict every side."""
    found = Mentions()
    entries: list[tuple[str, str]] = []
    for line in repo.run("ls-files", "--stage", "-z", env=work_tree_environment(git_dir)).split("\0"):
        head, _, name = line.partition("\t")
        if name and not head.startswith("160000"):
            entries.append((name, head.split()[1]))
    pipelines = {name: oid for name, oid in entries if posixpath.basename(name) == PIPELINE}
    for name, oid in entries:
        if is_pointer_file(name):
            beside = posixpath.join(posixpath.dirname(name), PIPELINE) if name.endswith("dvc.lock") else ""
            found.add(reader.in_blob(oid, name, pipelines.get(beside)))
    return found


def _bases(state: Path) -> set[str]:
    """What artifacts held when they last agreed with their pointers; a directory's files by the memory of the sync."""
    index = Index.load(state)
    found: set[str] = set()
    for path, entry in index.entries.items():
        found |= {entry.oid, entry.placing or entry.oid}
        tree = index.read_tree(path, entry.oid) if entry.isdir else None
        found.update(oid for _, oid in (tree.whole() if tree else ()))
    for _, _, pointers in index.pointers.values():
        found.update(pointer.oid for pointer in pointers if pointer.oid)
    return found


def recent_runs(project: Project, grace: float) -> set[str]:
    """What DVC's memory of young runs names (`grace` is in seconds): `dvc repro` may ask for it."""
    since = time.time() - grace
    files = [path for path in _files(project.cache_dir / "runs") if path.stat().st_mtime >= since]
    return set[str]().union(*(ids_in(data) for data in _read(files)))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []


def _read(files: list[Path]) -> Iterator[bytes]:
    for file in files:
        with suppress(FileNotFoundError, NotADirectoryError):
            if file.is_file():  # and no pipe
                yield file.read_bytes()
