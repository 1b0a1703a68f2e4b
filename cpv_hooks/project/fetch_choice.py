"""Who says what of the artifacts is to be here: `CPV_FETCH`, else what was chosen for this clone, else the personal
settings, else `[fetch]` of `.cpv.toml`; the first that says something says all.

The rules are asked for what a version newly has. What was left out stays so until somebody asks for it: by `CPV_FETCH`,
or by `dvc cpv sync`.

What was chosen for a clone (`only`) is in its state, with what `dvc cpv sync PATH` brought since (`also`), which is
added to whatever rule holds. Nothing here says that a file *was* left out: that is the base's to know
(`worktree/absent_files.py`), or a changed setting would make deletions of absent files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

from cpv_hooks import state_files
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.fetch_rule import FetchRule, Part, parse_words
from cpv_hooks.project.project import Project
from cpv_hooks.state_files import cpv_home
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.system.own_files import open_own

VARIABLE = "CPV_FETCH"


class FetchChoice(NamedTuple):
    """The rules that hold for one DVC root; what one of them names is to be here.

    Those of a person are of paths from the top of the work tree or from the root, that of `.cpv.toml` from the root.
    What was left out stays so until somebody asks: by `asked`, or by all rules where `asks`.
    """

    prefix: str
    rules: tuple[FetchRule, ...]
    of_person: bool = True
    asks: bool = False
    asked: FetchRule | None = None

    @classmethod
    def of(cls, project: Project) -> FetchChoice:
        """Read them. Raises `CPVError` for a pattern that leads out of the repository."""
        said, prefix = os.environ.get(VARIABLE), project.prefix
        if said:
            return cls(prefix, (parse_words(said.split(","), VARIABLE),), asks=True)
        chosen = _Chosen.load(project.repo)
        only = _personal() if chosen.only is None else chosen.only
        also = (parse_words(chosen.also, "sync"),) if chosen.also else ()
        if only is None:
            return cls(prefix, (FetchRule(**(project.config.fetch or {})), *also), of_person=bool(also))
        return cls(prefix, (parse_words(only, "--only"), *also))

    def within(self, path: str, kind: str, *, was_left_out: bool) -> Callable[[str], bool]:
        """Whether a file of a folder artifact, whose path is from the top, is to be here."""
        folders = [f"{folder}/" for folder in self._spellings(path)]
        rules = [rule.namer(kind) for rule in self._rules(was_left_out)]
        return lambda name: any(names([folder + name for folder in folders]) for names in rules)

    def part_of(self, path: str, kind: str, *, isdir: bool, was_left_out: bool) -> Part:
        """How much of an artifact is to be here, as far as that can be told without a list of its files."""
        rules = self._rules(was_left_out)
        found = {rule.part_of(self._spellings(path), kind, isdir=isdir) for rule in rules}
        return "all" if "all" in found else "some" if "some" in found else "none"

    def _rules(self, was_left_out: bool) -> tuple[FetchRule, ...]:
        if self.asked is not None:
            return (self.asked,) if was_left_out else (*self.rules, self.asked)
        return () if was_left_out and not self.asks else self.rules

    def _spellings(self, path: str) -> Sequence[str]:
        local = path.removeprefix(self.prefix)
        return (local, path) if (self.of_person or self.asked) and local != path else (local,)


def choose_fetched(repo: Repo, words: Sequence[str]) -> None:
    """Let a clone have this and nothing else from now on; `all` for everything, whatever the settings say."""
    parse_words(words, "--only")
    _Chosen(list(words), []).save(repo)


def also_fetch(repo: Repo, words: Sequence[str]) -> None:
    """Let a clone have this too from now on."""
    only, also = _Chosen.load(repo)
    _Chosen(only, [*also, *(word for word in words if word not in also)]).save(repo)


class _Chosen(NamedTuple):
    only: list[str] | None
    also: list[str]

    @classmethod
    def load(cls, repo: Repo) -> _Chosen:
        """Nothing was chosen where the file is not there, or damaged."""
        try:
            with os.fdopen(open_own(repo.shared / state_files.FETCH, os.O_RDONLY), "rb") as stream:
                table: Any = json.loads(stream.read())
            only, also = table["only"], table["also"]
            return cls(None if only is None else list(map(str, only)), list(map(str, also)))
        except (OSError, ValueError, KeyError, TypeError):
            return cls(None, [])

    def save(self, repo: Repo) -> None:
        write_atomic(repo.shared / state_files.FETCH, json.dumps(self._asdict()).encode())


def _personal() -> list[str] | None:
    """`fetch` of the personal settings, which `dvc cpv config set` has checked."""
    try:
        settings: Any = state_files.read_json(cpv_home() / state_files.CONFIG)
    except (OSError, ValueError):
        return None
    said = settings.get("fetch") if isinstance(settings, dict) else None
    return said.split(",") if isinstance(said, str) and said else None
