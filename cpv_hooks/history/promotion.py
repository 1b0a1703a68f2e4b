"""Taking versions into stages and out of them, by the rules of `[stages]` in `.cpv.toml`."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.events.outbox import Event, emit_events
from cpv_hooks.git.objects import commits_of
from cpv_hooks.git.refs import TAGS
from cpv_hooks.git.repo import Repo
from cpv_hooks.history.reader import read_one
from cpv_hooks.history.where import Where
from cpv_hooks.metric_formats.condition import parse_conditions
from cpv_hooks.project import retired
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import STAGE_LENGTH, Line, is_stage_name
from cpv_hooks.system.locks import locked
from cpv_hooks.versions import stages, tag_objects, tag_refs
from cpv_hooks.versions.version import resolve_version

if TYPE_CHECKING:
    from gto.registry import GitRegistry


def promote(repo: Repo, projects: Sequence[Project], name: str, stage: str, message: str | None = None) -> str:
    """Take a model version into a stage; returns the tag that says so. `CPVError` where a rule does not allow it."""
    project = projects[0]
    refuse_stage(project, stage)
    version = resolve_version(project, Line.MODEL, name)
    events = stages.stage_history(repo, project)
    own = stages.held(events).get(stage, [])
    if own and own[-1].commit == version.commit:
        raise CPVError(f"{version.name} is in {stage} already", where=str(repo.top), fix="dvc cpv stages")
    gone = retired.read_retirements(repo).get(version.name)
    if gone is not None:
        raise CPVError(str(gone), where=str(repo.top), fix=f"dvc cpv retire --undo {shell_word(version.name)}")
    broken = broken_rule(repo, projects, stage, version.name, version.commit)
    if broken:
        raise CPVError(f"{version.name} may not be in {stage}: {broken}", where=".cpv.toml", fix=_FIX)
    _wait_after(events)
    with _registry(repo) as registry:
        artifact = stages.artifact_name(project.config)
        known = registry.find_artifact(artifact, create_new=True).find_version(commit_hexsha=version.commit)
        made = str(
            registry.assign(
                artifact,
                stage,
                rev=version.commit,
                # GTO forgets a demotion of what it does not know as a version, so it gets to know it.
                name_version=None if known else _registered_as(project, version.name),
                message=message or f"{version.name} into {stage}",
                force=True,
            ).tag
        )
    emit_events(repo.top, Event("promoted", version.name, {"stage": stage}))
    return made


_FIX = "dvc cpv stages lists the rules"


def demote(repo: Repo, projects: Sequence[Project], stage: str, message: str | None = None) -> list[str]:
    """Empty a stage; returns the tags that say so. To GTO an older version would be in it again, so that goes too."""
    project = projects[0]
    events = stages.stage_history(repo, project)
    own = stages.held(events).get(stage)
    if not own:
        raise stages.empty_stage(repo, stage, stages.held(events), fix="dvc cpv stages")
    _wait_after(events)
    artifact = stages.artifact_name(project.config)
    with _registry(repo) as registry:
        return [
            str(
                registry.unassign(
                    artifact,
                    stage,
                    rev=event.commit,
                    message=message or f"{event.version or event.commit[:10]} out of {stage}",
                    force=True,
                ).tag
            )
            for event in own
        ]


def refuse_stage(project: Project, stage: str) -> None:
    """`CPVError` for a stage that `.cpv.toml` does not name, where it names any, or that GTO would not take."""
    if project.config.stages and stage not in project.config.stages:
        known = ", ".join(project.config.stages)
        what = f"{stage!r} is not a stage of this repository (known: {known})"
        raise CPVError(what, where=".cpv.toml", fix="name it under [stages] in .cpv.toml")
    if not is_stage_name(stage):
        raise CPVError(f"{stage!r} cannot name a stage", fix=f"use letters, digits, - and _, at most {STAGE_LENGTH}")


def broken_rule(repo: Repo, projects: Sequence[Project], stage: str, version: str | None, commit: str) -> str | None:
    """Why a version may not be in a stage, or None; the remote is asked where the rule says `verified`."""
    rule = projects[0].config.stages.get(stage)
    if rule is None:
        return None
    if rule.branches and not _is_on(repo, rule.branches, commit):
        return f"its commit is on none of the branches {', '.join(rule.branches)}"
    if rule.metric is None and not rule.verified:
        return None
    if version is None:
        return "its commit has no version"
    found = read_one(repo, projects, version)
    if found.error:
        return f"it cannot be read ({found.error})"
    if rule.metric is not None:
        metrics = Where(projects).metrics(found)
        failed = [one for one in parse_conditions(rule.metric) if not one.holds(metrics)]
        if failed:
            names = ", ".join(f"{one.metric} is {metrics.get(one.metric, 'not known')}" for one in failed)
            return f"{rule.metric} does not hold ({names})"
    if rule.verified:
        whole = [pointer for project in projects for pointer in pointers_at(project, commit)]
        there = Where(projects).on_remote([whole], [commit])[0]
        if there is None:
            return "the remote could not be asked for its data"
        if not there:
            return "not all of its data is on the remote"
    return None


def refuse_stage_push(repo: Repo, projects: Sequence[Project], tags: Mapping[str, str]) -> list[CPVError]:
    """Of tags that are about to be pushed (name -> id) those of a stage whose rule does not allow it."""
    if not any("#" in name for name in tags):
        return []
    from gto.constants import Action
    from gto.tag import parse_name

    errors = []
    commits, versions = commits_of(repo, tags.values()), stages.versions(repo, projects[0])
    for name, oid in tags.items():
        parsed = parse_name(name, raise_on_fail=False)
        if parsed.get("action") is not Action.ASSIGN or parsed["name"] != stages.artifact_name(projects[0].config):
            continue
        commit = commits.get(oid, "")
        try:
            refuse_stage(projects[0], parsed["stage"])
            broken = broken_rule(repo, projects, parsed["stage"], versions.get(commit), commit)
        except CPVError as error:
            broken = error.what
        if broken:
            errors.append(
                CPVError(f"{name} breaks the rule of its stage: {broken}", fix=f"git tag -d {shell_word(name)}")
            )
    return errors


def _is_on(repo: Repo, branches: Sequence[str], commit: str) -> bool:
    patterns = [f"refs/{where}/{branch}" for branch in branches for where in ("heads", "remotes/*")]
    return bool(repo.run("for-each-ref", "--count=1", "--format=x", f"--contains={commit}", *patterns, check=False))


def _registered_as(project: Project, name: str) -> str:
    """The three numbers by which GTO knows a version: `v0.3` is `v0.3.0`."""
    number = scheme_of(project.config).parse(Line.MODEL, name) or ()
    return "v" + ".".join(map(str, [*number, 0, 0][:3]))


def _wait_after(events: Sequence[stages.StageEvent]) -> None:
    """GTO orders events by whole seconds: the next one has to be in a later one."""
    last = max((event.time for event in events), default=0)
    while last >= int(time.time()) and last - time.time() < 2:
        time.sleep(0.05)


@contextmanager
def _registry(repo: Repo) -> Iterator[GitRegistry]:
    """GTO's registry, in which all of a block's tags are made or none."""
    from gto.exceptions import GTOException
    from gto.registry import GitRegistry
    from scmrepo.exceptions import SCMError

    # Alone: what another promotion has made meanwhile would be taken back with this one's.
    with locked(repo.shared / state_files.STAGES_LOCK, wait=True, say="changing stages"):
        before = set(tag_refs.all_tag_names(repo))
        try:
            with _identity(tag_objects.tagger(repo)), GitRegistry.from_url(str(repo.top)) as registry:
                yield registry
        except (GTOException, SCMError, OSError) as error:
            for name in _made_since(repo, before):
                repo.run("update-ref", "-d", TAGS + name, check=False)
            raise CPVError(f"GTO: {_reason(error)}", where=str(repo.top), fix="gto show") from error
        tag_objects.sign(repo, _made_since(repo, before))


def _made_since(repo: Repo, before: Collection[str]) -> list[str]:
    """The tags that GTO has made; a version that somebody else tags meanwhile is none."""
    return [name for name in tag_refs.all_tag_names(repo) if name not in before and not {"@", "#"}.isdisjoint(name)]


def _reason(error: BaseException) -> str:
    """What GTO says, and what the library below it said to GTO."""
    said = [" ".join(str(getattr(error, "msg", "") or error).split())]
    below = error.__cause__ or error.__context__
    return ": ".join(said if below is None else [*said, _reason(below)])


@contextmanager
def _identity(tagger: str) -> Iterator[None]:
    """Who makes a tag, for a library that reads no configuration of one command (`git -c`, `GIT_CONFIG_COUNT`), and
    fails on a date."""
    who, _, _ = tagger.rpartition("> ")
    name, _, email = who.partition(" <")
    names = ("GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_COMMITTER_DATE")
    before = {key: os.environ.get(key) for key in names}
    _set_environment(dict(zip(names, (name, email, None), strict=True)))
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(values: Mapping[str, str | None]) -> None:
    for key, value in values.items():
        os.environ.pop(key, None)
        if value is not None:
            os.environ[key] = value
