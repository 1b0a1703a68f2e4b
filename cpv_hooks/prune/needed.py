"""All that a repository needs, and what of it must stay in the cache."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cpv_hooks import tag_refs
from cpv_hooks.errors import CPVError
from cpv_hooks.prune import history, standing, starts
from cpv_hooks.prune.listings import Listings
from cpv_hooks.prune.mentions import Mentions, Reader
from cpv_hooks.prune.plan import Options
from cpv_hooks.schemes import Line, scheme_of
from cpv_hooks.tree import is_dir_oid

if TYPE_CHECKING:
    from cpv_hooks.git import Repo
    from cpv_hooks.project import Project

_SHOWN = 3


class Needed:
    """The objects that a repository needs. Raises `CPVError` where that cannot be known."""

    def __init__(self, repo: Repo, projects: Sequence[Project], options: Options, more: Iterable[str] = ()) -> None:
        self._projects = projects
        self._options = options
        reader = Reader(repo)
        found = starts.find(repo, options.grace, more)
        past = history.read(repo, found.kept)
        self._standing = standing.mentions(repo, reader)
        for project in projects:
            self._standing.oids |= standing.recent_runs(project, options.grace)
        everything = reader.in_trees(past.all_trees)
        everything.add(self._standing)
        self._all = everything
        self._here = reader.in_trees(self._trees_here(repo, past, found)) if options.thins else Mentions()
        self._listings = Listings(projects)
        self._plain: set[str] | None = None

    @property
    def has_old(self) -> bool:
        """Whether any pointer names an object as DVC 2 did."""
        return bool(self._all.old)

    def everything(self) -> set[str]:
        """Every object that anything needs. `CPVError` for a directory whose files nobody can list."""
        unknown = sorted(oid for oid in self._all.promised if self._files(oid) is None)
        if unknown and not self._options.force:
            shown = ", ".join(unknown[:_SHOWN]) + (", …" if len(unknown) > _SHOWN else "")
            raise CPVError(
                f"neither the cache nor the remote has {shown}, so which files it needs is not known",
                where=str(self._projects[0].root),
                fix="dvc cpv verify --all --repair; or --force, if its files may go",
            )
        return self._with_files(self._all.oids)

    def plainly(self) -> set[str]:
        """What is seen to be needed without asking a remote."""
        if self._plain is None:
            self._plain = set(self._all.oids)
            for oid in filter(is_dir_oid, self._all.oids):
                self._plain |= self._listings.files(oid, fetch=False) or set()
        return self._plain

    def here(self) -> set[str]:
        """What stays in the cache, whatever the remote has."""
        return self._with_files(self._here.oids | self._standing.oids | self._all.old)

    def _trees_here(self, repo: Repo, past: history.History, found: starts.Starts) -> set[str]:
        """The trees of versions that stay in the cache: where one works, the newest and the young ones."""
        kept = {oid for oid, _ in history.peel(repo, found.here).values()}
        stashes = {oid for oid, _ in history.peel(repo, found.stashes).values()}
        if self._options.keep:
            kept |= _newest(repo, self._projects, self._options.keep)
        if self._options.older_than is not None:
            since = time.time() - self._options.older_than
            kept |= {commit.id for commit in past.commits.values() if commit.time >= since}
        return past.trees_of(kept, with_parents=stashes)

    def _with_files(self, oids: Iterable[str]) -> set[str]:
        found = set(oids)
        for oid in list(found):
            found |= (self._files(oid) or set()) if is_dir_oid(oid) else set()
        return found

    def _files(self, oid: str) -> set[str] | None:
        """The ids in a directory object, from a cache or a remote; None where nobody has it."""
        # What promises nothing protects what it lists where it is here, and is not worth a download.
        return self._listings.files(oid, fetch=oid in self._all.promised)


def _newest(repo: Repo, projects: Sequence[Project], count: int) -> set[str]:
    """The commits of the newest versions of each line."""
    commits = {tag.name: tag.commit for tag in tag_refs.read(repo)}
    found: set[str] = set()
    for project in projects:
        scheme = scheme_of(project.config)
        for line in Line:
            versions = sorted((version, name) for name in commits if (version := scheme.parse(line, name)))
            found |= {commits[name] for _, name in versions[-count:]}
    return found
