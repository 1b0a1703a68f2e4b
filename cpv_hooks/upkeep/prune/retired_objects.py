"""What retired versions alone need.

Content of a retired version goes although commits of the history still name it, but not where anything else does: a
branch, HEAD, a stash, a run, a queued upload, another tag, another version. A model version needs all that its commit
has; a version of the data needs the data. Tags of stages count as long as the version is in the stage.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from cpv_hooks.errors import CPVError
from cpv_hooks.git.refs import TAGS
from cpv_hooks.git.repo import Repo
from cpv_hooks.project import retired
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.project.retired import Retirement
from cpv_hooks.project.tag_schemes import Line, version_line
from cpv_hooks.upkeep.prune.mentions import MentionReader, Mentions
from cpv_hooks.upkeep.prune.prune_plan import PruneOptions
from cpv_hooks.upkeep.prune.reflog_history import ReflogHistory
from cpv_hooks.upkeep.verify import starts
from cpv_hooks.versions import stages


class Retirements:
    """The retirements that are in force, by version; `waiting` says of the others what they wait for."""

    def __init__(
        self, projects: Sequence[Project], in_force: Mapping[str, Retirement], waiting: Sequence[str] = ()
    ) -> None:
        self.in_force = in_force
        self.waiting = list(waiting)
        self._projects = projects
        self._scheme = scheme_of(projects[0].config)

    @classmethod
    def read(
        cls, repo: Repo, projects: Sequence[Project], options: PruneOptions, theirs: Sequence[starts.HostRef]
    ) -> Retirements:
        """Those that are older than the grace period and, for the remote, that every Git remote has.

        Until then others may not know of one, and it can be taken back.
        """
        in_force: dict[str, Retirement] = {}
        waiting: list[str] = []
        hosts = set(repo.run("remote").split()) if options.remote else set()
        for name, item in retired.read_retirements(repo).items():
            due = item.time + options.grace
            told = {one.host for one in theirs if (one.ref, one.oid) == (TAGS + item.record, item.record_oid)}
            if due > time.time():
                day = datetime.fromtimestamp(due, UTC).date().isoformat()
                waiting.append(f"{item}; its data stays until {day} (with --grace 0d it may go now)")
            elif hosts - told:
                waiting.append(
                    f"{item}; its data stays until {', '.join(sorted(hosts - told))} knows (git push --follow-tags)"
                )
            else:
                in_force[name] = item
        return cls(projects, in_force, waiting)

    def let_go(
        self,
        repo: Repo,
        found: starts.Starts,
        past: ReflogHistory,
        reader: MentionReader,
        uncommitted: Mentions,
    ) -> set[str]:
        living = list(self._living(repo, found))
        data = {start.oid for start in living if self._line(start) is Line.DATA}
        whole = {start.oid for start in living if self._line(start) is not Line.DATA}
        commits = {oid for oid, _ in starts.peel(repo, whole).values()}
        stashes = {oid for oid, _ in starts.peel(repo, found.stashes).values()}
        kept = reader.in_trees(past.trees_of(commits, with_parents=stashes)).oids | uncommitted.oids
        for oid, _ in starts.peel(repo, data).values():
            of_data = self._data_at(oid)
            kept |= reader.in_trees(past.trees_of({oid})).oids if of_data is None else of_data
        # What a tag says goes by no more than what its commit has.
        own = reader.in_trees(past.trees_of({item.commit for item in self.in_force.values()})).oids
        said = set[str]().union(*(item.oids for item in self.in_force.values()))
        return (said & own) - kept

    def _living(self, repo: Repo, found: starts.Starts) -> Iterator[starts.Start]:
        """What needs the data of what it names: neither a retired version nor a memory of where refs were."""
        held = {event.tag for event in stages.current(repo, self._projects[0]).values()}
        commits = starts.peel(repo, {start.oid for start in found.every if self._retired_as(start)})
        for start in found.every:
            item = self._retired_as(start)
            name = start.name.removeprefix(TAGS) if start.name.startswith(TAGS) else None
            # What has the name of a retired version on another Git host may be another commit.
            past = commits.get(start.oid, ("",))[0] == item.commit if item else self._is_past(name, held)
            if start.role != "while" and not past:
                yield start

    def _retired_as(self, start: starts.Start) -> Retirement | None:
        return self.in_force.get(start.name.removeprefix(TAGS)) if start.name.startswith(TAGS) else None

    def _is_past(self, name: str | None, held: set[str]) -> bool:
        """Whether a ref is a tag that needs no data: of a retirement, or GTO's of no stage that is held now."""
        if name is None or name in held:
            return False
        return retired.is_record(name) or (
            version_line(self._scheme, name) is None and retired.is_mark(self._projects[0], name)
        )

    def _line(self, start: starts.Start) -> Line | None:
        return version_line(self._scheme, start.name.removeprefix(TAGS)) if start.name.startswith(TAGS) else None

    def _data_at(self, commit: str) -> set[str] | None:
        found: set[str] = set()
        for project in self._projects:
            try:
                pointers = pointers_at(project, commit)
            except CPVError:
                return None
            found |= {pointer.oid for pointer in pointers if pointer.oid and project.kind_of(pointer.path) == "data"}
        return found
