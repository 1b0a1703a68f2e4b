"""What `dvc cpv status` tells: read from stat signatures, pointers and the queue; nothing is written or hashed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cpv_hooks import state_files
from cpv_hooks.accounts.personal import undelivered
from cpv_hooks.console.redact import redact
from cpv_hooks.dvcformat.conflict_markers import conflict_command
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import one_line
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.operations.info.artifact_status import ArtifactLook, ArtifactStatus
from cpv_hooks.project import retired
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.pointers_at import pointers_in_roots
from cpv_hooks.project.project import Project, root_key
from cpv_hooks.project.roots import innermost_first
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.sync.lost_pointers import released
from cpv_hooks.system.signatures import Clock
from cpv_hooks.transfer.objects.upload_queue import Pending, Queue
from cpv_hooks.versions import tag_refs, unseen_tags
from cpv_hooks.versions.numbering import Numbers
from cpv_hooks.worktree import remotes_in_use
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.discovery import Found, discover
from cpv_hooks.worktree.pointer_files import list_pointer_files
from cpv_hooks.worktree.workspace import Workspace


class RemoteStatus(NamedTuple):
    """A remote to which data of a DVC root goes, without secrets; `root` is relative to the top (`.` for the top)."""

    root: str
    name: str | None
    url: str | None
    when: str


class Status(NamedTuple):
    """All that `dvc cpv status` shows. `tags` are the highest of each line, `faults` what is wrong with tags.

    `retired` are lines about the versions at HEAD that were retired. `undelivered` says which
    notifications did not arrive.
    """

    artifacts: Sequence[ArtifactStatus]
    tags: Mapping[str, str | None]
    queued: Sequence[Pending]
    remotes: Sequence[RemoteStatus]
    faults: Sequence[str] = ()
    retired: Sequence[str] = ()
    undelivered: Sequence[str] = ()

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        artifacts = [one._asdict() for one in self.artifacts]
        return {**self._asdict(), "artifacts": artifacts, "remotes": [one._asdict() for one in self.remotes]}


def read_status(repo: Repo, cwd: Path | None = None) -> Status:
    """Look at a repository. Raises `CPVError` where CPV does not manage it or its settings cannot be read."""
    listed = list_pointer_files(repo)
    projects = innermost_first(repo, Project.find_all(repo, listed.settings), cwd or Path.cwd())
    index, clock = Index.load(repo.state), Clock(repo.state / state_files.CLOCK)
    found = discover(repo, projects, index, clock, listed=listed)
    artifacts = sorted(_artifacts(repo, projects, found, index, clock), key=lambda artifact: artifact.path)
    remotes = [remote for project in projects for remote in _remotes(project, found)]
    faults = [str(fault) for fault in unseen_tags.unseen_tag_faults(repo, projects[0])]
    head = repo.resolve("HEAD")
    gone = [str(item) for item in retired.read_retirements(repo).values() if item.commit == head]
    lost = [redact(one.line) for one in undelivered.of_targets_in_use()]
    return Status(artifacts, _last_tags(repo, projects), Queue.of(repo).pending(), remotes, faults, gone, lost)


def _remotes(project: Project, found: Found) -> Iterator[RemoteStatus]:
    for name in remotes_in_use.remote_names(project, [pointer for root, pointer in found.pointers if root is project]):
        known = project.remotes.get(name) if name else None
        yield RemoteStatus(root_key(project), name, redact(known.url) if known else None, project.config.push_when)


def _last_tags(repo: Repo, projects: Sequence[Project]) -> dict[str, str | None]:
    scheme = scheme_of(projects[0].config)
    numbers = Numbers(scheme, tag_refs.all_tag_names(repo))
    highest = {line: numbers.highest(line) for line in Line}
    return {str(line): scheme.format(line, version) if version else None for line, version in highest.items()}


def _artifacts(
    repo: Repo, projects: Sequence[Project], found: Found, index: Index, clock: Clock
) -> Iterator[ArtifactStatus]:
    committed = _committed(repo, projects)
    spaces = {project.root: Workspace(project, index, clock) for project in projects}
    for project, pointer in found.pointers:
        yield ArtifactLook(spaces[project.root], pointer, committed.get(pointer.path)).status()
    for error in (*found.errors, *found.ignored):
        yield ArtifactStatus(error.where or "?", "extra", "broken", change=str(error))
    for file in found.unmerged:
        path = file.removesuffix(".dvc")
        kind = next(project.kind_of(path) for project in projects if project.holds(path))
        fix = conflict_command(file)
        yield ArtifactStatus(path, kind, "conflict", change=f"its pointer is in conflict ({fix})")
    for error in released(repo, list(projects), found, index):
        path = error.where or ""
        kind = next(project.kind_of(path) for project in projects if project.holds(path))
        yield ArtifactStatus(path, kind, "released", change=one_line(error.what, fix=error.fix))
    broken = {(error.where or "").split(":")[0] for error in (*found.errors, *found.ignored)} | set(found.unmerged)
    for path, pointer in committed.items():
        if path not in found.paths and pointer.file not in broken:
            owner = next(p for p in projects if p.holds(path))
            yield ArtifactStatus(path, owner.kind_of(path), "deleted", committed_oid=pointer.oid)


def _committed(repo: Repo, projects: Sequence[Project]) -> dict[str, Pointer]:
    head = repo.resolve("HEAD")
    # Of a broken pointer at HEAD the one in the work tree is what the user can fix, and that one is named.
    return {pointer.path: pointer for pointer in (pointers_in_roots(projects, head) if head else ())}
