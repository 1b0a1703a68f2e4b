"""`post-commit`: number the checkpoint, upload it by policy, and mend the index after a path-limited commit."""

from __future__ import annotations

from cpv_hooks import state_files
from cpv_hooks.console.output import fail, say, warn
from cpv_hooks.errors import CPVError
from cpv_hooks.git import hooks_in_place, index, one_shot
from cpv_hooks.git.caller import calling_git
from cpv_hooks.git.repo import Repo
from cpv_hooks.hooks.hook_run import answered, begin_hook, quietly
from cpv_hooks.project.project import Project
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync.outcomes import Outcome, SyncReport
from cpv_hooks.sync.report import tell_outcomes
from cpv_hooks.sync.sync_policy import COMMIT
from cpv_hooks.transfer.commits.by_policy import upload_by_policy
from cpv_hooks.versions import missed, tag_refs, tags

_SHOWN = 3


def run(args: list[str]) -> int:
    """Never undoes the commit, which stands: what fails is said, queued, and tried again at the next event."""
    repo = begin_hook()
    one_shot.heal(repo)
    if (repo.state / state_files.RESTAGE).exists():
        index.repair_after_limited_commit(repo)
        _repair_completed(repo)
        (repo.state / state_files.RESTAGE).unlink(missing_ok=True)
    if not answered(repo):
        report = guarded_sync(repo, quietly(COMMIT))
        tell_outcomes(report)
        _tell_open(repo, [outcome for outcome in report.outcomes if outcome.opened], report)
    projects = Project.find_all(repo)
    head = repo.resolve("HEAD")
    if not projects or head is None:
        return 0
    try:
        # A rebase, or an amend, replaces a commit whose tag post-rewrite moves.
        follows = repo.under_way() == "rebase" or _amends(repo)
        names = [] if follows else missed.number_missed(repo, projects)
        late = sorted({tag_refs.tagged_commits(repo)[name] for name in names} - {head})
        names += [] if follows else tags.create_auto(repo, projects, head)
    except CPVError as error:
        fail(error)
        names, late = [], []
    if names:
        from cpv_hooks.events.outbox import emit_tagged

        say(f"tagged {' '.join(names)}")
        emit_tagged(repo.top, names)
        _tell_unseen(repo, projects[0])
    upload_by_policy(repo, projects, [*late, head], "commit")
    _tell_overwritten(projects, head)
    if hooks_in_place.were_bypassed(repo) and all(project.config.push_when == "commit" for project in projects):
        missed.make_up(repo, projects)
    return 0


def _tell_overwritten(projects: list[Project], head: str) -> None:
    for project in projects:
        if project.makes_links:
            from cpv_hooks.transfer.commits.overwritten_objects import tell_overwritten

            try:
                tell_overwritten(project, head)
            except CPVError as error:
                fail(error)


def _tell_unseen(repo: Repo, project: Project) -> None:
    """A client without hooks may have made or moved tags since."""
    from cpv_hooks.versions import unseen_tags

    faults = unseen_tags.unseen_tag_faults(repo, project)
    for fault in faults[:_SHOWN]:
        warn(str(fault))
    if len(faults) > _SHOWN:
        warn(f"and {len(faults) - _SHOWN} more tags that cannot be pushed; fix: dvc cpv status lists them")


def _tell_open(repo: Repo, opened: list[Outcome], report: SyncReport) -> None:
    """What pre-commit's hook could not say, because pre-commit shows nothing of a hook that passes."""
    if not opened:
        return
    from cpv_hooks.hooks.precommit_framework import runs_us

    if runs_us():
        from cpv_hooks.sync.files_in_use import taken_open

        listed = repo.run("diff-tree", "--root", "--no-commit-id", "--name-only", "-r", "-z", "HEAD")
        for error, _ in taken_open(report.projects, opened, set(listed.split("\0"))):
            warn(str(error))


def _repair_completed(repo: Repo) -> None:
    if (repo.state / state_files.COMPLETED).exists():
        from cpv_hooks.transfer.commits.versioned_commit import repair_versions_after_limited_commit

        repair_versions_after_limited_commit(repo)


def _amends(repo: Repo) -> bool:
    """Whether the commit replaced its predecessor, by the reflog line that Git has just written."""
    try:
        with open(repo.git_dir / "logs" / "HEAD", "rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - 65536))
            last = stream.read().rstrip(b"\n").rpartition(b"\n")[2]
        return last.partition(b"\t")[2].startswith(b"commit (amend)")
    except OSError:
        git = calling_git()
        return git is not None and "--amend" in git.words
