"""A version to make, and what making it will change."""

from __future__ import annotations

from collections.abc import Mapping

from cpv_hooks.console.output import few, size_text
from cpv_hooks.console.plan import Effect
from cpv_hooks.git.refs import TAGS
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.operations.make import tag_names, upload_plan
from cpv_hooks.operations.make.commit_draft import Draft, PointerChange
from cpv_hooks.project.expected import has_remote, lacks_version
from cpv_hooks.project.tag_schemes import Line

_SHOWN = 20


class Release(NamedTuple):
    """A version to make. `named` are the tags to make, `existing` what HEAD has already in other lines.

    `messages` are what the user said of each line, `description` what the commit says.
    """

    what: str
    draft: Draft
    named: Mapping[Line, str]
    existing: Mapping[Line, str]
    messages: Mapping[Line, str | None]
    description: str
    author_date: str | None = None

    @property
    def commits(self) -> bool:
        """Whether it needs a commit; a remote that keeps versions adds to pointers which do not say them."""
        project = self.draft.project
        unversioned = any(
            lacks_version(project, pointer)
            for root, pointers in self.draft.roots
            if root.root == project.root
            for pointer in pointers
        )
        return bool(self.draft.committed) or unversioned


def effects_of_release(job: Release) -> list[Effect]:
    """What making it will change."""
    found: list[Effect] = []
    top = job.draft.project.repo.top
    for change in job.draft.changes:
        found += _effects_of(change)
    for root, pointers in job.draft.roots:
        if has_remote(root, pointers) or root.root == job.draft.project.root:
            new = [change.new for change in job.draft.changes if change.space.project.root == root.root]
            found += upload_plan.effects(root, pointers, new, job.draft.head)
    written = job.draft.written
    found += [Effect("dvc", f"write {path}") for path in written if path in job.draft.texts]
    others = job.draft.others
    ignores = [path for path in written if path not in job.draft.texts and path not in others]
    found += [Effect("file", f"add a line to {top / path}") for path in ignores]
    found += [Effect("file", f"{'remove' if others[path] is None else 'change'} {path}") for path in others]
    found += [Effect("git", f"stop tracking {path}, whose content DVC keeps") for path in job.draft.untracked]
    if job.commits:
        names = few(list(job.draft.committed), _SHOWN) or "the pointers with their versions"
        subject = tag_names.commit_message({**job.existing, **job.named}, job.description).partition("\n")[0]
        found.append(Effect("git", f'commit {names}: "{subject}"'))
    found += [Effect("git", f"create {TAGS}{name}") for name in job.named.values()]
    return found


def _effects_of(change: PointerChange) -> list[Effect]:
    size = size_text(change.new.content.size or 0)
    lacking = [oid for oid in change.new.objects if not change.space.cache.has(oid)]
    found = []
    if not change.in_place:
        source = change.new.path or "the metrics"
        found.append(Effect("file", f"copy {source} to {change.space.target(change.pointer.path)} ({size})"))
    if lacking:
        count = f" ({len(lacking)} objects)" if len(lacking) > 1 else ""
        found.append(Effect("dvc", f"cache the content of {change.pointer.path}{count}"))
    return found
