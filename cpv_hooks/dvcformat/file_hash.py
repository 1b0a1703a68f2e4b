"""Whether a file holds what an object's name promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cpv_hooks.dvcformat.cache import md5_of


def has_hash(
    path: Path, oid: str, *, legacy: bool = False, advance: Callable[[int], None] = lambda count: None
) -> bool:
    """Whether a file's bytes have an object's hash; DVC 2 hashed text with Unix's line ends (`legacy`)."""
    return is_named(path, md5_of(path, advance), oid, legacy=legacy)


def is_named(path: Path, digest: str, oid: str, *, legacy: bool) -> bool:
    """Likewise, for a file whose md5 the caller has just computed."""
    if digest == oid[:32]:
        return True
    if not legacy:
        return False

    return legacy_md5(path) == oid[:32]


def legacy_md5(path: Path) -> str:
    """The hash that DVC 2 gave a file: of a text file, with its line ends turned to Unix's."""
    from dvc_data.hashfile.hash import file_md5
    from dvc_objects.fs.local import localfs

    value: str = file_md5(str(path), localfs, name="md5-dos2unix")
    return value
