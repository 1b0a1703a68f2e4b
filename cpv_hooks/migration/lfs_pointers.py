"""Git LFS's pointer files: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cpv_hooks.errors import CPVError
from cpv_hooks.git.objects import objects_of
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple

MAX_BYTES = 1024
"""A pointer file is smaller than this."""
_VERSIONS = (b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/")
_OID = re.compile(rb"^oid sha256:([0-9a-f]{64})$", re.MULTILINE)
_SIZE = re.compile(rb"^size (\d{1,18})$", re.MULTILINE)


class LfsFile(NamedTuple):
    """A file that a commit keeps in Git LFS. `path` is from the top, `blob` the Git object of the pointer."""

    path: str
    sha256: str
    size: int
    isexec: bool
    blob: str


def parse_lfs_pointer(data: bytes) -> tuple[str, int] | None:
    """SHA-256 and size that a pointer file names; None for what is none.

    Raises `CPVError` for one of a Git LFS extension, whose objects are not the files' bytes.
    """
    if not data.startswith(_VERSIONS) or len(data) >= MAX_BYTES:
        return None
    oid, size = _OID.search(data), _SIZE.search(data)
    if oid is None or size is None:
        return None
    if b"\next-" in data:
        raise CPVError("is kept through a Git LFS extension, which CPV cannot undo", fix="git lfs migrate export first")
    return oid[1].decode(), int(size[1])


def lfs_files_at(repo: Repo, rev: str) -> Iterator[LfsFile]:
    """The files that a commit keeps in Git LFS, in order of path."""
    listed = repo.run("ls-tree", "-r", "-z", "-l", rev).split("\0")
    small = []
    for line in filter(None, listed):
        head, _, path = line.partition("\t")
        mode, kind, blob, size = head.split()
        if kind == "blob" and mode.startswith("100") and 0 < int(size) < MAX_BYTES:
            small.append((path, blob, mode == "100755"))
    return read_lfs_pointers(repo, small)


def read_lfs_pointers(repo: Repo, files: Sequence[tuple[str, str, bool]]) -> Iterator[LfsFile]:
    """Those of small files (path, blob, whether executable) that are pointers."""
    found = objects_of(repo).read_all([blob for _, blob, _ in files])
    for (path, blob, isexec), read in zip(files, found, strict=True):
        try:
            named = parse_lfs_pointer(read.data or b"") if read else None
        except CPVError as error:
            raise CPVError(error.what, where=path, fix=error.fix) from error
        if named is not None:
            yield LfsFile(path, *named, isexec, blob)
