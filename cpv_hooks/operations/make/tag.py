"""Tagging the work tree as it is: what changed is saved, uploaded and committed, and the commit gets its versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from cpv_hooks.console.output import few
from cpv_hooks.console.plan import Plan
from cpv_hooks.operations.make import make_version, work_tree
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line

_NONE: Mapping[Line, str | None] = MappingProxyType({})


def plan_tag(
    project: Project,
    lines: Sequence[Line],
    *,
    version: str | None = None,
    messages: Mapping[Line, str | None] = _NONE,
) -> Plan[tuple[str, ...]]:
    """Plan a version in each of `lines`, all on one commit or none; returns their tags, in the order of `lines`.

    Artifacts of these lines that differ from HEAD are committed first; all that the tagged commit points to is on the
    remote, verified, before anything is changed here, whether there is a commit to make or not. Without `version` each
    line takes its next number. Raises `CPVError` with everything as it was.
    """
    make_version.begin_operation(project)
    wanted = [
        one for one in work_tree.tracked_artifacts(project) if Line.of(project.kind_of(one.pointer.path)) in lines
    ]
    changes = work_tree.unsaved(wanted, pointers_at(project, "HEAD"))
    names = [change.pointer.path for change in changes]
    description = few(names)
    return make_version.plan_version(
        project,
        f"{' and '.join(lines)} tag",
        changes,
        lines,
        version=version,
        messages=messages,
        description=description or "tag",
        reuse=False,
    )
