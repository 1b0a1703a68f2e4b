"""`.gitattributes` without the lines by which Git LFS has files: gitattributes(5)."""

from __future__ import annotations

import re

FILE = ".gitattributes"
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
