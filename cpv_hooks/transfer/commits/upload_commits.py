"""What commits point to, brought to the remote. `queued_uploads` says when."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import cache, reduce
from typing import TYPE_CHECKING

from cpv_hooks.console.output import say
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.events.outbox import emit_uploaded
from cpv_hooks.project.expected import by_hash_rule, expected, lacks_version, on_each
from cpv_hooks.project.project import Project, root_key
from cpv_hooks.transfer.objects.upload_objects import Delivery, Missing, Published
from cpv_hooks.transfer.objects.upload_queue import Queue

if TYPE_CHECKING:
    from cpv_hooks.project.retired_content import RetiredContent

_PARENTS = ("rev-list", "--no-walk", "--parents", "--stdin")


def publish(
    project: Project, revs: Sequence[str], progress: Progress, retired: RetiredContent | None = None
) -> Published:
    """Upload everything that these commits point to and the remote lacks.

    What neither the cache nor the remote has is returned, and its directory object is not uploaded. Raises
    `RemoteError` where the remote fails; what was uploaded until then is recorded. Who publishes often gives `retired`.
    """
    from cpv_hooks.project.retired_content import RetiredContent

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
    from cpv_hooks.project.retired_content import RetiredContent

    upload = project.config.push_when != "never"
    with progress or Progress("uploading") as shown:
        published = _publish(project, revs, shown, RetiredContent(project, tips), upload=upload)
    missing = list(published.missing)
    if announce and published.uploaded and not missing:
        emit_uploaded(project.repo.top, revs)
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
    total = Published()
    if project.remote_versioned:
        from cpv_hooks.transfer.commits.versioned_verify import verify_versions

        named = [pointer for pointer in pointers if pointer.stored and pointer.names_versions_on(project.remote_name)]
        total = verify_versions(project, named)
        pointers = [pointer for pointer in pointers if pointer not in set(named)]
    for legacy, group in by_hash_rule(pointer for pointer in pointers if pointer.oid):
        wanted = {pointer.oid or "": pointer for pointer in group}
        part = Delivery(project, legacy, progress, _older(project, revs), retired.by_oid).run(wanted, upload=upload)
        total = total.with_more(part._replace(missing=_required(project, revs, part.missing)))
    return total._replace(missing=tuple(item._replace(remote=project.remote_url) for item in total.missing))


def _older(project: Project, revs: Sequence[str]) -> Callable[[str], list[str]]:
    """The objects that an artifact was in the parents; asked only for what is not known to be on the remote."""

    @cache
    def known() -> Mapping[str, list[str]]:
        from cpv_hooks.project.pointers_at import pointers_at

        found: dict[str, list[str]] = {}
        # A first push may be of more commits than a command line holds.
        lines = "".join(f"{rev}\n" for rev in revs)
        rows = [line.split() for line in project.repo.run(*_PARENTS, input=lines).splitlines()]
        # Nothing is known yet of those that are published now.
        for parent in {oid for row in rows for oid in row[1:]} - {row[0] for row in rows}:
            with suppress(CPVError):  # a shallow clone lacks it, or what it says cannot be read
                for pointer in pointers_at(project, parent):
                    if pointer.oid:
                        found.setdefault(pointer.path, []).append(pointer.oid)
        return found

    return lambda path: known().get(path, [])


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
