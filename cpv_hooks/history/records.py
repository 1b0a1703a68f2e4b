"""Commits and tags as Git stores them: https://git-scm.com/docs/git-mktag, `git cat-file -p`."""

from __future__ import annotations

import re
from typing import NamedTuple

_COMMIT = re.compile(rb"tree ([0-9a-f]+)\n(?:parent [0-9a-f]+\n)*author ([^\n]*)\ncommitter ([^\n]*)\n")
_TAG = re.compile(rb"object ([0-9a-f]+)\ntype ([a-z]+)\ntag [^\n]*\n(?:tagger ([^\n]*)\n)?")
_PERSON = re.compile(rb"(.*>) (\d{1,15}) [+-]\d+")
_ENCODING = re.compile(rb"^encoding ([!-~]+)$", re.MULTILINE)


class Commit(NamedTuple):
    """What a version needs of a commit. `time` is the committer's, in seconds since the epoch."""

    tree: str
    author: str
    time: int
    message: str


class TagObject(NamedTuple):
    """An annotated tag. `kind` is that of the object which it names; `time` is None where it has no tagger."""

    target: str
    kind: str
    time: int | None
    message: str


def commit(data: bytes) -> Commit | None:
    """Read a commit; None where it is none. A time that is no number is 0."""
    found = _COMMIT.match(data)
    if found is None:
        return None
    tree, author, committer = found.groups()
    end = data.find(b"\n\n")
    encoding = _ENCODING.search(data, found.end(), end if end > 0 else len(data))
    return Commit(
        tree.decode(),
        _text(_person(author)[0]),
        _person(committer)[1] or 0,
        _text(data[end + 2 :] if end > 0 else b"", encoding[1].decode() if encoding else "utf-8"),
    )


def tag(data: bytes) -> TagObject | None:
    """Read an annotated tag; None where it is none."""
    found = _TAG.match(data)
    if found is None:
        return None
    target, kind, tagger = found.groups()
    end = data.find(b"\n\n")
    time = _person(tagger)[1] if tagger else None
    return TagObject(target.decode(), kind.decode(), time, _text(data[end + 2 :] if end > 0 else b""))


def _person(value: bytes) -> tuple[bytes, int | None]:
    """`NAME <MAIL>` and the time, of `NAME <MAIL> SECONDS ZONE`."""
    found = _PERSON.fullmatch(value)
    return (found[1], int(found[2])) if found else (value, None)


def _text(raw: bytes, encoding: str = "utf-8") -> str:
    """Bytes that are no text in that encoding stay readable."""
    try:
        return raw.decode(encoding, "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")
