"""What retiring versions would do, how many bytes that makes free, and doing it; taking it back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cpv_hooks.console.times import iso_time
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.events.outbox import Event, emit_events
from cpv_hooks.git.repo import Repo
from cpv_hooks.history.log import size_of
from cpv_hooks.history.reader import Recorded, read_history
from cpv_hooks.history.where import Where
from cpv_hooks.metric_formats.metrics import metrics_for_json
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.operations.download.version_content import NobodyHas, find_content
from cpv_hooks.operations.info.version_history import version_of_either_line
from cpv_hooks.project import retired
from cpv_hooks.project.project import Project
from cpv_hooks.project.retired import Retirement
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.transfer.commits.queued_uploads import deliver_commits
from cpv_hooks.transfer.objects.store import Store
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.upkeep.prune.needed_objects import Needed
from cpv_hooks.upkeep.prune.prune_plan import PruneOptions
from cpv_hooks.upkeep.prune.retired_objects import Retirements
from cpv_hooks.upkeep.retire.selection import Choice, PassedOver, Policy, Selection
from cpv_hooks.versions import retirement_tags
from cpv_hooks.versions.retirement_tags import Retiring
from cpv_hooks.versions.version import Version, pointers_of

_DATA_KINDS = {Line.MODEL: ("model", "extra"), Line.DATA: ("data",)}
"""What goes with a version. Metrics files stay: they are small, and a retired version keeps its metrics."""


class Freed(NamedTuple):
    """Bytes that nothing needs any more; with `at_least` the size of some objects is not known."""

    bytes: int
    at_least: bool


@dataclass(frozen=True)
class RetirePlan:
    """The versions that would be retired, and those that a policy passes over."""

    chosen: Sequence[Choice]
    passed_over: Sequence[PassedOver] = ()
    freed: Freed = field(default=Freed(0, False))

    def as_dict(self) -> dict[str, Any]:
        return {
            "versions": [_row(one) for one in self.chosen],
            "passed_over": [one._asdict() for one in self.passed_over],
            "bytes": self.freed.bytes,
        }


def _row(choice: Choice) -> dict[str, Any]:
    one = choice.version
    return {
        "tag": one.name,
        "line": str(one.line),
        "commit": one.commit,
        "timestamp": iso_time(one.time),
        "size": size_of(one),
        "metrics": metrics_for_json(choice.metrics),
        "guards": list(choice.guards),
    }


def plan_retirement(
    repo: Repo,
    projects: Sequence[Project],
    tags: Sequence[str],
    policy: Policy,
    line: Line = Line.MODEL,
    confirmed: Sequence[str] = (),
) -> RetirePlan:
    """What would be retired: the named versions, or those of a line that a policy does not keep. Changes nothing."""
    policy.check(tags)
    policy = policy.with_goals(projects[0].config.metrics)
    known = retired.read_retirements(repo)
    selection = Selection(repo, projects, read_history(repo, projects), known)
    chosen, over = (selection.named(tags), []) if tags else selection.by(policy, line, confirmed)
    return RetirePlan(chosen, over, _freed(repo, projects, chosen, known) if chosen else Freed(0, False))


def retire_versions(repo: Repo, chosen: Sequence[Choice], reason: str | None) -> str:
    """Retire versions, all in one tag, whose name is returned: the one place where it happens."""
    record = retirement_tags.write_retirement(repo, [_retiring(one.version) for one in chosen], reason)
    emit_events(repo.top, *(Event("retired", one.version.name) for one in chosen))
    return record


def _retiring(one: Recorded) -> Retiring:
    kinds = _DATA_KINDS[one.line]
    pointers = [artifact.pointer for artifact in one.artifacts if artifact.kind in kinds]
    oids = {pointer.oid for pointer in pointers if pointer.oid and pointer.needs_remote}
    return Retiring(one.name, one.commit, frozenset(oids))


def _freed(repo: Repo, projects: Sequence[Project], chosen: Sequence[Choice], known: dict[str, Retirement]) -> Freed:
    """What these versions alone need, with those that were retired before."""
    new = {
        item.name: Retirement(item.name, item.commit, item.oids, 0.0, "", "", "", "")
        for item in (_retiring(one.version) for one in chosen)
    }
    needed = Needed(repo, projects, PruneOptions(force=True), given=Retirements(projects, known | new))
    own = set[str]().union(*(item.oids for item in new.values())) & needed.retired
    everything = needed.everything() if own else set[str]()
    sizes = {
        artifact.pointer.oid: artifact.pointer.size
        for one in chosen
        for artifact in one.version.artifacts
        if artifact.pointer.oid in own and not artifact.pointer.isdir
    }
    gone = {oid for oid in needed.with_files(own) if oid not in everything}
    found = {oid: sizes.get(oid) or _size(projects, oid) for oid in gone}
    return Freed(sum(size or 0 for size in found.values()), None in found.values())


def _size(projects: Iterable[Project], oid: str) -> int | None:
    blobs = (Store(project, legacy=legacy).blob(oid) for project in projects for legacy in (False, True))
    return next((blob.size for blob in blobs if blob), None)


def undo(
    repo: Repo, projects: Sequence[Project], tags: Sequence[str], reason: str | None = None, *, dry_run: bool = False
) -> list[str]:
    """Take the retirement of versions back, all in one tag; returns their names.

    Raises `CPVError` for one that is not retired, or whose data neither the cache nor the remote has in full; nothing
    is taken back then. What the remote lacks is uploaded by `[push] when`.
    """
    held = retired.all_retirements(repo)
    names = list(dict.fromkeys(version_of_either_line(projects[0], tag).name for tag in tags))
    for name in names:
        if name not in held:
            raise CPVError(f"{name} is not retired", where=str(repo.top), fix="dvc cpv retire --list")
    for name in names:
        for project in projects:
            _demand_data(project, held[name][0])
    if dry_run:
        return names
    retirement_tags.take_back(repo, [item for name in names for item in held[name]], reason)
    # Another clone may have pruned what this one once saw on a remote.
    Queue.of(repo).forget_all()
    for project in projects:
        deliver_commits(project, list(dict.fromkeys(held[name][0].commit for name in names)), "retire --undo")
    return names


def _demand_data(project: Project, item: Retirement) -> None:
    line = version_of_either_line(project, item.version).line
    pointers = list(pointers_of(project, line, item.commit))
    oids = set(item.oids)
    if line is Line.MODEL:
        # It needs its data too, which may have gone with a retired version of the data.
        pointers += pointers_of(project, Line.DATA, item.commit)
        oids |= retired.content(project.repo).keys()
    pointers = [one for one in pointers if one.oid in oids]
    try:
        find_content(project, Version(item.version, line, item.commit, tuple(pointers)))
    except NobodyHas as error:
        what = f"{item.version} stays retired: neither the cache nor the remote has {error.names}"
        raise CPVError(what, where=str(project.root), fix=item.undo) from error


class ListedRetirement(NamedTuple):
    """A retired version, and where its data is: on the remote None where that is not known."""

    item: Retirement
    size: int | None
    in_cache: bool
    on_remote: bool | None

    def as_dict(self) -> dict[str, Any]:
        return {
            "tag": self.item.version,
            "commit": self.item.commit,
            **(retired.retirement_entry(self.item) or {}),
            "record": self.item.record,
            "size": self.size,
            "in_cache": self.in_cache,
            "on_remote": self.on_remote,
        }


def listed(repo: Repo, projects: Sequence[Project]) -> list[ListedRetirement]:
    """The retired versions, the latest retirement first."""
    known = retired.read_retirements(repo)
    found = {one.name: one for one in read_history(repo, projects)} if known else {}
    items = sorted(known.values(), key=lambda item: (-item.time, item.version))
    own = [_with_data(found[item.version], item) for item in items]
    where = Where(projects)
    remote = where.on_remote(own, [item.commit for item in items]) if items else []
    return [
        ListedRetirement(item, sum(pointer.size or 0 for pointer in pointers), where.cached(pointers), there)
        for item, pointers, there in zip(items, own, remote, strict=True)
    ]


def _with_data(one: Recorded, item: Retirement) -> list[Pointer]:
    return [artifact.pointer for artifact in one.artifacts if artifact.pointer.oid in item.oids]
