"""Commits and tags as Git stores them: https://git-scm.com/docs/git-mktag, `git cat-file -p`."""

from __future__ import annotations

import re

from cpv_hooks.named_tuple import NamedTuple

# A person is `NAME <MAIL> SECONDS ZONE`; of one that is not, all stands for the name.
_TIME = rb"(?:[^\n]*> (\d{1,15}) [+-]\d+|[^\n]*)"
_COMMIT = re.compile(
    rb"tree ([0-9a-f]+)\n(?:parent [0-9a-f]+\n)*"
    rb"author (?:([^\n]*>) \d{1,15} [+-]\d+|([^\n]*))\ncommitter " + _TIME + rb"\n"
)
_TAG = re.compile(rb"object ([0-9a-f]+)\ntype ([a-z]+)\ntag [^\n]*\n(?:tagger " + _TIME + rb"\n)?")
_TAGGER = r"\ntagger ([^\n]*>)"
_SIGNATURE = r"(?m)^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SIGNED MESSAGE|SSH SIGNATURE)-----"
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


def parse_commit(data: bytes) -> Commit | None:
    """Read a commit; None where it is none. A time that is no number is 0."""
    found = _COMMIT.match(data)
    if found is None:
        return None
    tree, author, nobody, time = found.groups()
    end = data.find(b"\n\n")
    encoding, stop = None, end if end > 0 else len(data)
    if data.find(b"encoding ", found.end(), stop) >= 0:
        encoding = _ENCODING.search(data, found.end(), stop)
    message = _text(data[end + 2 :] if end > 0 else b"", encoding[1].decode() if encoding else "utf-8")
    return tuple.__new__(Commit, (tree.decode(), _text(nobody if author is None else author), int(time or 0), message))


def parse_tag(data: bytes) -> TagObject | None:
    """Read an annotated tag; None where it is none."""
    found = _TAG.match(data)
    if found is None:
        return None
    target, kind, time = found.groups()
    end = data.find(b"\n\n")
    message = _text(data[end + 2 :] if end > 0 else b"")
    return tuple.__new__(TagObject, (target.decode(), kind.decode(), None if time is None else int(time), message))


def subject(message: str) -> str:
    """The first line of a message."""
    return message.lstrip("\n").partition("\n")[0]


def tagger_of(data: bytes) -> str:
    """Who made an annotated tag, `NAME <MAIL>`; an empty text where it does not say."""
    found = re.search(_TAGGER, _text(data.partition(b"\n\n")[0]))
    return found[1] if found else ""


def without_signature(text: str) -> str:
    """What stands before the signature that Git puts at the end of a tag (`parse_signed_buffer` in Git)."""
    found = [match.start() for match in re.finditer(_SIGNATURE, text)]
    return text[: found[-1]] if found else text


def _text(raw: bytes, encoding: str = "utf-8") -> str:
    """Bytes that are no text in that encoding stay readable."""
    try:
        return raw.decode(encoding, "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")
