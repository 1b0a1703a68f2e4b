"""What of the artifacts is to be here: a rule of kinds and patterns, as `[fetch]` and `CPV_FETCH` say it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import FETCH_KEYS, KINDS, is_inside
from cpv_hooks.project.project import is_pattern, pattern_matcher

Part = Literal["all", "some", "none"]
"""How much of an artifact a rule names, as far as that can be told without a list of its files."""
_ALL = "*"


class FetchRule(NamedTuple):
    """Artifacts of these kinds and what `include` names, everything where neither says anything; `exclude` is left out.

    A pattern names an artifact, or files inside one. It is matched like those of `[artifacts]` of `.cpv.toml`.
    """

    kinds: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def names(self, paths: Sequence[str], kind: str) -> bool:
        """Whether a path is named; `paths` are its spellings, `kind` that of the artifact."""
        return self.namer(kind)(paths)

    def namer(self, kind: str) -> Callable[[Sequence[str]], bool]:
        """`names` for many paths."""
        wide = not (self.kinds or self.include) or kind in self.kinds
        included, excluded = pattern_matcher(self.include), pattern_matcher(self.exclude)
        return lambda paths: (wide or any(map(included, paths))) and not any(map(excluded, paths))

    def part_of(self, paths: Sequence[str], kind: str, *, isdir: bool) -> Part:
        """How much of an artifact is named."""
        if not isdir:
            return "all" if self.names(paths, kind) else "none"
        if any(map(pattern_matcher(self.exclude), paths)):
            return "none"
        if not self.names(paths, kind):
            return "some" if _may_be_inside(paths, self.include) else "none"
        return "some" if _may_be_inside(paths, self.exclude) else "all"


def parse_words(words: Iterable[str], where: str) -> FetchRule:
    """The rule of `all`, `none`, kinds and patterns; a pattern with `!` in front is left out.

    Raises `CPVError` for a pattern that leads out of the repository.
    """
    found: dict[str, list[str]] = {key: [] for key in FETCH_KEYS}
    for word in filter(None, map(str.strip, words)):
        if word == "none":
            found["exclude"].append(_ALL)
        elif word in KINDS:  # "./model" is the path
            found["kinds"].append(word)
        elif word != "all":
            key, pattern = ("exclude", word[1:]) if word.startswith("!") else ("include", word)
            if not is_inside(pattern):
                fix = "name artifacts, or files in them, relative to the top of the repository"
                raise CPVError(f"{pattern.removeprefix('./')!r} is outside the repository", where=where, fix=fix)
            found[key].append(posixpath.normpath(pattern))
    return FetchRule(**{key: tuple(values) for key, values in found.items()})


def _may_be_inside(folders: Sequence[str], patterns: Iterable[str]) -> bool:
    """Whether a pattern may name a file inside a folder: its letters before the first wildcard lead there."""
    for pattern in map(posixpath.normpath, patterns):
        start = next((at for at, letter in enumerate(pattern) if is_pattern(letter)), None)
        head = pattern if start is None else pattern[:start]
        for folder in folders:
            inside = f"{folder}/"
            if head.startswith(inside) or (start is not None and inside.startswith(head)):
                return True
    return False
