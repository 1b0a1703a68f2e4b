"""The tags that an operation will make: their names, decided before, and their objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cpv_hooks.errors import CPVError
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions import checkpoint as checkpoints
from cpv_hooks.versions import tag_objects, tag_refs
from cpv_hooks.versions.numbering import Numbers
from cpv_hooks.versions.tag_message import write_tag_message


def next_tag_names(project: Project, lines: Sequence[Line], version: str | None) -> dict[Line, str]:
    """The tag of each line: the next one, or the one that `version` names (`v1.0`, `1.0`), the same number in each.

    Raises `CPVError` for a version that is malformed, taken or backward.
    """
    numbers = Numbers.of(project.repo, scheme_of(project.config))
    if version is None:
        return {line: numbers.next_free(line) for line in lines}
    found = numbers.explicit(version, lines)
    for line, name in found.items():
        numbers.refuse(line, name)
        tag_refs.check_tag_name(project.repo, name)
    return found


def at_head(project: Project, line: Line) -> list[str]:
    """The line's tags on the commit at HEAD, the lowest version first."""
    scheme, head = scheme_of(project.config), project.repo.resolve("HEAD")
    found = [tag.name for tag in tag_refs.read_tags(project.repo, commit=head)]
    parsed = [(scheme.parse(line, name), name) for name in found]
    return [name for version, name in sorted((version or (), name) for version, name in parsed if version is not None)]


def meant(project: Project, line: Line, version: str) -> str:
    """The tag of a line that `version` names; `CPVError` for one that is malformed."""
    return Numbers.of(project.repo, scheme_of(project.config)).explicit(version, [line])[line]


def objects(
    project: Project, named: Mapping[Line, str], messages: Mapping[Line, str | None], commit: str
) -> dict[str, str]:
    """Write the tag objects for a commit; returns their ids by name. No ref is made yet."""
    repo = project.repo
    found = checkpoints.read_checkpoint(repo, checkpoints.roots(repo, project), commit)
    wanted = [
        (name, found.commit, write_tag_message(name, line, found, messages.get(line), automatic=False))
        for line, name in named.items()
    ]
    return tag_objects.make_objects(repo, wanted)


def checked_message(message: str | None) -> str | None:
    """A description as the user gave it; `CPVError` for one that is empty or that Git cannot hold."""
    if message is None:
        return None
    if not message.strip():
        raise CPVError("the message cannot be empty", fix='--message "WHAT CHANGED", or leave it out')
    if "\0" in message:
        raise CPVError("the message cannot hold a NUL character", fix="leave it out")
    return message.strip()


def commit_message(named: Mapping[Line, str], description: str) -> str:
    """`Model v0.4: …`, `Data data-v0.2: …`, `Model v2.0, data data-v2.0: …`."""
    parts = [f"{line} {name}" for line, name in sorted(named.items(), reverse=True)]
    head = ", ".join(parts)
    return f"{head[:1].upper()}{head[1:]}: {description}\n"
