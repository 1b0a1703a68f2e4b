"""Which number comes next in a line, and which names are refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.tag_schemes import Line, Scheme, Version
from cpv_hooks.versions import tag_records, tag_refs


class Numbers:
    """Tag names that are taken, and which come next: looked at once for any number of new tags."""

    def __init__(self, scheme: Scheme, names: Iterable[str]) -> None:
        self.scheme = scheme
        self._taken = tag_refs.Taken(names)
        self._highest: dict[Line, Version | None] = {}

    @classmethod
    def of(cls, repo: Repo, scheme: Scheme, existing: Iterable[str] | None = None) -> Self:
        """Every name that is taken, or was by a tag that went out and is gone; `existing`: the tags, if known."""
        names = tag_refs.all_tag_names(repo) if existing is None else existing
        return cls(scheme, [*names, *tag_records.published_names(repo)])

    def add(self, name: str) -> None:
        self._taken.add(name)
        for line, last in self._highest.items():
            self._highest[line] = max(filter(None, (last, self.scheme.parse(line, name))), default=None)

    def highest(self, line: Line) -> Version | None:
        if line not in self._highest:
            parsed = (self.scheme.parse(line, name) for name in self._taken.names)
            self._highest[line] = max(filter(None, parsed), default=None)
        return self._highest[line]

    def next_free(self, line: Line) -> str:
        """The name that follows the line's highest one."""
        last = self.highest(line)
        version = self.scheme.first() if last is None else self.scheme.next(last)
        # A folder of that name (v0.1/notes) leaves no room for the tag.
        while self.scheme.format(line, version) in self._taken:
            version = self.scheme.next(version)
        return self.scheme.format(line, version)

    def explicit(self, version: str, lines: Sequence[Line]) -> dict[Line, str]:
        """The tag name in each line that a user's version means: a tag's name (`v1.0`) or a number (`1.0`, `v1.0`)."""
        scheme = self.scheme
        number = scheme.parse(Line.MODEL, version) or scheme.parse(
            lines[0], scheme.prefix(lines[0]) + version.removeprefix("v")
        )
        if number is None and Line.DATA in lines:
            number = scheme.parse(Line.DATA, version)
        if number is None and scheme.parse(Line.DATA, version):
            raise CPVError(f"{version} numbers data, not models", fix=f"dvc cpv tag {shell_word(version)} --data")
        if number is None:
            raise self.malformed(lines[0], version)
        return {line: scheme.format(line, number) for line in lines}

    def malformed(self, line: Line, name: str) -> CPVError:
        """The error for a name that is meant to be a version and is not one."""
        shape = self.scheme.prefix(line) + self.scheme.shape
        what = f"{name!r} is not a version of this repository ({shape})"
        return CPVError(what, fix=f"git tag {shell_word(self.next_free(line))}")

    def refuse(self, line: Line, name: str) -> None:
        """Raise where Git has no room for the name, or the version is not higher than all of its line."""
        if name in self._taken:
            raise CPVError(f"the tag {name} exists already", fix=f"git tag {shell_word(self.next_free(line))}")
        last, version = self.highest(line), self.scheme.parse(line, name)
        if last is not None and version is not None and version <= last:
            what = f"{name} is not higher than {self.scheme.format(line, last)}"
            raise CPVError(what, fix=f"git tag {shell_word(self.next_free(line))}")
