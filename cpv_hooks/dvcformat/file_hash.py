"""The hash that names an object, and whether a file holds what such a name promises.

DVC 3 names content by its md5. DVC 2 turned the line ends of text to Unix's first (`md5-dos2unix`, here `legacy`), so
that a file with CRLF and the same file with LF have one name. The rule is that of `dvc_data.hashfile.hash`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from cpv_hooks.system.copying import copy_and_hash

_CHUNK = 1 << 20  # DVC decides for each chunk of this size whether it is text
_LOOKED_AT = 512
_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"
_MOST_NON_TEXT = 0.30


def md5_of(path: str | Path, advance: Callable[[int], None] = lambda count: None) -> str:
    with open(path, "rb", buffering=0) as stream:
        return copy_and_hash(stream, None, advance)[0]


def legacy_md5(path: str | Path, advance: Callable[[int], None] = lambda count: None) -> str:
    """The hash that DVC 2 gave a file: of a text file, with its line ends turned to Unix's."""
    return both_hashes(path, advance)[1]


def both_hashes(path: str | Path, advance: Callable[[int], None] = lambda count: None) -> tuple[str, str]:
    """The md5 of a file and the hash that DVC 2 gave it, in one read."""
    plain, legacy = hashlib.md5(usedforsecurity=False), hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            plain.update(chunk)
            legacy.update(with_unix_line_ends(chunk))
            advance(len(chunk))
    return plain.hexdigest(), legacy.hexdigest()


def with_unix_line_ends(chunk: bytes) -> bytes:
    """What DVC 2 hashed of a chunk of a file."""
    start = chunk[:_LOOKED_AT]
    is_text = b"\0" not in start and len(start.translate(None, _TEXT)) <= _MOST_NON_TEXT * len(start)
    return chunk.replace(b"\r\n", b"\n") if is_text else chunk


def has_hash(
    path: str | Path, oid: str, *, legacy: bool = False, advance: Callable[[int], None] = lambda count: None
) -> bool:
    """Whether a file's bytes have an object's hash, by the rule of DVC 2 where it is a `legacy` one."""
    return is_named(path, md5_of(path, advance), oid, legacy=legacy)


def is_named(path: str | Path, digest: str, oid: str, *, legacy: bool) -> bool:
    """Likewise, for a file whose md5 the caller has just computed."""
    return digest == oid[:32] or (legacy and legacy_md5(path) == oid[:32])
