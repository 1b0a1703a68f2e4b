"""Good copies of lost objects that still stand in a work tree."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid, is_dir_oid
from cpv_hooks.git.repo import Repo
from cpv_hooks.worktree.base_index import Index


def save_from_work_tree(repo: Repo, cache: Cache, oid: str, paths: Iterable[str]) -> bool:
    """Put an object into the cache from one of these artifacts or files of one, if one still has its bytes.

    `paths` are relative to the top. A directory object is made again of what the artifact's files were when they last
    agreed with it. Raises `CPVError` where the cache cannot be written.
    """
    if is_dir_oid(oid):
        return any(_save_directory_object(repo, cache, oid, path) for path in paths)
    return any(_save_file(cache, oid, repo.top / path) for path in paths)


def _save_file(cache: Cache, oid: str, file: Path) -> bool:
    try:
        return file.is_file() and cache.holds(file, oid) and cache.add_file(file)[0] == oid[:32]
    except OSError:
        return False


def _save_directory_object(repo: Repo, cache: Cache, oid: str, path: str) -> bool:
    tree = Index.load(repo.state).read_tree(path, oid)
    if tree is None:
        return False
    data = dir_object_bytes(tree.whole())
    if dir_oid(data) != oid:
        return False
    cache.add_bytes(oid, data)
    return True
