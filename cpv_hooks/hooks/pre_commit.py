"""`pre-commit`: snapshot what changed and stage the pointers; last of all, open the one-shot detour if it is needed."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from cpv_hooks import state_files
from cpv_hooks.console.output import fail, say, size_text, warn
from cpv_hooks.dvcformat.pointer import Pointer, is_pointer_file
from cpv_hooks.errors import CPVError, file_word, git_word, git_words
from cpv_hooks.git import index, one_shot
from cpv_hooks.git.caller import calling_git
from cpv_hooks.git.gitignore import file_for
from cpv_hooks.git.index import Staged
from cpv_hooks.git.repo import Repo
from cpv_hooks.hooks.hook_run import begin_hook, interrupted, refresh_stages
from cpv_hooks.hooks.precommit_framework import framework_name, runs_us, set_aside
from cpv_hooks.project.project import Project
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync.outcomes import Outcome, SyncReport
from cpv_hooks.sync.report import blocking, tell_outcomes
from cpv_hooks.sync.sync_policy import PRE_COMMIT, SyncPolicy
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.transfer.commits.early_upload import early_uploads
from cpv_hooks.worktree.discovery import owner

LARGE = 10 << 20  # bytes; a binary file above that belongs to DVC


def run(args: list[str]) -> int:
    """Exit status 1 stops the commit: an artifact in flux, a broken pointer, a large binary."""
    repo = begin_hook()
    if args == ["--open-detour"]:
        return _open_wanted(repo)
    one_shot.heal(repo)
    if interrupted(repo):
        return 1
    refresh_stages(repo)
    if runs_us():
        _refuse_set_aside(set_aside(repo))
    # What Git takes of what such a commit names: a pointer that comes back first is taken all the same.
    named = index.staged(repo).changed if index.is_limited_commit() else frozenset()
    with early_uploads() as early:
        report = guarded_sync(repo, _policy(repo), early.offer)
        before = index.staged(repo)
        before = before._replace(changed=before.changed | named)
        if stop(repo, report, before):
            return 1
        staged = stage_changed(repo, report, before)
        for project, pointer in _known_files(report, before.changed.union(staged)):
            early.offer(project, pointer, pointer.size or 0)
    completed = complete_versions(repo, report)
    if before.changed and staged:
        _tell_of_configured(repo)
    if not before.changed and (index.staged(repo).changed if completed else staged):
        return _take_detour(repo, report, last=runs_us() or args == ["--last"])
    return 0


def _refuse_set_aside(aside: Mapping[str, bool]) -> None:
    """Writing such a pointer now would collide with the patch that pre-commit applies when its hooks are done."""
    pointers = sorted(filter(is_pointer_file, aside))
    removed = [file for file in pointers if aside[file]]
    if removed:
        # A job may have emptied their folder; to add that would take the artifacts out of Git.
        beside = {file_for(file) for file in removed}
        files = [*removed, *sorted(name for name in beside if aside.get(name))]
        fix = f"git checkout -- {git_words(files)}, then commit again (to stop keeping it, git rm {git_words(removed)})"
        raise CPVError(f"was removed, which {framework_name()} has stashed", where=removed[0], fix=fix)
    if pointers:
        what = f"has unstaged changes, which {framework_name()} has stashed"
        raise CPVError(what, where=pointers[0], fix=f"git add {git_words(pointers)}, then commit again")


def _policy(repo: Repo) -> SyncPolicy:
    """pre-commit refuses a hook that leaves changes unstaged, so there only what the commit takes is written."""
    if not runs_us():
        return PRE_COMMIT
    projects = Project.find_all(repo)
    if index.is_limited_commit() or any(project.config.stage == "staged" for project in projects):
        return PRE_COMMIT._replace(only=_named(index.staged(repo)))
    return PRE_COMMIT


def _named(before: Staged) -> frozenset[str]:
    """The paths that a commit is sure to take: staged, or said on the command line."""
    from cpv_hooks.git.pathspec import named_by

    git = calling_git()
    words = git.words[1:] if git and git.command == "commit" else ()
    return before.changed | named_by(words)


def stop(repo: Repo, report: SyncReport, before: Staged) -> bool:
    """Say what a commit must not go over; returns whether there is such a thing.

    An artifact that the commit does not take is its own affair: code can be committed while a job writes.
    """
    named = _named(before) if index.is_limited_commit() or _takes_staged_only(report.projects) else None
    taken = [outcome for outcome in report.outcomes if named is None or _file(outcome) in named]
    large = index.large_files(repo, before, LARGE) if report.projects else []
    for path, size in large:
        fix = f"git rm --cached {git_word(path)} && dvc add {file_word(path)} (or commit with --no-verify)"
        fail(CPVError(f"{size_text(size)} binary file staged in Git instead of DVC", where=path, fix=fix))
    stopping = blocking(taken)
    unread = [outcome for outcome in stopping if outcome.state == "unreadable"]
    if unread and _is_code_alone(repo, report, before):
        say(f"{', '.join(outcome.path for outcome in unread)}: not looked at, so this commit leaves it as it was")
        stopping = [outcome for outcome in stopping if outcome not in unread]
    stopping += _open_ones(repo, report, taken, before)
    if stopping or not runs_us():
        # Of a hook that passes pre-commit shows nothing; post-commit looks again, and tells it.
        tell_outcomes(SyncReport(taken))
    return bool(large or stopping)


def _open_ones(repo: Repo, report: SyncReport, taken: list[Outcome], before: Staged) -> list[Outcome]:
    """Say which artifacts are taken while their writer has them open; returns those that stop the commit for it."""
    opened = [outcome for outcome in taken if outcome.opened]
    if not opened:
        return []
    from cpv_hooks.sync.files_in_use import taken_open

    files = before.changed.union(_to_stage(repo, report, before))
    found = [(outcome, *line) for outcome in opened for line in taken_open(report.projects, [outcome], files)]
    for _, error, stops in found:
        if stops:
            fail(error)
        elif not runs_us():
            warn(str(error))
    return [outcome for outcome, _, stops in found if stops]


def _is_code_alone(repo: Repo, report: SyncReport, before: Staged) -> bool:
    """Whether a commit takes something, and no artifact's new content: one that does must have all that has changed."""
    pointers = {outcome.pointer.file for outcome in report.outcomes if outcome.pointer}
    return bool(before.changed) and not (pointers & before.changed) and not _to_stage(repo, report, before)


def _file(outcome: Outcome) -> str:
    """The pointer file of an outcome; one that cannot be read has only its name, with a line number perhaps."""
    return outcome.pointer.file if outcome.pointer else re.sub(r":\d+$", "", outcome.path)


def _takes_staged_only(projects: list[Project]) -> bool:
    return bool(projects) and all(project.config.stage == "staged" for project in projects)


def _known_files(report: SyncReport, files: Collection[str]) -> Iterator[tuple[Project, Pointer]]:
    """The files that a commit takes and that were hashed before, by `git status` perhaps."""
    for outcome in report.of("clean"):
        pointer = outcome.pointer
        project = owner(report.projects, pointer.file) if pointer else None
        if pointer and project and pointer.file in files and not pointer.isdir:
            yield project, pointer


def stage_changed(repo: Repo, report: SyncReport, before: Staged) -> list[str]:
    """Stage the pointers that a commit takes; returns those that were not staged yet."""
    changed = _to_stage(repo, report, before)
    pointers = [outcome.pointer for outcome in report.outcomes if outcome.pointer]
    new = index.stage(repo, changed, pointers) if changed else []
    if changed and index.is_limited_commit():
        index.restage_later(repo)
    removed = frozenset(filter(is_pointer_file, before.removed))
    if new or removed:
        added = [*new, *(pointer for pointer in pointers if pointer.file in before.added)]
        _keep_models_in_step(report, new, added, removed)
    return list(changed)


def _keep_models_in_step(
    report: SyncReport, new: Sequence[Pointer], added: Sequence[Pointer], removed: frozenset[str]
) -> None:
    """In `dvc.yaml`: as it is staged, too, unless the commit takes nothing but what it names."""
    from cpv_hooks.project import registered_models

    for project in report.projects:
        mine = [pointer for pointer in added if owner(report.projects, pointer.file) is project]
        moved = registered_models.moved_artifacts(project, removed, mine)
        registered_models.follow_moved(project, moved)
        if not index.is_limited_commit():
            registered_models.stage_models(project, [pointer.path for pointer in mine if pointer in new], moved)


def _to_stage(repo: Repo, report: SyncReport, before: Staged) -> dict[str, bool]:
    """The pointers that a commit takes and that are not staged as they are; of each whether it is new."""
    files = {outcome.pointer.file for outcome in report.outcomes if outcome.pointer}
    owners = {file: owner(report.projects, file) for file in files}
    taken = sorted(file for file, project in owners.items() if project and project.config.stage == "all")
    if index.is_limited_commit():
        # Such a commit takes no artifact that it does not name; one that it names is there already, maybe outdated.
        named = _named(before)
        taken = [file for file in taken if file in named]
    return index.unstaged(repo, taken, before)


def complete_versions(repo: Repo, report: SyncReport) -> bool:
    """On a remote that keeps versions the data goes up first, because the pointers say which versions they mean.

    Returns whether there is one.
    """
    if not any(project.keeps_versions for project in report.projects):
        return False
    from cpv_hooks.transfer.commits.versioned_commit import complete_commit

    some = index.is_limited_commit() or _takes_staged_only(report.projects)
    only = index.staged(repo).changed if some else None
    complete_commit(repo, report.projects, only=only, limited=index.is_limited_commit())
    if index.is_limited_commit():
        index.restage_later(repo)
    return True


def _take_detour(repo: Repo, report: SyncReport, *, last: bool) -> int:
    """Git has already found nothing to commit: take the detour, or stage and say so."""
    from cpv_hooks.git.one_shot_promise import Obstacle

    refused = one_shot.obstacle(repo)
    if refused is None and not all(project.config.one_shot for project in report.projects):
        refused = Obstacle("[commit] one_shot is false")
    if refused is not None:
        if not refused.is_commit:
            return 0
        say(f"artifacts staged; {refused.why}, so run the same git commit again")
        # pre-commit shows only what a hook says that fails; the commit comes to nothing anyway.
        return 1 if runs_us() and not refused.git_ends else 0
    if last:
        one_shot.open_detour(repo)
    else:
        # The shim calls back when every other hook has passed: a check may ask which branch this is.
        write_atomic(repo.state / state_files.DETOUR_WANTED, b"")
    return 0


def _tell_of_configured(repo: Repo) -> None:
    """What is staged may be the work of a configured hook, which came first: then Git found nothing to commit."""
    from cpv_hooks.git.one_shot_promise import configured

    if os.path.basename(os.environ.get("GIT_INDEX_FILE", "")) == "index" and (found := configured(repo, "pre-commit")):
        say(f"{found[0]} may have staged files: if Git finds nothing to commit, run the same git commit again")


def _open_wanted(repo: Repo) -> int:
    (repo.state / state_files.DETOUR_WANTED).unlink(missing_ok=True)
    one_shot.open_detour(repo)
    return 0
