"""Making up for hooks that did not run: the data of commits that were made or pushed without CPV goes up now."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cpv_hooks.console.output import counted, say, warn
from cpv_hooks.errors import CPVError
from cpv_hooks.project.project import Project, root_key
from cpv_hooks.transfer.commits import unchecked_pushes
from cpv_hooks.transfer.commits.upload_commits import ensure_uploaded, unversioned
from cpv_hooks.transfer.objects.upload_objects import Missing
from cpv_hooks.transfer.objects.upload_queue import Queue

_SHOWN = 5


def with_pushes(projects: Sequence[Project], had: Collection[str] = (), leaving: Collection[str] = ()) -> bool:
    """Upload what commits name that were pushed without CPV's check; whether all of it is on the DVC remote now.

    `had` are commits that a Git remote said it has, `leaving` ones that were checked and are about to go there. A gap
    or a remote that fails is said in one line and looked at again the next time.
    """
    done = [_with_pushes(project, had, leaving) for project in projects if project.remote_url]
    return all(done)


def with_all(projects: Sequence[Project]) -> bool:
    """The same, and where the policy is to upload at a commit, for every commit of a branch or tag of this clone.

    What is queued was tried a moment ago, and is left to the queue.
    """
    whole = True
    for project in projects:
        if project.remote_url:
            queued = {item.commit for item in Queue.of(project.repo).pending(root_key(project))}
            done = _with_pushes(project, queued=queued) and _with_local(project, queued)
            whole = whole and done
    return whole


def _with_pushes(
    project: Project, had: Collection[str] = (), leaving: Collection[str] = (), queued: Collection[str] = ()
) -> bool:
    commits = unchecked_pushes.unchecked_commits(project, had)
    what = "was pushed without CPV's check and is not on the DVC remote"
    if not _complete(project, commits, what, queued):
        return False
    if commits:
        count = counted(len(commits), "commit")
        # An uninstallation takes the record along.
        how = "without CPV's check" if unchecked_pushes.has_notes(project) else "of which CPV has no record"
        say(f"{count} had been pushed {how}: what they point to is on the DVC remote now")
    unchecked_pushes.note_checked(project, [*had, *leaving])
    return True


def _with_local(project: Project, queued: Collection[str]) -> bool:
    # On a remote that keeps versions only the next commit says where the data is, and a push looks at all of it.
    if not project.config.uploads_commits or project.keeps_versions:
        return True
    commits = unchecked_pushes.commits_nowhere_else(project)
    if not _complete(project, commits, "is not on the DVC remote", queued):
        return False
    if commits:
        unchecked_pushes.note_checked(project, local=True)
    return True


def _complete(project: Project, commits: Sequence[str], what: str, queued: Collection[str]) -> bool:
    """Upload what commits need; where it cannot be had, say so."""
    if not commits:
        return True
    try:
        # On a remote that keeps versions the next commit completes what names none, and nothing else can.
        known = [commit for commit in commits if commit not in queued and not unversioned(project, commit)]
        missing = ensure_uploaded(project, known, announce=True) if known else []
    except CPVError as error:
        if queued:
            return False  # the remote has failed for what is queued, a moment ago, and that was said
        verb = "needs" if len(commits) == 1 else "need"
        warn(f"what {_names(commits)} {verb} could not be compared with the DVC remote: {error}")
        return False
    for gap in missing[:_SHOWN]:
        warn(str(_fault(gap, what)))
    if len(missing) > _SHOWN:
        warn(f"and {len(missing) - _SHOWN} more objects that the DVC remote lacks")
    return not missing and len(known) == len(commits)


def _fault(gap: Missing, what: str) -> CPVError:
    fix = "dvc cpv sync in a clone that still has it; dvc cpv verify --all names the versions"
    return CPVError(f"object {gap.oid} {what}", where=gap.path, fix=fix)


def _names(commits: Sequence[str]) -> str:
    return commits[0][:10] if len(commits) == 1 else f"{len(commits)} commits"
