"""The sync: every artifact of a work tree, one after the other, by the rule of `reconcile`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks import state_files
from cpv_hooks.console.progress import Progress
from cpv_hooks.errors import CPVError, Unreadable
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.sync import watch_file
from cpv_hooks.sync.outcomes import Listener, Outcome, SyncReport, nobody
from cpv_hooks.sync.sync_policy import SYNC, SyncPolicy
from cpv_hooks.sync.watch_file import Written
from cpv_hooks.system.locks import is_held, is_linked, locked
from cpv_hooks.system.own_files import link_above
from cpv_hooks.system.signatures import Clock, newest_time, signature
from cpv_hooks.worktree.base_index import REMOVING, Index
from cpv_hooks.worktree.discovery import Found, discover, left_out_unknown, owner
from cpv_hooks.worktree.pointer_files import ListedFiles, list_pointer_files
from cpv_hooks.worktree.workspace import Workspace

if TYPE_CHECKING:
    from cpv_hooks.sync.reconcile import Reconciler


def sync(repo: Repo, policy: SyncPolicy, taken: Listener = nobody) -> SyncReport:
    """Bring every artifact of the work tree into agreement, as far as the policy allows.

    `taken` is told of each snapshot at once, while others are still to be made.
    One artifact's failure never keeps the others from being done; it is in the report. Raises `lock.Busy` where an
    impatient sync meets another process. What a killed operation left must have been undone before: see
    `recovery.guarded_sync`.
    """
    with locked(repo.state / state_files.LOCK, wait=policy.patient, say="syncing this work tree"):
        try:
            report = _look(repo, policy, taken)
        except BaseException:
            # What the last sync found is not sure any more.
            watch_file.forget(repo)
            raise
        if report.wrote and report.settled and not watch_file.is_sure(repo):
            # What was written is newer than the stamp; a second look, with nothing to do, makes the fast path sure.
            _look(repo, policy._replace(complete=False))
    return report


def _look(repo: Repo, policy: SyncPolicy, taken: Listener = nobody) -> SyncReport:
    """One pass over everything; leaves the fast path's files where there was nothing to do."""
    index, clock = Index.load(repo.state), Clock(repo.state / state_files.CLOCK)
    started = clock.now()
    if _settings_came_back(repo):
        # Git took the cache too: what stands in the work tree is read into it again.
        index.entries.clear()
    listed = list_pointer_files(repo, committing=policy.committing)
    projects = Project.find_all(repo, None if _lists_part(policy) else listed.settings)
    if not projects and not index.entries:
        watch_file.forget(repo)
        return SyncReport()
    from cpv_hooks.sync.reconcile import Reconciler

    if _waited_for_dvc(policy, projects):
        listed = list_pointer_files(repo, committing=policy.committing)
    projects = _with_one_cache(repo, projects)
    found = _found(repo, policy, projects, index, clock, listed)
    report = SyncReport(projects=projects)
    report.outcomes += [
        Outcome(error.where or "", "unreadable" if isinstance(error, Unreadable) else "invalid", error=error)
        for error in found.errors
    ]
    report.outcomes += [Outcome(error.where or "", "ignored", error=error) for error in found.ignored]
    report.outcomes += [_in_conflict(file, policy) for file in found.unmerged]
    with Progress(policy.work) as progress:
        spaces = _workspaces(policy, projects, index, clock, progress)
        reconciler = Reconciler(policy, index, progress, taken)
        report.outcomes += _vanished(repo, policy, reconciler, found, projects, clock)
        report.outcomes += [reconciler.reconcile(spaces[project.root], pointer) for project, pointer in found.pointers]
        if policy.goes:
            report.outcomes += _left_out(repo, reconciler, found, spaces)
        _take_ours(policy, found, spaces)
        if policy.follow:
            # The artifact goes with the side that the user checked out; the pointer itself stays theirs to settle.
            chooser = Reconciler(policy._replace(only=frozenset()), index, progress)
            report.outcomes += [chooser.reconcile(spaces[project.root], pointer) for project, pointer in found.chosen]
    index.save()
    written = _written(repo, policy, report, found, index, clock) if report.settled else None
    if written is not None and _complete(found) and not index.opened:
        watch_file.note_agreed(repo, projects, found, report.outcomes, started, written)
    else:
        watch_file.forget(repo)
    return report


def _lists_part(policy: SyncPolicy) -> bool:
    """Whether Git listed the index of `git commit -- PATH`: it may lack settings that the repository's own has, and
    that Git ignores otherwise."""
    if not policy.committing:
        return False
    from cpv_hooks.git.index import is_limited_commit

    return is_limited_commit()


def _waited_for_dvc(policy: SyncPolicy, projects: list[Project]) -> bool:
    """Whether DVC was at work in a DVC root; it is in none of them when this returns."""
    locks = [(project.root, project.root / ".dvc" / "tmp" / "lock") for project in projects]
    busy = [root for root, lock in locks if is_held(lock) or is_linked(lock)]
    for root in busy:
        from cpv_hooks.system.dvc_lock import wait_for_dvc

        wait_for_dvc(root, wait=policy.patient)
    return bool(busy)


def _with_one_cache(repo: Repo, projects: list[Project]) -> list[Project]:
    """The DVC roots, all work trees of the repository with one cache."""
    if repo.linked or (repo.common_dir / "dvc").is_dir() or repo.is_submodule:
        from cpv_hooks.project.linked_worktree import share_caches

        return share_caches(repo, projects)
    return projects


def _workspaces(
    policy: SyncPolicy, projects: list[Project], index: Index, clock: Clock, progress: Progress
) -> dict[Path, Workspace]:
    """The DVC roots at work, by their folders."""
    spaces = {project.root: Workspace(project, index, clock, progress.advance, progress.grow) for project in projects}
    for space in spaces.values():
        space.asks, space.asked = policy.complete, policy.asked
        if space.project.config.snapshot_dask and (policy.committing or policy.fetch):
            from cpv_hooks.transfer.objects.on_dask import on_dask

            space.spread = on_dask(space.project)
    return spaces


def _left_out(repo: Repo, reconciler: Reconciler, found: Found, spaces: Mapping[Path, Workspace]) -> Iterator[Outcome]:
    """What becomes of artifacts whose pointer a sparse checkout took."""
    for project, pointer in found.left_out:
        yield from reconciler.save(spaces[project.root], pointer)
    for project, pointer in left_out_unknown(repo, found, [space.project for space in spaces.values()]):
        yield from reconciler.save(spaces[project.root], pointer)
        # It comes back with its pointer: the user has not removed it.
        reconciler.index.forget(pointer.path)


def _take_ours(policy: SyncPolicy, found: Found, spaces: Mapping[Path, Workspace]) -> None:
    """Settle conflicts in what `git add` names, where the artifact was trained further."""
    for file in policy.adding.intersection(found.unmerged):
        holder = owner([space.project for space in spaces.values()], file)
        if holder is not None:
            from cpv_hooks.sync.trained_in_conflict import take_ours_where_trained

            take_ours_where_trained(spaces[holder.root], file)


def _found(
    repo: Repo,
    policy: SyncPolicy,
    projects: list[Project],
    index: Index,
    clock: Clock,
    listed: ListedFiles,
) -> Found:
    found = discover(repo, projects, index, clock, committing=policy.committing, listed=listed)
    if found.gone or found.lost(index):
        from cpv_hooks.sync.lost_pointers import bring_back

        if bring_back(repo, policy, index, found, projects):
            return discover(repo, projects, index, clock, committing=policy.committing)
    return found


def _settings_came_back(repo: Repo) -> bool:
    if not (repo.git_dir / "info/sparse-checkout").exists():
        return False
    from cpv_hooks.project.left_out import bring_settings

    return bring_settings(repo)


def _written(
    repo: Repo, policy: SyncPolicy, report: SyncReport, found: Found, index: Index, clock: Clock
) -> Written | None:
    """What this look wrote, where that is pointers alone; None where it wrote something else too.

    They are newer than the stamp, so they are found and read once more, after a time that stands for theirs.
    """
    if not report.wrote:
        return Written()
    if report.of("materialised", "rescued", "removed", "left out") or any(
        project.keeps_versions for project in report.projects
    ):
        return None
    files = frozenset(outcome.pointer.file for outcome in report.of("snapshot") if outcome.pointer)
    try:
        moment = clock.past(max(newest_time(signature(os.stat(repo.top / file))) for file in files))
    except OSError:
        return None
    # Git need not be asked again where it knew them all.
    listed = found.listed if files.issubset(found.listed.files) else None
    again = discover(repo, report.projects, index, clock, committing=policy.committing, listed=listed)
    index.save()
    if again.errors or again.ignored or again.unmerged or again.paths != found.paths:
        return None
    entries = {pointer.path: index.entries.get(pointer.path) for _, pointer in again.pointers}
    said = {pointer.path: pointer.named for _, pointer in again.pointers if pointer.oid}
    same = all(entry is None or said.get(path) == entry.named for path, entry in entries.items())
    return Written(files, moment) if same else None


def _complete(found: Found) -> bool:
    """Whether a commit has nothing to upload first, as it has on a remote that keeps versions."""
    from cpv_hooks.project.expected import lacks_version

    return not any(lacks_version(project, pointer) for project, pointer in found.pointers)


def _in_conflict(file: str, policy: SyncPolicy) -> Outcome:
    """A pointer in conflict is the user's; Git has named it, so only who asks is told again."""
    from cpv_hooks.dvcformat.conflict_markers import conflict_command

    fix = conflict_command(file)
    return Outcome(
        file,
        "conflict",
        error=CPVError("in conflict", where=file, fix=fix) if policy.name == SYNC.name or policy.committing else None,
    )


def _vanished(
    repo: Repo, policy: SyncPolicy, reconciler: Reconciler, found: Found, projects: list[Project], clock: Clock
) -> Iterator[Outcome]:
    """What becomes of artifacts that lost their pointer: one that a stash holds goes with it."""
    index = reconciler.index
    for path in found.lost(index):
        from cpv_hooks.sync.lost_pointers import is_stashed, was_committed

        # As Git, which does not follow a link: what lies behind one is not the artifact, and stays.
        is_here = link_above(repo.top, path) is None
        goes = policy.follow or index.entries[path].placing == REMOVING or is_stashed(repo, path)
        if is_here and goes:
            outcome = reconciler.remove(Workspace(_owner_of_old(repo, path, projects), index, clock), path)
            yield outcome
            if outcome.state == "invalid":
                # Half of it may be there: it stays known, and the next sync goes on.
                continue
        elif was_committed(repo, path):
            index.released.add(path)
        index.forget(path)


def _owner_of_old(repo: Repo, path: str, projects: list[Project]) -> Project:
    """The DVC root that held an artifact; it may be gone in this version, but its cache is where it was."""
    now = owner(projects, path)
    if now is not None:
        return now
    roots = sorted(watch_file.known_roots(repo), reverse=True)
    return Project.open(repo, next((root for root in roots if (repo.top / path).is_relative_to(root)), repo.top))
