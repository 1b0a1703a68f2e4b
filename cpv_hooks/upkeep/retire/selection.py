"""Which versions are to be retired, and which of them only by their name."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from cpv_hooks.console.output import printable
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.history.conditions import refuse_unknown
from cpv_hooks.history.reader import Recorded
from cpv_hooks.history.where import Where
from cpv_hooks.metric_formats.series import Goal
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.operations.info.version_history import version_of_either_line
from cpv_hooks.project.config import Goals
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.project.retired import Retirement
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.runs.keep_rules import KeepBest, Mark, finite_number
from cpv_hooks.versions import stages

_BEST = "dvc cpv retire --keep-best 3 --metric acc"


class Policy(NamedTuple):
    """What stays of a line: the best by a metric, those younger than an age in seconds, what is or was in a stage."""

    keep_best: int | None = None
    metric: str | None = None
    mode: Goal | None = None
    older_than: float | None = None
    except_stages: tuple[str, ...] = ()

    def with_goals(self, goals: Goals) -> Policy:
        """With what `.cpv.toml` says of metrics, where nothing was given; `CPVError` where it is not known."""
        if self.keep_best is None:
            return self
        metric = self.metric or goals.main
        if metric is None:
            raise CPVError("--keep-best and --metric go together", fix=_BEST)
        mode = self.mode or goals.of(metric)
        if mode is None:
            what = f"whether more or less {metric} is better is not known"
            raise CPVError(what, where=".cpv.toml", fix="--mode max, or name it under [metrics] in .cpv.toml")
        return self._replace(metric=metric, mode=mode)

    def check(self, tags: Sequence[str]) -> None:
        """`CPVError` for what makes no sense, with the versions that are named besides."""
        selects = self.keep_best is not None or self.older_than is not None
        if self.keep_best is not None and self.keep_best < 1:
            raise CPVError("--keep-best must be 1 or more", fix=_BEST)
        if self.keep_best is None and (self.metric is not None or self.mode is not None):
            raise CPVError("--keep-best and --metric go together", fix=_BEST)
        if tags and (selects or self.except_stages):
            raise CPVError("name versions or give a rule, not both", fix="dvc cpv retire TAG")
        if not tags and not selects:
            fix = "dvc cpv retire TAG, or --keep-best N --metric M, or --older-than AGE"
            raise CPVError("which versions?", fix=fix)


class Choice(NamedTuple):
    """A version that may be retired. `guards` say why only by its name; `metrics` are the version's."""

    version: Recorded
    guards: tuple[str, ...]
    metrics: Mapping[str, int | float | str]


class PassedOver(NamedTuple):
    """A version that a policy leaves alone, and why."""

    tag: str
    why: str


class Selection:
    """The versions of a repository, with what is known about each."""

    def __init__(
        self, repo: Repo, projects: Sequence[Project], found: Sequence[Recorded], retired: Mapping[str, Retirement]
    ) -> None:
        self._repo = repo
        self._projects = projects
        self._found = {one.name: one for one in found}
        self._retired = retired
        self._where = Where(projects)
        self._events = stages.stage_history(repo, projects[0])
        self._head = repo.resolve("HEAD")

    def named(self, tags: Sequence[str]) -> list[Choice]:
        """The versions of these names; `CPVError` for one that is none, or is retired already."""
        chosen: dict[str, Choice] = {}
        for tag in tags:
            name = version_of_either_line(self._projects[0], tag).name
            if name in self._retired:
                raise CPVError(str(self._retired[name]), where=str(self._repo.top), fix="dvc cpv retire --list")
            chosen[name] = self._choice(self._found[name])
        return list(chosen.values())

    def by(self, policy: Policy, line: Line, confirmed: Sequence[str]) -> tuple[list[Choice], list[PassedOver]]:
        """The versions that a policy does not keep, oldest first, and those that it passes over.

        What may go only by its name is passed over where that is not among the `confirmed` ones.
        """
        own = [one for one in self._found.values() if one.line is line and one.name not in self._retired]
        kept = self._kept(policy, own)
        chosen: list[Choice] = []
        over = [PassedOver(one.name, kept[one.name]) for one in own if kept.get(one.name)]
        for one in own:
            if one.name not in kept:
                choice = self._choice(one)
                if choice.guards and one.name not in confirmed:
                    over.append(PassedOver(one.name, choice.guards[0]))
                else:
                    chosen.append(choice)
        return chosen, over

    def _kept(self, policy: Policy, own: Sequence[Recorded]) -> dict[str, str]:
        """The versions that stay, each with why, where that is not what was asked for."""
        kept: dict[str, str] = {}
        if policy.keep_best is not None:
            kept |= self._best(policy, own)
        for stage in policy.except_stages:
            self._demand_stage(stage)
            commits = {event.commit for event in self._events if event.stage == stage}
            kept |= {one.name: f"it is or was in stage {stage}" for one in own if one.commit in commits}
        if policy.older_than is not None:
            since = time.time() - policy.older_than
            kept |= {one.name: "" for one in own if one.time >= since}
        kept |= {one.name: f"it cannot be read ({one.error})" for one in own if one.error}
        return kept

    def _demand_stage(self, stage: str) -> None:
        """Refuse a stage that nobody knows: what it was to keep would go."""
        known = {event.stage for event in self._events}.union(*(one.config.stages for one in self._projects))
        if stage not in known:
            what = f"no version is or was in stage {stage!r} (stages: {', '.join(sorted(known)) or 'none'})"
            raise CPVError(printable(what), where=str(self._repo.top), fix="git fetch --tags")

    def _best(self, policy: Policy, own: Sequence[Recorded]) -> dict[str, str]:
        metric = policy.metric or ""
        metrics = [self._where.metrics(one) for one in own]
        refuse_unknown([metric], {name for values in metrics for name in values})
        marks = [Mark(place, values) for place, values in enumerate(metrics)]
        best = KeepBest(policy.keep_best or 0, metric, policy.mode or "max").kept(marks)
        of = f"of the {policy.keep_best} {'highest' if policy.mode == 'max' else 'lowest'}"
        kept = {own[at].name: f"its {metric}, {metrics[at][metric]}, is one {of}" for at in best}
        # Nobody knows whether these are good.
        for one, values in zip(own, metrics, strict=True):
            if finite_number(values.get(metric)) is None:
                value = values.get(metric)
                kept[one.name] = f"its {metric} is {value}, no number" if metric in values else f"it has no {metric}"
        return kept

    def _choice(self, one: Recorded) -> Choice:
        if one.error:
            raise CPVError(f"{one.name} cannot be read: {one.error}", where=str(self._repo.top), fix="dvc cpv verify")
        return Choice(one, tuple(self._guards(one)), self._where.metrics(one))

    def _guards(self, one: Recorded) -> list[str]:
        found = [
            f"it is in stage {stage}"
            for stage, own in sorted(stages.held(self._events).items())
            if own[-1].commit == one.commit and one.line is Line.MODEL
        ]
        line = [other for other in self._found.values() if other.line is one.line and other.name not in self._retired]
        if one == max(line, key=lambda other: other.number):
            found.append(f"it is the newest version of the {one.line}")
        if self._is_at_head(one):
            found.append("HEAD is on it")
        return found

    def _is_at_head(self, one: Recorded) -> bool:
        """Whether HEAD is the version's commit, or has its model, or its data."""
        if one.commit == self._head:
            return True
        main = "data" if one.line is Line.DATA else "model"
        own = {artifact.pointer.oid for artifact in one.artifacts if artifact.kind == main}
        return bool(own) and own == self._at_head(main)

    def _at_head(self, kind: str) -> set[str | None]:
        found: set[str | None] = set()
        for project in self._projects if self._head else ():
            try:
                pointers = pointers_at(project, self._head or "")
            except CPVError:
                continue
            found |= {pointer.oid for pointer in pointers if project.kind_of(pointer.path) == kind}
        return found


def demand_names(chosen: Sequence[Choice], confirmed: Sequence[str], again: str) -> None:
    """`CPVError` for a version that may go only by its name, where that is not among the `confirmed` ones.

    `again` is the command that was given.
    """
    missing = [one for one in chosen if one.guards and one.version.name not in confirmed]
    if missing:
        what = "; ".join(f"{one.version.name}: {' and '.join(one.guards)}" for one in missing)
        words = " ".join(f"--confirm {shell_word(one.version.name)}" for one in missing)
        raise CPVError(f"has to be confirmed by its name: {printable(what)}", fix=f"{again} {words}")
