"""When the data of commits is uploaded: at once, in the background, or later from the queue, as `[push] when` says."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from cpv_hooks.console.output import fail, few, warn
from cpv_hooks.console.progress import Progress
from cpv_hooks.errors import CPVError
from cpv_hooks.project.project import Project, root_key
from cpv_hooks.transfer.objects.upload_queue import Queue

if TYPE_CHECKING:
    from cpv_hooks.project.retired import Retirement

Held = Callable[[], "Mapping[str, Retirement]"]
"""What `retired.content` says, looked at when it is needed."""
RETRY_AFTER = 60.0
"""Seconds for which a queued upload that failed is left alone, so that a dead network does not slow every command."""


def deliver_commits(project: Project, revs: Sequence[str], why: str, held: Held | None = None) -> bool:
    """Upload these commits' data as `[push] when` says; whether nothing of them is left to do here and now.

    They are queued first. An upload that fails leaves them queued and says so in one line; it raises nothing.
    """
    if not project.config.uploads_commits:
        return True
    if project.keeps_versions:
        from cpv_hooks.transfer.commits.upload_commits import unversioned

        # The next commit completes what was committed without its versions; nothing else can.
        revs = [rev for rev in revs if not unversioned(project, rev)]
    queue, root = Queue.of(project.repo), root_key(project)
    try:
        queue.add(root, revs, why)
        if project.config.push_when == "background":
            from cpv_hooks.transfer.commits.upload_locks import start_worker

            start_worker(project)
            return True
        return _deliver_now(project, queue, root, revs, held=held)
    except CPVError as error:
        warn(f"the data of {_names(revs)} is not uploaded: {error}")
        return False


def deliver_now(project: Project, revs: Sequence[str], why: str) -> bool:
    """Upload these commits' data here and now, unless `[push] when` leaves it to a push, or to nobody.

    Whether it is on the remote. They are queued first, and stay so where it fails, which is said in one line.
    """
    from cpv_hooks.transfer.commits.upload_commits import unversioned

    if not project.config.uploads_commits or not project.remotes:
        return False
    revs = [rev for rev in revs if not unversioned(project, rev)]
    queue, root = Queue.of(project.repo), root_key(project)
    queue.add(root, revs, why)
    return bool(revs) and _deliver_now(project, queue, root, revs, announce=False)


def retry_queued(project: Project, *, force: bool = False) -> None:
    """Upload what is queued for a DVC root and was not tried just now; with `force`, all of it.

    Raises nothing for a remote that still fails: that is said in one line, and the queue keeps it.
    """
    queue, root = Queue.of(project.repo), root_key(project)
    before = time.time() - RETRY_AFTER
    waiting = [item.commit for item in queue.pending(root) if force or item.tried is None or item.tried < before]
    if not waiting:
        return
    from cpv_hooks.git.objects import commits_of

    there = commits_of(project.repo, waiting)
    queue.done(root, [commit for commit in waiting if commit not in there])
    revs = [commit for commit in waiting if commit in there]
    if revs:
        _deliver_now(project, queue, root, revs, tell=_fail if force else warn)


def _fail(line: str) -> None:
    """What a command was for and did not do is no warning."""
    fail(CPVError(line))


def _deliver_now(
    project: Project,
    queue: Queue,
    root: str,
    revs: Sequence[str],
    tell: Callable[[str], None] = warn,
    *,
    announce: bool = True,
    held: Held | None = None,
) -> bool:
    """Upload commits one after the other, oldest first, so that each is off the queue as soon as it is there.

    With `announce` those who asked for events are told.
    """
    there, why_not = _upload_each(project, queue, root, revs, tell, held)
    if announce:
        from cpv_hooks.events.outbox import emit_uploaded

        emit_uploaded(project.repo.top, there, [rev for rev in revs if rev not in there], why_not)
    return not any(item.commit in revs for item in queue.pending(root))


def _upload_each(
    project: Project,
    queue: Queue,
    root: str,
    revs: Sequence[str],
    tell: Callable[[str], None],
    held: Held | None,
) -> tuple[list[str], str]:
    """The commits whose data is there now, and why that of others is not."""
    from cpv_hooks.project.retired_content import RetiredContent
    from cpv_hooks.transfer.commits.early_upload import join_early_upload
    from cpv_hooks.transfer.commits.upload_commits import publish

    there, why_not = list[str](), ""
    retired = RetiredContent(project, held=held() if held else None)
    for rev in revs:
        try:
            with Progress("uploading") as progress:
                join_early_upload(project, progress)
                missing = publish(project, [rev], progress, retired).missing
        except CPVError as error:
            queue.failed(root, revs, str(error))
            tell(f"the data of {_names(revs)} is not uploaded: {error} (queued; dvc cpv sync tries again)")
            return there, str(error)
        if missing:
            why_not = f"neither the cache nor the remote has {few([item.path for item in missing])}"
            went = {str(retired.by_oid[oid]) for item in missing if (oid := item.pointer.oid or "") in retired.by_oid}
            why_not += f" ({'; '.join(sorted(went))})" if went else ""
            queue.failed(root, [rev], why_not)
            tell(f"the data of {_names([rev])} is not complete: {why_not}")
        else:
            queue.done(root, [rev])
            there.append(rev)
    return there, why_not


def _names(revs: Sequence[str]) -> str:
    return ", ".join(rev[:10] for rev in revs[:3]) + (f" and {len(revs) - 3} more commits" if len(revs) > 3 else "")
