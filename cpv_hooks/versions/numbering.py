"""Which number comes next in a line, and which names are refused."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.tag_schemes import Line, Scheme, Version
from cpv_hooks.versions import tag_refs


def known(repo: Repo, existing: Collection[str] | None = None) -> set[str]:
    """Every name that is taken, or was by a tag that went out and was deleted here; `existing`: the tags, if known."""
    return {*(tag_refs.all_tag_names(repo) if existing is None else existing), *tag_refs.published_names(repo)}


def highest(scheme: Scheme, line: Line, names: Collection[str]) -> Version | None:
    """The highest version of a line among tag names."""
    return max(filter(None, (scheme.parse(line, name) for name in names)), default=None)


def next_free(scheme: Scheme, line: Line, names: Collection[str]) -> str:
    """The name that follows the highest one."""
    last = highest(scheme, line, names)
    version = scheme.first() if last is None else scheme.next(last)
    # A folder of that name (v0.1/notes) leaves no room for the tag.
    while tag_refs.is_taken(scheme.format(line, version), names):
        version = scheme.next(version)
    return scheme.format(line, version)


def explicit(scheme: Scheme, version: str, lines: Sequence[Line], names: Collection[str]) -> dict[Line, str]:
    """The tag name in each line that a user's version means: a tag's name (`v1.0`) or the number (`1.0`, `v1.0`)."""
    number = scheme.parse(Line.MODEL, version) or scheme.parse(
        lines[0], scheme.prefix(lines[0]) + version.removeprefix("v")
    )
    if number is None and Line.DATA in lines:
        number = scheme.parse(Line.DATA, version)
    if number is None and scheme.parse(Line.DATA, version):
        raise CPVError(f"{version} numbers data, not models", fix=f"dvc cpv tag {shell_word(version)} --data")
    if number is None:
        raise malformed(scheme, lines[0], version, names)
    return {line: scheme.format(line, number) for line in lines}


def malformed(scheme: Scheme, line: Line, name: str, names: Collection[str]) -> CPVError:
    """The error for a name that is meant to be a version and is not one."""
    shape, example = scheme.prefix(line) + scheme.shape, next_free(scheme, line, names)
    return CPVError(f"{name!r} is not a version of this repository ({shape})", fix=f"git tag {shell_word(example)}")


def refuse_taken(scheme: Scheme, line: Line, name: str, names: Collection[str]) -> None:
    """Raise where Git has no room for the name."""
    if tag_refs.is_taken(name, names):
        raise CPVError(f"the tag {name} exists already", fix=f"git tag {shell_word(next_free(scheme, line, names))}")


def refuse_backward(scheme: Scheme, line: Line, name: str, names: Collection[str]) -> None:
    """Raise where the version is not higher than all of its line."""
    last, version = highest(scheme, line, names), scheme.parse(line, name)
    if last is not None and version is not None and version <= last:
        what = f"{name} is not higher than {scheme.format(line, last)}"
        raise CPVError(what, fix=f"git tag {shell_word(next_free(scheme, line, names))}")
