"""Which artifacts the files that a commit keeps in Git LFS become: each one of its own, or a folder of them."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence

from cpv_hooks.migration.lfs_attributes import FILE as ATTRIBUTES
from cpv_hooks.migration.lfs_pointers import LfsFile
from cpv_hooks.project.project import Project

_GLOB = frozenset("*?[")


def named_paths(project: Project) -> list[str]:
    """The paths (from the top) that `.cpv.toml` names outright, which may be folders."""
    patterns = [pattern for found in project.config.artifacts.values() for pattern in found]
    return sorted(project.prefix + posixpath.normpath(one) for one in patterns if not _GLOB & set(one))


def grouped(files: Iterable[LfsFile], folders: Sequence[str], plain: Collection[str]) -> Mapping[str, list[LfsFile]]:
    """The files of each artifact by its path.

    A folder that `.cpv.toml` names is one artifact where Git LFS has all that Git tracks there; `plain` are the other
    paths that Git tracks.
    """
    mixed = {folder for folder in folders for path in plain if path.startswith(f"{folder}/")}
    found: dict[str, list[LfsFile]] = {}
    for file in files:
        inside = (folder for folder in folders if file.path.startswith(f"{folder}/") and folder not in mixed)
        found.setdefault(next(inside, file.path), []).append(file)
    return found


def is_attributes(path: str) -> bool:
    """Whether a file is one of Git's attributes, which goes with Git LFS."""
    return posixpath.basename(path) == ATTRIBUTES
