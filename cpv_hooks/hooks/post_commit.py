"""`post-commit`: number the checkpoint, upload it by policy, and mend the index after a path-limited commit."""

from __future__ import annotations

from cpv_hooks import state_files
from cpv_hooks.console.output import fail, say, warn
from cpv_hooks.errors import CPVError, one_line
from cpv_hooks.git import hooks_in_place, index, one_shot
from cpv_hooks.git.caller import calling_git
from cpv_hooks.git.objects import RawCommit, read_commit
from cpv_hooks.git.repo import Repo
from cpv_hooks.hooks.hook_run import answered, begin_hook, quietly
from cpv_hooks.project.project import Project
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync.outcomes import Outcome, SyncReport
from cpv_hooks.sync.report import tell_outcomes
from cpv_hooks.sync.sync_policy import COMMIT
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.transfer.commits.by_policy import upload_by_policy
from cpv_hooks.versions import tag_refs, tags
from cpv_hooks.versions.tag_refs import ListedTag

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
    head = read_commit(repo, "HEAD")
    if not projects or head is None:
        return 0
    listed = tag_refs.list_tags(repo)
    try:
        names, late = _number(repo, projects, head, listed)
    except CPVError as error:
        fail(error)
        names, late = [], []
    if names:
        from cpv_hooks.events.outbox import emit_tagged

        say(f"tagged {' '.join(names)}")
        emit_tagged(repo.top, names)
        _tell_unseen(repo, projects[0], listed)
    upload_by_policy(repo, projects, [*late, head.oid], "commit")
    _tell_overwritten(projects, head.oid)
    if hooks_in_place.were_bypassed(repo) and all(project.config.push_when == "commit" for project in projects):
        from cpv_hooks.versions import missed

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


def _number(
    repo: Repo, projects: list[Project], head: RawCommit, listed: list[ListedTag]
) -> tuple[list[str], list[str]]:
    """Number HEAD, and before it what was committed here without hooks: the new names, and the commits before HEAD
    that got one."""
    # A rebase, or an amend, replaces a commit whose tag post-rewrite moves.
    if repo.under_way() == "rebase" or _amends(repo):
        return [], []
    numbered, names, late = repo.state / state_files.NUMBERED, list[str](), set[str]()
    # Of a commit that follows one that was numbered here nothing can have been missed.
    if hooks_in_place.were_bypassed(repo) or hooks_in_place.read_small_file(numbered) not in head.parents[:1]:
        from cpv_hooks.versions import missed

        names = missed.number_missed(repo, projects)
        if names:
            listed[:] = tag_refs.list_tags(repo)
            late = {tag.commit for tag in listed if tag.name in names} - {head.oid}
    names += tags.create_auto(repo, projects, head.oid, listed)
    write_atomic(numbered, head.oid.encode())
    return names, sorted(late)


def _tell_unseen(repo: Repo, project: Project, listed: list[ListedTag]) -> None:
    """A client without hooks may have made or moved tags since."""
    from cpv_hooks.versions import unseen_tags

    faults = unseen_tags.unseen_tag_faults(repo, project, listed)
    for fault in faults[:_SHOWN]:
        warn(str(fault))
    if len(faults) > _SHOWN:
        warn(one_line(f"and {len(faults) - _SHOWN} more tags that cannot be pushed", fix="dvc cpv status lists them"))


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
