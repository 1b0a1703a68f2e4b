"""What a person asks for by name that was left out: brought now, and from now on."""

from __future__ import annotations

import os
from collections.abc import Sequence

from cpv_hooks.errors import CPVError, file_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project import fetch_choice
from cpv_hooks.project.fetch_rule import FetchRule, parse_words
from cpv_hooks.project.project import Project
from cpv_hooks.sync.outcomes import SyncReport
from cpv_hooks.worktree.discovery import owner
from cpv_hooks.worktree.pointer_files import readable_pointers


class Asked(NamedTuple):
    """Kinds, and paths or patterns from the top of the work tree."""

    kinds: Sequence[str]
    paths: Sequence[str]

    @classmethod
    def of(cls, repo: Repo, kinds: Sequence[str], paths: Sequence[str]) -> Asked:
        """`paths` are written from the current folder. Raises `CPVError` where one leads out, or names no artifact."""
        top = repo.top.resolve()
        named = [os.path.relpath(os.path.join(os.getcwd(), path), top) for path in paths]
        asked = cls(kinds, ["*" if path == os.curdir else path for path in named])
        projects, pointers = Project.find_all(repo), list(readable_pointers(repo))
        for path in asked.paths:
            rule = parse_words([f"./{path}"], "dvc cpv sync")
            if not any(rule.part_of([one.path], "", isdir=one.isdir) != "none" for one in pointers):
                raise CPVError("names no artifact, and no file in one", where=path, fix="dvc cpv status")
        for kind in asked.kinds:
            holders = ((owner(projects, one.path), one.path) for one in pointers)
            if not any(project is not None and project.kind_of(path) == kind for project, path in holders):
                raise CPVError(f"there is no artifact of kind {kind}", where=str(repo.top), fix="dvc cpv status")
        return asked

    @property
    def words(self) -> list[str]:
        """As they are remembered: a path is not taken for a kind."""
        return [*self.kinds, *(f"./{path}" for path in self.paths)]

    @property
    def rule(self) -> FetchRule:
        return parse_words(self.words, "dvc cpv sync")

    def remember(self, repo: Repo, report: SyncReport) -> None:
        """Once a sync has brought it: the clone has it from now on. `CPVError` for a path that this version has not."""
        failed = {outcome.path for outcome in report.outcomes if outcome.error}
        for path in self.paths:
            found = os.path.lexists(repo.top / path) or set("*?[") & set(path)
            if not found and not any(f"{path}/".startswith(f"{one}/") for one in failed):
                raise CPVError("is not in this version", where=path, fix=f"dvc cpv sync {file_word(_top(path))}")
        fetch_choice.also_fetch(repo, self.words)


def _top(path: str) -> str:
    return path.partition("/")[0]
