"""Which version is in which stage: GTO's annotated tags, `NAME#STAGE#N` for in and `NAME#STAGE!#N` for out.

The gto library reads and names them, so that `gto show` and CPV agree: https://github.com/iterative/gto#readme
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import Config
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import GTO_NAME, Line
from cpv_hooks.versions import tag_refs

MARK = "@"
"""What a stage's name has in front of it where it stands for a version."""


class StageEvent(NamedTuple):
    """A promotion or a demotion. `time` is in seconds since the epoch; `version` is the model's tag on the commit."""

    action: Literal["promote", "demote"]
    stage: str
    version: str | None
    commit: str
    time: int
    author: str
    message: str
    tag: str


def is_name(text: str) -> bool:
    """Whether GTO takes this for the name of a model or a stage."""
    return GTO_NAME.fullmatch(text) is not None


def is_reference(text: str) -> bool:
    """Whether a text is `@STAGE`, and not a revision of Git's such as `@{0}` or `@`."""
    return text.startswith(MARK) and is_name(text.removeprefix(MARK))


def artifact_name(config: Config) -> str:
    """The name by which GTO knows the repository's model; `CPVError` for one that it does not take."""
    name = config.model or "model"
    if not is_name(name):
        what = f"GTO cannot name a model {name!r} (letters, digits, - and _ only)"
        raise CPVError(what, where=".cpv.toml", fix="set another [cpv] model in .cpv.toml")
    return name


def stage_history(repo: Repo, project: Project) -> list[StageEvent]:
    """Every promotion and demotion of the repository's model, oldest first."""
    names = tag_refs.all_tag_names(repo)
    # The library takes a second to load, and most repositories have no stage.
    if not any("#" in name for name in names):
        return []
    from gto.constants import Action
    from gto.tag import find, parse_name
    from scmrepo.exceptions import SCMError
    from scmrepo.git import Git

    try:
        scm = Git(str(repo.top))
        try:
            found = find(frozenset((Action.ASSIGN, Action.UNASSIGN)), artifact_name(project.config), scm=scm)
        finally:
            scm.close()
    except SCMError as error:
        raise CPVError(f"the stages cannot be read: {error}", where=str(repo.top), fix="git fsck") from error
    known = versions(repo, project)
    events = []
    for tag in found:
        parsed = parse_name(tag.name)
        event = StageEvent(
            "promote" if parsed["action"] is Action.ASSIGN else "demote",
            parsed["stage"],
            known.get(tag.target),
            tag.target,
            int(tag.tag_time),
            f"{tag.tagger_name} <{tag.tagger_email}>",
            tag.message.strip().partition("\n")[0],
            tag.name,
        )
        events.append((event.time, parsed.get("counter", 0), event))
    return [event for _, _, event in sorted(events, key=lambda item: item[:2])]


def versions(repo: Repo, project: Project) -> dict[str, str]:
    """Commit -> the highest of the model's tags on it."""
    scheme = scheme_of(project.config)
    numbered = [
        (number, name, commit)
        for name, commit in tag_refs.tagged_commits(repo).items()
        if (number := scheme.parse(Line.MODEL, name)) is not None
    ]
    return {commit: name for _, name, commit in sorted(numbered, key=lambda item: item[0])}


def held(events: list[StageEvent]) -> dict[str, list[StageEvent]]:
    """Stage -> the promotions that still hold, the latest last: that one's version is in the stage."""
    found: dict[str, list[StageEvent]] = {}
    for event in events:
        others = [one for one in found.get(event.stage, []) if one.commit != event.commit]
        found[event.stage] = [*others, event] if event.action == "promote" else others
    return {stage: own for stage, own in found.items() if own}


def current(repo: Repo, project: Project) -> dict[str, StageEvent]:
    """Stage -> the promotion of the version that is in it."""
    return {stage: own[-1] for stage, own in held(stage_history(repo, project)).items()}


def empty_stage(repo: Repo, stage: str, in_use: Iterable[str], *, fix: str) -> CPVError:
    """What is said of a stage that no version is in; `in_use` are those that have one."""
    known = ", ".join(sorted(in_use)) or "none"
    return CPVError(f"no version is in stage {stage!r} (stages in use: {known})", where=str(repo.top), fix=fix)


def version_in(project: Project, text: str) -> str:
    """The version that `@STAGE` means; `CPVError` for an unknown or an empty stage."""
    stage, found = text.removeprefix(MARK), current(project.repo, project)
    if stage not in found:
        raise empty_stage(project.repo, stage, found, fix=f"dvc cpv promote TAG {shell_word(stage or 'STAGE')}")
    version = found[stage].version
    if version is None:
        what = f"stage {stage!r} names {found[stage].commit[:10]}, which has no version"
        raise CPVError(what, where=str(project.repo.top), fix="git fetch --tags")
    return version
