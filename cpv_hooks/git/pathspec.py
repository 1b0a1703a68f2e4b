"""Pathspecs (gitglossary(7)): what the words of a command name, and names in patterns."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

_MAGIC = re.compile(r":(?:\((?P<long>[^)]*)\)|(?P<short>/?):?)(?P<name>[^!^].*)", re.DOTALL)
_LITERAL = frozenset(("literal", "top"))
_GLOB = re.compile(r"([*?\[\\])")


def escaped(text: str) -> str:
    """A text within a pattern that means itself."""
    return _GLOB.sub(r"\\\1", text)


def named_by(words: Iterable[str]) -> frozenset[str]:
    """The paths, from the top, that the words of the Git command which runs us name outright (`git add model.bin.dvc`).

    Of a pattern that is its own text, which may be a name too.
    """
    return frozenset(filter(None, map(_named, words)))


def _named(word: str) -> str:
    prefix, name = os.environ.get("GIT_PREFIX", ""), word
    if word.startswith(":") and (found := _MAGIC.fullmatch(word)):
        magic = set(filter(None, (found["long"] or "").split(",")))
        if magic - _LITERAL or not found["name"]:
            return ""
        name = found["name"]
        if found["short"] or "top" in magic:
            prefix = ""
    return os.path.normpath(prefix + name) if name else ""
