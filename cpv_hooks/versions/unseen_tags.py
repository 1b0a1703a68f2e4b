"""Tags of our lines that no hook has seen: libgit2 and JGit run none, and another tool's may have run in CPV's place.

What `git tag` refuses is found before such a tag leaves. `dvc cpv status` and the next commit find what can be told
without a network: a tag whose commit was not made here, or a remote has it, may have come from there, and then its name
is its maker's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.git.objects import commits_of, objects_of
from cpv_hooks.git.refs import TAGS
from cpv_hooks.git.repo import Repo, is_null
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import FILE
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line, Scheme, line_of
from cpv_hooks.versions import checkpoint as checkpoints
from cpv_hooks.versions import tag_records, tag_refs
from cpv_hooks.versions.numbering import Numbers
from cpv_hooks.versions.tag_records import Records
from cpv_hooks.versions.tag_refs import ListedTag

Ask = Callable[[str], Mapping[str, str]]
"""What a Git remote has (ref to object id), by its name; nothing where it does not answer."""


class Leaving(NamedTuple):
    """A tag that a push sends; `there` is what the host's tag of this name is now, zeros where it has none."""

    name: str
    oid: str
    there: str


class _Moved(NamedTuple):
    """A published tag that is something else now."""

    name: str
    oid: str
    old: str


class _Order:
    """What the names of tags that are not published are held against: those that are."""

    def __init__(self, repo: Repo, scheme: Scheme, published: Collection[str]) -> None:
        self._repo = repo
        self._scheme = scheme
        self._published = published
        self._numbers = Numbers(scheme, published)

    def is_broken(self, name: str, line: Line | None) -> bool:
        """Whether a name of a line is malformed, or not higher than what is published."""
        version, last = (self._scheme.parse(line, name), self._numbers.highest(line)) if line else (None, None)
        return version is None or (last is not None and version <= last)

    def fault(self, name: str, commit: str) -> CPVError:
        """What is wrong with such a name, and the command that gives the commit another."""
        line = line_of(self._scheme, name)
        assert line is not None
        version, last = self._scheme.parse(line, name), self._numbers.highest(line)
        if version is None:
            what = self._numbers.malformed(line, name).what
        else:
            what = f"{name} is not higher than {self._scheme.format(line, last or version)}, which is published"
        better = f"git tag {shell_word(self._all.next_free(line))} {shell_word(commit[:10])}"
        return CPVError(what, fix=f"{better} && git tag -d {shell_word(name)}")

    @cached_property
    def _all(self) -> Numbers:
        return Numbers.of(self._repo, self._scheme, [*tag_refs.all_tag_names(self._repo), *self._published])


def refuse_unseen_tags(
    repo: Repo, projects: Sequence[Project], leaving: Iterable[Leaving], remote: str, ask: Ask
) -> list[CPVError]:
    """What stops a push: its tags that are malformed, backward, moved, or name a commit that cannot be a version.

    The order counts against what is published. `ask` is called where a tag is new and no hook has seen it.
    """
    records, moved, unseen = Records.of(repo), list[_Moved](), list[Leaving]()
    for tag in leaving:
        old = tag.there if not is_null(tag.there) and tag.there != tag.oid else records.moved_from(tag.name, tag.oid)
        if old is not None:
            moved.append(_Moved(tag.name, tag.oid, old))
        elif is_null(tag.there) and not records.is_settled(tag.name, tag.oid):
            unseen.append(tag)
    return [*_faults_of_moved(repo, moved, remote), *_faults_of_unseen(repo, projects, unseen, remote, ask)]


def _faults_of_unseen(
    repo: Repo, projects: Sequence[Project], tags: Sequence[Leaving], remote: str, ask: Ask
) -> Iterator[CPVError]:
    commits = commits_of(repo, [tag.oid for tag in tags]) if tags else {}
    for tag in tags:
        if tag.oid not in commits:
            fix = f"git tag -d {shell_word(tag.name)}"
            yield CPVError(f"{tag.name} names no commit", where=str(repo.top), fix=fix)
    ours = managed_commits(repo, projects, set(commits.values()))
    own = {tag: commits[tag.oid] for tag in tags if commits.get(tag.oid) in ours}
    if not own:
        return
    on_host = {ref.removeprefix(TAGS) for ref in ask(remote) if ref.startswith(TAGS)}
    others = [other for other in repo.run("remote").split("\n") if other not in ("", remote)]
    published = {*on_host, *tag_records.published_names(repo)}.difference(tag.name for tag in own)
    scheme = scheme_of(projects[0].config)
    order = _Order(repo, scheme, published)
    incomplete = checkpoints.incomplete_commits(projects, own.values())
    for tag, commit in own.items():
        if order.is_broken(tag.name, line_of(scheme, tag.name)):
            if not any(ask(other).get(TAGS + tag.name) == tag.oid for other in others):
                yield order.fault(tag.name, commit)
        elif commit in incomplete:
            yield checkpoints.cannot_be_version(tag.name, incomplete[commit])


def unseen_tag_faults(repo: Repo, project: Project, listed: Iterable[ListedTag] | None = None) -> list[CPVError]:
    """What is wrong with the tags of this clone; no remote is asked, and without such tags it is one Git call.

    `listed` are the tags, if known.
    """
    scheme, records = scheme_of(project.config), Records.of(repo)
    moved, unseen = list[_Moved](), dict[str, tuple[Line, str]]()
    for name, oid, commit in tag_refs.list_tags(repo) if listed is None else listed:
        old = records.moved_from(name, oid)
        if old is None and records.is_settled(name, oid):
            continue
        line = line_of(scheme, name)
        if line and old is not None:
            moved.append(_Moved(name, oid, old))
        elif line:
            unseen[name] = line, commit
    order = _Order(repo, scheme, records.published)
    broken = {name: commit for name, (line, commit) in unseen.items() if order.is_broken(name, line)}
    local = tag_refs.commits_of_this_clone(repo, broken.values())
    own = managed_commits(repo, [project], local)
    faults = [order.fault(name, commit) for name, commit in broken.items() if commit in own]
    return [*(_faults_of_moved(repo, moved, _some_remote(repo)) if moved else ()), *faults]


def _faults_of_moved(repo: Repo, moved: Sequence[_Moved], remote: str) -> Iterator[CPVError]:
    there = objects_of(repo).read_all([tag.old for tag in moved], 0) if moved else ()
    for (name, oid, old), found in zip(moved, there, strict=True):
        back = f"git fetch {shell_word(remote)} {shell_word(f'+{TAGS}{name}:{TAGS}{name}')}"
        if found is not None:
            back = f"git tag -f {shell_word(name)} {shell_word(old)}"
        what = f"{name} is published as {old[:10]}, and a published tag never moves (here it is {oid[:10]})"
        yield CPVError(what, fix=back)


def _some_remote(repo: Repo) -> str:
    remotes = repo.run("remote").split()
    return "origin" if "origin" in remotes or not remotes else remotes[0]


def managed_commits(repo: Repo, projects: Sequence[Project], commits: Collection[str]) -> set[str]:
    """Those commits that CPV manages; a tag of an older time is named by that time's rules."""
    asked = [(commit, f"{commit}:{project.prefix}{FILE}") for commit in commits for project in projects]
    answers = repo.batch_check([rev for _, rev in asked])
    return {commit for (commit, _), settings in zip(asked, answers, strict=True) if settings}
