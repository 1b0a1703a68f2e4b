"""Before others are told that versions are no longer retired: all of their data is on the remote, or here."""

from __future__ import annotations

from collections.abc import Collection

from cpv_hooks.errors import CPVError, shell_word, shell_words
from cpv_hooks.project import retired
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.commits.upload_commits import ensure_uploaded
from cpv_hooks.transfer.objects.upload_queue import Queue


def with_retired_content(project: Project, commits: Collection[str]) -> list[str]:
    """Those of these commits that have content of a retired version."""
    held = retired.content(project.repo)
    if not held:
        return []
    from cpv_hooks.project.pointers_at import pointers_at

    return [commit for commit in sorted(commits) if any(one.oid in held for one in pointers_at(project, commit))]


def upload_unretired(project: Project, names: Collection[str]) -> list[CPVError]:
    """Upload what versions need whose retirement these tags take back; an error for each that has lost some of it."""
    records = [name for name in names if retired.is_record(name)]
    found = retired.taken_back(project.repo, records)
    if not found or not project.remotes:
        return []
    # Somebody may have pruned what this clone saw on a remote.
    Queue.of(project.repo).forget_all()
    errors = []
    # A model's data may have gone with a version of the data.
    others = retired.content(project.repo)
    for item in {item.version: item for item in found}.values():
        gaps = ensure_uploaded(project, [item.commit])
        if any(gap.pointer.oid in item.oids or gap.pointer.oid in others for gap in gaps):
            paths = ", ".join(sorted({gap.pointer.path for gap in gaps}))
            what = f"{shell_word(item.version)} stays retired: of {paths} something was pruned meanwhile"
            errors.append(CPVError(what, where=project.remote_url, fix=f"git tag -d {shell_words(records)}"))
    return errors
