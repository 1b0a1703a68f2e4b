"""Tags of our lines that no hook has seen: libgit2 and JGit run none, and another tool's may have run in CPV's place.

What `git tag` refuses is found before such a tag leaves. `dvc cpv status` and the next commit find what can be told
without a network: a tag whose commit a remote has may have come from there, and then its name is its maker's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.config import FILE
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line, Scheme, line_of
from cpv_hooks.versions import checkpoint as checkpoints
from cpv_hooks.versions import numbering, tag_refs
from cpv_hooks.versions.tag_refs import PREFIX, is_null

_FIELDS = "%(objectname) %(*objectname) %(refname:strip=2)"
Ask = Callable[[str], Mapping[str, str]]
"""What a Git remote has (ref to object id), by its name; nothing where it does not answer."""


class Leaving(NamedTuple):
    """A tag that a push sends; `there` is what the host's tag of this name is now, zeros where it has none."""

    name: str
    oid: str
    there: str


class _Records(NamedTuple):
    """What this clone knows of its tags."""

    published: Collection[str]
    published_as: Mapping[str, Collection[str]]
    made: Collection[str]

    @classmethod
    def of(cls, repo: Repo) -> _Records:
        return cls(tag_refs.published_names(repo), tag_refs.published_oids(repo), tag_refs.tags_made_here(repo))

    def moved_from(self, name: str, oid: str) -> str | None:
        """What a published tag was when it went out, where it is something else now."""
        known = self.published_as.get(name, ())
        return next(iter(known)) if known and oid not in known else None

    def is_settled(self, name: str, oid: str) -> bool:
        return name in self.published or f"{oid} {name}" in self.made


def refuse_unseen_tags(
    repo: Repo, projects: Sequence[Project], leaving: Iterable[Leaving], remote: str, ask: Ask
) -> list[CPVError]:
    """What stops a push: its tags that are malformed, backward, moved, or name a commit that cannot be a version.

    The order counts against what is published. `ask` is called where a tag is new and no hook has seen it.
    """
    records, found = _Records.of(repo), []
    for tag in leaving:
        old = tag.there if not is_null(tag.there) and tag.there != tag.oid else records.moved_from(tag.name, tag.oid)
        if old is not None:
            found.append(_moved(repo, tag.name, tag.oid, old, remote))
        elif is_null(tag.there) and not records.is_settled(tag.name, tag.oid):
            found += _unseen(repo, projects, tag, remote, ask)
    return found


def _unseen(repo: Repo, projects: Sequence[Project], tag: Leaving, remote: str, ask: Ask) -> Iterator[CPVError]:
    commit = repo.resolve(tag.oid)
    if commit is None:
        yield CPVError(f"{tag.name} names no commit", where=str(repo.top), fix=f"git tag -d {shell_word(tag.name)}")
        return
    if commit not in _managed(repo, projects, [commit]):
        return
    on_host = {ref.removeprefix(PREFIX) for ref in ask(remote) if ref.startswith(PREFIX)}
    fault = _misnamed(repo, projects[0], tag.name, commit, {*on_host, *tag_refs.published_names(repo)})
    if fault is not None:
        others = [other for other in repo.run("remote").split("\n") if other not in ("", remote)]
        if not any(ask(other).get(PREFIX + tag.name) == tag.oid for other in others):
            yield fault
        return
    try:
        checkpoints.read_checkpoint(repo, projects, commit)
    except CPVError as error:
        yield error


def unseen_tag_faults(repo: Repo, project: Project) -> list[CPVError]:
    """What is wrong with the tags of this clone; no remote is asked, and without such tags it is one Git call."""
    scheme, records = scheme_of(project.config), _Records.of(repo)
    moved, unseen = [], {}
    for row in repo.run("for-each-ref", f"--format={_FIELDS}", PREFIX).splitlines():
        oid, peeled, name = row.split(" ", 2)
        line = line_of(scheme, name)
        old = records.moved_from(name, oid) if line else None
        if old is not None:
            moved.append(_moved(repo, name, oid, old, _some_remote(repo)))
        elif line and not records.is_settled(name, oid):
            unseen[name] = peeled or oid
    wrong = list(_wrong(scheme, unseen, records.published))
    own = _managed(repo, [project], _unpublished(repo, {unseen[name] for name in wrong})) if wrong else set()
    faults = (_misnamed(repo, project, name, unseen[name], records.published) for name in wrong if unseen[name] in own)
    return [*moved, *filter(None, faults)]


def _moved(repo: Repo, name: str, oid: str, old: str, remote: str) -> CPVError:
    back = f"git fetch {shell_word(remote)} {shell_word(f'+{PREFIX}{name}:{PREFIX}{name}')}"
    if repo.ok("cat-file", "-e", old):
        back = f"git tag -f {shell_word(name)} {shell_word(old)}"
    what = f"{name} is published as {old[:10]}, and a published tag never moves (here it is {oid[:10]})"
    return CPVError(what, fix=back)


def _some_remote(repo: Repo) -> str:
    remotes = repo.run("remote").split()
    return "origin" if "origin" in remotes or not remotes else remotes[0]


def _wrong(scheme: Scheme, names: Iterable[str], published: Collection[str]) -> Iterator[str]:
    """Those names, of which none is published, that `_misnamed` finds a fault in."""
    last = {line: numbering.highest(scheme, line, published) for line in Line}
    for name in names:
        line = line_of(scheme, name)
        version = scheme.parse(line, name) if line else None
        highest = last[line] if line else None
        if version is None or (highest is not None and version <= highest):
            yield name


def _misnamed(repo: Repo, project: Project, name: str, commit: str, published: Collection[str]) -> CPVError | None:
    """The fault of a name that is malformed, or not higher than what is published."""
    scheme = scheme_of(project.config)
    line = line_of(scheme, name)
    assert line is not None
    others, version = set(published) - {name}, scheme.parse(line, name)
    last = numbering.highest(scheme, line, others)
    if version is not None and (last is None or version > last):
        return None
    better = numbering.next_free(scheme, line, {*numbering.known(repo), *others})
    if version is None:
        what = numbering.malformed(scheme, line, name, others).what
    else:
        what = f"{name} is not higher than {scheme.format(line, last or version)}, which is published"
    return CPVError(
        what, fix=f"git tag {shell_word(better)} {shell_word(commit[:10])} && git tag -d {shell_word(name)}"
    )


def _managed(repo: Repo, projects: Sequence[Project], commits: Collection[str]) -> set[str]:
    """Those commits that CPV manages; a tag of an older time is named by that time's rules."""
    asked = [(commit, f"{commit}:{project.prefix}{FILE}") for commit in commits for project in projects]
    text = "".join(f"{rev}\n" for _, rev in asked)
    answers = repo.run("cat-file", "--batch-check=%(objectname)", input=text).splitlines() if asked else []
    return {commit for (commit, _), answer in zip(asked, answers, strict=True) if not answer.endswith(" missing")}


def commits_of(repo: Repo, project: Project, oids: Iterable[str]) -> list[str]:
    """The commits that tags stand for, those that CPV manages."""
    rows = "".join(f"{oid}^{{commit}}\n{oid}^{{commit}}:{project.prefix}{FILE}\n" for oid in oids)
    answers = iter(repo.run("cat-file", "--batch-check=%(objectname)", input=rows).splitlines())
    return [commit for commit, settings in zip(answers, answers, strict=True) if not settings.endswith(" missing")]


def _unpublished(repo: Repo, commits: Collection[str]) -> set[str]:
    """Those commits that no remote is known to have."""
    text = "".join(f"{commit}\n" for commit in commits)
    args = ("rev-list", "--ignore-missing", "--stdin", "--not", "--remotes")
    return set(commits) & set(repo.run(*args, input=text).split())
