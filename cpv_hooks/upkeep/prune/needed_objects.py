"""All that a repository needs, and what of it must stay in the cache."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from cpv_hooks.console.output import few
from cpv_hooks.dvcformat.directory_object import is_dir_oid
from cpv_hooks.errors import CPVError
from cpv_hooks.git.refs import listed_once
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.upkeep.prune import reflog_history, uncommitted_content
from cpv_hooks.upkeep.prune.listings import Listings
from cpv_hooks.upkeep.prune.mentions import MentionReader, Mentions
from cpv_hooks.upkeep.prune.prune_plan import PruneOptions
from cpv_hooks.upkeep.prune.retired_objects import Retirements
from cpv_hooks.upkeep.verify import starts
from cpv_hooks.versions import tag_refs

_SHOWN = 3


class Needed:
    """The objects that a repository needs. Raises `CPVError` where that cannot be known."""

    @listed_once()
    def __init__(
        self,
        repo: Repo,
        projects: Sequence[Project],
        options: PruneOptions,
        theirs: Sequence[starts.HostRef] = (),
        given: Retirements | None = None,
    ) -> None:
        """`theirs` are the refs of Git remotes; `given` are the retirements to go by, else those that are in force."""
        self._projects = projects
        self._options = options
        reader = MentionReader(repo)
        found = starts.find_starts(repo, options.grace, theirs)
        past = reflog_history.read_reflog_history(repo, found)
        self._uncommitted = uncommitted_content.mentions(repo, reader)
        for project in projects:
            self._uncommitted.oids |= uncommitted_content.recent_runs(project, options.grace)
        everything = reader.in_trees(past.all_trees)
        everything.add(self._uncommitted)
        held = Retirements.read(repo, projects, options, theirs) if given is None else given
        self.waiting = held.waiting
        self.retired = held.let_go(repo, found, past, reader, self._uncommitted) if held.in_force else set[str]()
        self._all = everything.without(self.retired)
        here = reader.in_trees(self._trees_here(repo, past, found)) if options.thins else Mentions()
        self._here = here.without(self.retired)
        self._listings = Listings(projects, self._all.named)
        self._plain: set[str] | None = None
        self._every: set[str] | None = None

    @property
    def has_old(self) -> bool:
        """Whether any pointer names an object as DVC 2 did."""
        return bool(self._all.old)

    def everything(self) -> set[str]:
        """Every object that anything needs. `CPVError` for a directory whose files nobody can list."""
        if self._every is None:
            self._every, unknown = self._with_files(self._all.oids)
            if unknown and not self._options.force:
                raise _unknown(self._projects[0], sorted(unknown))
        return self._every

    def plainly(self) -> set[str]:
        """What is seen to be needed without asking a remote."""
        if self._plain is None:
            self._plain, _ = self._with_files(self._all.oids, fetch=False)
        return self._plain

    @property
    def remotes(self) -> list[str]:
        """The remotes that outputs name, in any commit or now."""
        return sorted(self._all.named)

    def places(self) -> dict[str | None, set[str]]:
        """What belongs on each remote that outputs name, and, under None, what belongs on the default one too."""
        if not self._all.named:
            return {}
        found: dict[str | None, set[str]] = {None: self._with_files(self._all.unnamed)[0]}
        return found | {remote: self._with_files(oids)[0] for remote, oids in self._all.named.items()}

    def here(self) -> set[str]:
        """What stays in the cache, whatever the remote has."""
        return self._with_files(self._here.oids | self._uncommitted.oids | self._all.old)[0]

    def with_files(self, oids: Iterable[str]) -> set[str]:
        """These objects, and the files of the directories among them, as far as somebody can list them."""
        files = (self._listings.files(oid, fetch=True) for oid in filter(is_dir_oid, list(oids)))
        return set(oids).union(*(found for found in files if found))

    def _trees_here(self, repo: Repo, past: reflog_history.ReflogHistory, found: starts.Starts) -> set[str]:
        """The trees of versions that stay in the cache: where one works, the newest and the young ones."""
        kept = {oid for oid, _ in starts.peel(repo, found.here).values()}
        stashes = {oid for oid, _ in starts.peel(repo, found.stashes).values()}
        if self._options.keep:
            kept |= _newest(repo, self._projects, self._options.keep)
        if self._options.older_than is not None:
            since = time.time() - self._options.older_than
            kept |= {commit.id for commit in past.commits.values() if commit.time >= since}
        return past.trees_of(kept, with_parents=stashes)

    def _with_files(self, oids: Iterable[str], *, fetch: bool = True) -> tuple[set[str], set[str]]:
        """These objects and the files of the directories among them; and the directories that promise unknown files."""
        found, unknown = set(oids), set[str]()
        for oid in filter(is_dir_oid, list(found)):
            # What promises nothing protects what it lists where it is here, and is not worth a download.
            promised = oid in self._all.promised
            files = self._listings.files(oid, fetch=fetch and promised)
            found |= files or set()
            if files is None and promised:
                unknown.add(oid)
        return found, unknown


def _unknown(project: Project, oids: Sequence[str]) -> CPVError:
    return CPVError(
        f"neither the cache nor the remote has {few(oids, _SHOWN)}, so which files it needs is not known",
        where=str(project.root),
        fix="dvc cpv verify --all --repair; or --force, if its files may go",
    )


def _newest(repo: Repo, projects: Sequence[Project], count: int) -> set[str]:
    commits = tag_refs.tagged_commits(repo)
    found: set[str] = set()
    for project in projects:
        scheme = scheme_of(project.config)
        for line in Line:
            versions = sorted((version, name) for name in commits if (version := scheme.parse(line, name)))
            found |= {commits[name] for _, name in versions[-count:]}
    return found
