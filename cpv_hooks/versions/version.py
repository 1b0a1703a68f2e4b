"""Versions by name: the tags of a line, and the commit and pointers that one stands for."""

from __future__ import annotations

from collections.abc import Sequence

from cpv_hooks.console.output import few
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import Kind
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line, Scheme
from cpv_hooks.versions import stages, tag_refs

_SHOWN = 5
_DATA = "dvc cpv data list-tags"


class Version(NamedTuple):
    """A tag of a line. `pointers` are those of the line's artifacts in the commit, in the order of their files."""

    name: str
    line: Line
    commit: str
    pointers: tuple[Pointer, ...]

    def of_kind(self, project: Project, *kinds: Kind) -> tuple[Pointer, ...]:
        return tuple(pointer for pointer in self.pointers if project.kind_of(pointer.path) in kinds)


def version_tags(project: Project, line: Line) -> list[str]:
    """The line's tags in this clone, lowest version first."""
    scheme = scheme_of(project.config)
    found = [(version, name) for name in tag_refs.all_tag_names(project.repo) if (version := scheme.parse(line, name))]
    return [name for _, name in sorted(found)]


def resolve_version(project: Project, line: Line, tag: str | None) -> Version:
    """The version that a tag's name means (`v1.0`, or `1.0`), or the line's highest one.

    Raises `CPVError` for a name that the line does not have, with the ones that it has.
    """
    from cpv_hooks.git.objects import commits_of

    name = _name(project, line, tag)
    oid = tag_refs.tag_oids(project.repo).get(name, "")
    commit = commits_of(project.repo, [oid]).get(oid) if oid else None
    if commit is None:
        raise CPVError(f"{name} names no commit", where=str(project.repo.top), fix=f"git tag -d {shell_word(name)}")
    return Version(name, line, commit, pointers_of(project, line, commit))


def pointers_of(project: Project, line: Line, commit: str) -> tuple[Pointer, ...]:
    """The pointers of a line's artifacts in a commit."""
    from cpv_hooks.project.pointers_at import pointers_at

    return tuple(pointer for pointer in pointers_at(project, commit) if Line.of(project.kind_of(pointer.path)) is line)


def _name(project: Project, line: Line, tag: str | None) -> str:
    if tag is not None and stages.is_reference(tag):
        if line is Line.DATA:
            raise CPVError(f"{tag} is a model version, not a data version", where=str(project.repo.top), fix=_DATA)
        return stages.version_in(project, tag)
    known = version_tags(project, line)
    if tag is None:
        if not known:
            raise CPVError(f"there is no {line} version yet", where=str(project.root), fix=_make(line))
        return known[-1]
    found = _match(scheme_of(project.config), line, tag, known)
    if found is None:
        raise _unknown(project, line, tag, known)
    return found


def _match(scheme: Scheme, line: Line, tag: str, known: Sequence[str]) -> str | None:
    if tag in known:
        return tag
    # The bare number, with or without its `v`: `1.0` and `v1.0` for `data-v1.0`.
    bare = scheme.prefix(line) + tag.removeprefix("v")
    return bare if tag and bare in known else None


def _unknown(project: Project, line: Line, tag: str, known: Sequence[str]) -> CPVError:
    where = str(project.repo.top)
    if line is not Line.DATA and tag in stages.current(project.repo, project):
        return CPVError(f"{tag!r} is a stage, not a version", where=where, fix=f"write {stages.MARK}{tag}")
    there = f"the last ones are {few(known[::-1], _SHOWN)}" if known else "there are none yet"
    fix = "git fetch --tags" if known else _make(line)
    return CPVError(f"{tag!r} is no {line} version ({there})", where=where, fix=fix)


def _make(line: Line) -> str:
    return "dvc cpv tag --data" if line is Line.DATA else "dvc cpv tag"
