"""What commits point to, brought to the remote: at once, in the background, or later from the queue."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, reduce
from typing import TYPE_CHECKING

from cpv_hooks.console.output import fail, say, warn
from cpv_hooks.console.progress import Progress
from cpv_hooks.errors import CPVError
from cpv_hooks.project.expected import by_hash_rule, expected, lacks_version, on_each
from cpv_hooks.project.project import root_key
from cpv_hooks.transfer.commits.early_upload import join_early_upload
from cpv_hooks.transfer.objects.upload_objects import Delivery, Missing, Published
from cpv_hooks.transfer.objects.upload_queue import Queue

if TYPE_CHECKING:
    from cpv_hooks.dvcformat.pointer import Pointer
    from cpv_hooks.project.project import Project
    from cpv_hooks.project.retired import RetiredContent, Retirement

Held = Callable[[], "Mapping[str, Retirement]"]
"""What `retired.content` says, looked at when it is needed."""
_ANNOUNCED = 100
"""Commits that an event names."""
_PARENTS = ("rev-list", "--no-walk", "--parents", "--stdin")
RETRY_AFTER = 60.0
"""Seconds for which a queued upload that failed is left alone, so that a dead network does not slow every command."""


def publish(
    project: Project, revs: Sequence[str], progress: Progress, retired: RetiredContent | None = None
) -> Published:
    """Upload everything that these commits point to and the remote lacks.

    What neither the cache nor the remote has is returned, and its directory object is not uploaded. Raises
    `RemoteError` where the remote fails; what was uploaded until then is recorded. Who publishes often gives `retired`.
    """
    from cpv_hooks.project.retired import RetiredContent

    return _publish(project, revs, progress, retired or RetiredContent(project), upload=True)


def ensure_uploaded(
    project: Project,
    revs: Sequence[str],
    progress: Progress | None = None,
    *,
    announce: bool = False,
    tips: Collection[str] = (),
) -> list[Missing]:
    """Make sure that all that these commits point to is on the remote, and return what is not.

    Uploads what the cache has, unless the policy is `never`, which only looks. With `announce` those who asked for
    events are told where something was uploaded. `tips` are commits of these that are more than history: they need
    content of retired versions too.
    """
    from cpv_hooks.project.retired import RetiredContent

    upload = project.config.push_when != "never"
    with progress or Progress("uploading") as shown:
        published = _publish(project, revs, shown, RetiredContent(project, tips), upload=upload)
    missing = list(published.missing)
    if announce and published.uploaded and not missing:
        _announce(project, revs)
    if not missing:
        Queue.of(project.repo).done(root_key(project), revs)
    return missing


def _publish(
    project: Project, revs: Sequence[str], progress: Progress, retired: RetiredContent, *, upload: bool
) -> Published:
    parts: list[Published] = []

    def publish_to(at: Project, pointers: list[Pointer]) -> None:
        parts.append(_publish_to(at, pointers, revs, progress, retired, upload=upload))

    on_each(project, _wanted(project, revs, retired), publish_to)
    found = reduce(Published.with_more, parts, Published())
    return found._replace(missing=_missed(project, revs, found.missing, retired)) if found.missing else found


def _publish_to(
    project: Project,
    pointers: list[Pointer],
    revs: Sequence[str],
    progress: Progress,
    retired: RetiredContent,
    *,
    upload: bool,
) -> Published:
    """Publish to the remote that the project has at hand."""
    total = Published()
    if project.remote_versioned:
        from cpv_hooks.transfer.commits.versioned_verify import verify_versions

        named = [pointer for pointer in pointers if pointer.stored and pointer.names_versions_on(project.remote_name)]
        total = verify_versions(project, named)
        pointers = [pointer for pointer in pointers if pointer not in set(named)]
    for legacy, group in by_hash_rule(pointer for pointer in pointers if pointer.oid):
        wanted = {pointer.oid or "": pointer for pointer in group}
        older = _Older(project, revs).of
        part = Delivery(project, legacy, progress, older, retired.by_oid).run(wanted, upload=upload)
        total = total.with_more(part._replace(missing=_required(project, revs, part.missing)))
    return total._replace(missing=tuple(item._replace(remote=project.remote_url) for item in total.missing))


class _Older:
    """What the commits before those that are published say; asked only for what is not known to be on the remote."""

    def __init__(self, project: Project, revs: Sequence[str]) -> None:
        self._project = project
        self._revs = revs

    def of(self, path: str) -> list[str]:
        """The objects that an artifact was in the parents."""
        return self._known.get(path, [])

    @cached_property
    def _known(self) -> Mapping[str, list[str]]:
        from cpv_hooks.project.pointers_at import pointers_at

        found: dict[str, list[str]] = {}
        # A first push may be of more commits than a command line holds.
        revs = "".join(f"{rev}\n" for rev in self._revs)
        rows = [line.split() for line in self._project.repo.run(*_PARENTS, input=revs).splitlines()]
        # Nothing is known yet of those that are published now.
        for parent in {oid for row in rows for oid in row[1:]} - {row[0] for row in rows}:
            with suppress(CPVError):  # a shallow clone lacks it, or what it says cannot be read
                for pointer in pointers_at(self._project, parent):
                    if pointer.oid:
                        found.setdefault(pointer.path, []).append(pointer.oid)
        return found


def unversioned(project: Project, rev: str) -> list[Pointer]:
    """The pointers of a commit that do not say which versions they mean, on a remote that keeps versions."""
    from cpv_hooks.project.pointers_at import pointers_at

    if not project.keeps_versions:
        return []
    return [pointer for pointer in pointers_at(project, rev) if lacks_version(project, pointer)]


def _wanted(project: Project, revs: Sequence[str], retired: RetiredContent) -> list[Pointer]:
    from cpv_hooks.project.pointers_at import pointers_at

    found = ((rev, pointer) for rev in revs for pointer in pointers_at(project, rev) if expected(project, pointer))
    return [pointer for rev, pointer in found if not retired.spares(rev, pointer)]


def _missed(
    project: Project, revs: Sequence[str], missing: Sequence[Missing], retired: RetiredContent
) -> tuple[Missing, ...]:
    """What is missing, without the data that went with a retired version, of which a line says so."""
    from cpv_hooks.project.pointers_at import pointers_at

    if not retired.by_oid:
        return tuple(missing)
    holders: dict[str | None, list[str]] = {}
    for rev in revs:
        for pointer in pointers_at(project, rev):
            holders.setdefault(pointer.oid, []).append(rev)
    excused = {item: retired.excuses(holders.get(item.pointer.oid, []), item.pointer.oid) for item in missing}
    for line in dict.fromkeys(f"{found}, and its data is gone" for found in excused.values() if found):
        say(line)
    return tuple(item for item, found in excused.items() if found is None)


def _required(project: Project, revs: Sequence[str], missing: Sequence[Missing]) -> tuple[Missing, ...]:
    found = ((item, expected(project, item.pointer, revs)) for item in missing)
    return tuple(item for item, rule in found if rule and rule.required)


def deliver_commits(project: Project, revs: Sequence[str], why: str, held: Held | None = None) -> bool:
    """Upload these commits' data as `[push] when` says; whether nothing of them is left to do here and now.

    They are queued first. An upload that fails leaves them queued and says so in one line; it raises nothing.
    """
    policy = project.config.push_when
    if policy in ("never", "push"):
        return True
    if project.keeps_versions:
        # The next commit completes what was committed without its versions; nothing else can.
        revs = [rev for rev in revs if not unversioned(project, rev)]
    queue, root = Queue.of(project.repo), root_key(project)
    try:
        queue.add(root, revs, why)
        if policy == "background":
            from cpv_hooks.transfer.commits.background_process import start_worker

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
    if project.config.push_when in ("never", "push") or not project.remotes:
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
        _announce(project, there, [rev for rev in revs if rev not in there], why_not)
    return not any(item.commit in revs for item in queue.pending(root))


def _announce(project: Project, there: Sequence[str], rest: Sequence[str] = (), why_not: str = "") -> None:
    """Tell those who asked for events."""
    from cpv_hooks.console.redact import redact
    from cpv_hooks.events.outbox import Event, emit_events

    done = [Event("uploaded", data={"commits": there[:_ANNOUNCED]})] if there else []
    failed = [Event("upload_failed", data={"commits": rest[:_ANNOUNCED], "error": redact(why_not)})] if why_not else []
    emit_events(project.repo.top, *done, *failed)


def _upload_each(
    project: Project,
    queue: Queue,
    root: str,
    revs: Sequence[str],
    tell: Callable[[str], None],
    held: Held | None,
) -> tuple[list[str], str]:
    """The commits whose data is there now, and why that of others is not."""
    from cpv_hooks.project.retired import RetiredContent

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
            named = ", ".join(item.path for item in missing[:3]) + (", …" if len(missing) > 3 else "")
            why_not = f"neither the cache nor the remote has {named}"
            queue.failed(root, [rev], why_not)
            tell(f"the data of {_names([rev])} is not complete: neither the cache nor the remote has {named}")
        else:
            queue.done(root, [rev])
            there.append(rev)
    return there, why_not


def _names(revs: Sequence[str]) -> str:
    return ", ".join(rev[:10] for rev in revs[:3]) + (f" and {len(revs) - 3} more commits" if len(revs) > 3 else "")
