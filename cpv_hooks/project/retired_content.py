"""What retired versions hold, and who needs it all the same: a living version, a branch, a tag of another kind."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.git.objects import commit_of, ref_commits
from cpv_hooks.git.refs import TAGS, refs_below
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.retired import Retirement, content, is_mark, is_record
from cpv_hooks.project.tag_schemes import Line, Scheme, version_line


class RetiredContent:
    """What retired versions hold, and which commits need it all the same."""

    def __init__(
        self, project: Project, living: Collection[str] = (), held: Mapping[str, Retirement] | None = None
    ) -> None:
        """`living` are commits that need all of their content besides those of refs; `held` is `content`, if known."""
        self.by_oid = content(project.repo) if held is None else held
        self._project = project
        self._living = set(living)
        self._versions: dict[Line, set[str]] = {line: set() for line in Line}
        if self.by_oid:
            self._look(project.repo)

    @cached_property
    def _scheme(self) -> Scheme:
        """Asked for where something is retired: it loads plugins."""
        return scheme_of(self._project.config)

    def _look(self, repo: Repo) -> None:
        retired = {item.version for item in self.by_oid.values()}
        head = commit_of(repo, "HEAD")
        self._living |= {head} if head else set()
        refs = refs_below(repo)
        commits = ref_commits(repo, refs)
        for ref, oid in refs.items():
            commit = commits.get(ref, oid)
            name = ref.removeprefix(TAGS) if ref.startswith(TAGS) else None
            if name is not None and (name in retired or is_record(name)):
                continue
            line = version_line(self._scheme, name) if name is not None else None
            if line is not None:
                self._versions[line].add(commit)
            elif name is None or not is_mark(self._project, name):
                self._living.add(commit)

    def _is_version(self, commit: str, item: Retirement) -> bool:
        """Whether a version that needs such content is on a commit: a model's needs its data too."""
        lines = (Line.MODEL,) if version_line(self._scheme, item.version) is Line.MODEL else tuple(Line)
        return any(commit in self._versions[line] for line in lines)

    def spares(self, commit: str, pointer: Pointer) -> bool:
        """Whether a commit names a retired version's content only because it is part of history."""
        found = self.by_oid.get(pointer.oid or "")
        return found is not None and commit not in self._living and not self._is_version(commit, found)

    def excuses(self, commits: Sequence[str], oid: str | None) -> Retirement | None:
        """The retirement for which nobody misses this content in these commits; None where a version still has it."""
        found = self.by_oid.get(oid or "")
        if found is None or any(self._is_version(commit, found) for commit in commits):
            return None
        return found
