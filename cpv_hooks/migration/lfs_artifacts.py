"""Which artifacts the files that a commit keeps in Git LFS become: each one of its own, or a folder of them.

The lines of `.gitattributes` by which Git LFS has them go: gitattributes(5).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from cpv_hooks.migration.lfs_pointers import LfsFile
from cpv_hooks.project.project import Project, is_pattern

_ATTRIBUTES = ".gitattributes"
_LFS = frozenset((b"filter=lfs", b"diff=lfs", b"merge=lfs", b"lockable"))
_ALSO = b"-text"
_LINE = re.compile(rb'(\s*(?:"(?:[^"\\]|\\.)*"|\S+))((?:\s+\S+)*)\s*', re.DOTALL)


def without_lfs(text: bytes) -> bytes:
    """The text without what `git lfs track` wrote. Attributes of the user's own stay with their pattern."""
    return b"".join(filter(None, map(_kept, text.splitlines(keepends=True))))


def _kept(line: bytes) -> bytes:
    found = _LINE.fullmatch(line)
    words = found[2].split() if found else []
    if found is None or line.lstrip().startswith(b"#") or not _LFS & set(words):
        return line
    rest = [word for word in words if word not in _LFS]
    if set(rest) <= {_ALSO}:
        return b""
    return b" ".join([found[1], *rest]) + line[len(line.rstrip(b"\r\n")) :]


def named_paths(project: Project) -> list[str]:
    """The paths (from the top) that `.cpv.toml` names outright, which may be folders."""
    patterns = [pattern for found in project.config.artifacts.values() for pattern in found]
    return sorted(project.prefix + posixpath.normpath(one) for one in patterns if not is_pattern(one))


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
    return posixpath.basename(path) == _ATTRIBUTES
