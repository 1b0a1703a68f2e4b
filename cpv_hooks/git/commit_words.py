"""The words of a `git commit`, as Git's parse-options reads them (gitcli(7)): the options that take a value.

The command has been accepted by Git already when a hook reads its words, so that an abbreviation names one option.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

_SHORT = {"F": "file", "t": "template", "m": "message", "c": "reedit-message", "C": "reuse-message", "U": "unified"}
_ATTACHED = "Su"
"""Short options that take the rest of their word, or nothing."""
_LONG = (
    "file",
    "template",
    "message",
    "reedit-message",
    "reuse-message",
    "fixup",
    "squash",
    "trailer",
    "author",
    "date",
    "cleanup",
)
_IN_FULL = ("unified", "inter-hunk-context", "pathspec-from-file")
"""Of a newer Git, or like another option's beginning."""


def option_values(words: tuple[str, ...]) -> dict[str, list[str]]:
    """The values of each option by its long name, in their order; `words` are those after `commit`."""
    found: dict[str, list[str]] = {}
    for name, value in _options(deque(words)):
        if value is None:
            found.pop(name, None)
        else:
            found.setdefault(name, []).append(value)
    return found


def _options(left: deque[str]) -> Iterator[tuple[str, str | None]]:
    """Name and value; no value for `--no-NAME`, which takes back what was given."""
    while left:
        word = left.popleft()
        if word in ("--", "--end-of-options"):
            return
        if word.startswith("--"):
            given, equals, value = word[2:].partition("=")
            if given.startswith("no-") and (name := _long(given[3:])):
                yield name, None
            elif name := _long(given):
                value = value if equals else _next(left)
                # Git cuts `amend:COMMIT` in two where the process's own words stand.
                if name == "fixup" and value in ("amend", "reword") and left and not left[0].startswith("-"):
                    value += f":{left.popleft()}"
                yield name, value
        elif word.startswith("-"):
            yield from _cluster(word[1:], left)


def _next(left: deque[str]) -> str:
    return left.popleft() if left else ""


def _long(given: str) -> str | None:
    if given in _IN_FULL:
        return given
    return next((name for name in _LONG if given and name.startswith(given)), None)


def _cluster(letters: str, left: deque[str]) -> Iterator[tuple[str, str]]:
    for at, letter in enumerate(letters):
        if letter in _SHORT:
            yield _SHORT[letter], letters[at + 1 :] or _next(left)
            return
        if letter in _ATTACHED:
            return
