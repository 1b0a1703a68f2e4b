"""Which versions are looked at, and which objects they need."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.git.objects import commit_of, ref_commits
from cpv_hooks.git.refs import refs_below, short_name
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.expected import expected
from cpv_hooks.project.pointers_at import pointers_in_commits
from cpv_hooks.project.project import Project
from cpv_hooks.project.retired_content import RetiredContent
from cpv_hooks.upkeep.verify import starts
from cpv_hooks.versions import stages
from cpv_hooks.worktree.pointer_files import readable_pointers
from cpv_hooks.worktree.rescue_list import rescues

# DVC's experiments, Git's stash, a commit that is being made: what is pushed in other ways, or not at all.
_UNPUBLISHED = re.compile(r"refs/(exps/.*|stash|worktree/cpv/.*)")


class WantedObject(NamedTuple):
    """A pointer with content, the names of the versions that have it, and whether the remote must have its data.

    With `here` it is nowhere else where it is not in the cache.
    """

    pointer: Pointer
    versions: tuple[str, ...]
    on_remote: bool
    here: bool = False

    @property
    def strength(self) -> tuple[bool, bool]:
        """To compare how much depends on it."""
        return self.on_remote, self.here

    def with_more(self, other: WantedObject) -> WantedObject:
        """The same content, which others need as well."""
        versions = tuple(dict.fromkeys((*self.versions, *other.versions)))
        return WantedObject(self.pointer, versions, self.on_remote or other.on_remote, self.here or other.here)

    @property
    def oid(self) -> str:
        return self.pointer.oid or ""


@dataclass(frozen=True, slots=True)
class VersionNeed:
    """An object that some version needs. `inner` is its path in a directory artifact.

    `size` is in bytes, where a pointer says it; `on_remote` whether the remote must have it.
    """

    oid: str
    wanted: WantedObject
    inner: str | None = None

    @property
    def path(self) -> str:
        """The file that it is, relative to the top of the work tree."""
        return f"{self.wanted.pointer.path}/{self.inner}" if self.inner else self.wanted.pointer.path

    @property
    def size(self) -> int | None:
        """Its size in bytes, where the pointer alone tells it."""
        pointer = self.wanted.pointer
        alone = self.inner is None and not pointer.isdir and not pointer.legacy
        return pointer.size if alone else None


def named(repo: Repo, names: Sequence[str], project: Project | None = None) -> dict[str, list[str]]:
    """Commit -> names, of tags, branches or commits, and of stages of a project. `CPVError` for one that is none."""
    found: dict[str, list[str]] = {}
    for name in names:
        is_stage = project is not None and stages.is_reference(name)
        commit = commit_of(repo, stages.version_in(project, name) if is_stage and project is not None else name)
        if commit is None:
            raise CPVError(f"no commit {name!r}", where=str(repo.top), fix="git fetch --tags, or git tag lists them")
        found.setdefault(commit, []).append(name)
    return found


def every_ref(repo: Repo) -> dict[str, list[str]]:
    """Commit -> names, of HEAD and of every ref that stands for a published version, or one to be."""
    found = {head: ["HEAD"]} if (head := commit_of(repo, "HEAD")) else {}
    refs = refs_below(repo)
    for ref, commit in ref_commits(repo, refs).items():
        if not _UNPUBLISHED.fullmatch(ref):
            found.setdefault(commit, []).append(short_name(ref, refs))
    return found


class Kept(NamedTuple):
    """What names a commit that is not published; `here` says that its data may be on this machine alone."""

    names: tuple[str, ...]
    here: bool


def kept(repo: Repo, published: Collection[str], grace: float = starts.GRACE) -> dict[str, Kept]:
    """The commits that `prune` keeps for so many seconds and that are not published: stashes, experiments, reflogs, …

    The remote need not have them. DVC's experiments may lack data; what a young reflog names may be lost.
    """
    named: dict[str, list[starts.Start]] = {}
    for start in starts.each_start(repo, grace):
        named.setdefault(start.oid, []).append(start)
    found: dict[str, Kept] = {}
    for oid, (commit, kind) in starts.peel(repo, named).items():
        names = tuple(dict.fromkeys(start.name for start in named[oid]))
        here = any(start.role in ("here", "stash") and not start.is_experiment for start in named[oid])
        stashed = any(start.role == "stash" and not start.is_experiment for start in named[oid])
        for held in [commit, *(_parents(repo, commit) if stashed else [])] if kind == "commit" else []:
            if held not in published:
                known = found.get(held, Kept((), False))
                found[held] = Kept((*known.names, *names), known.here or here)
    return found


def _parents(repo: Repo, commit: str) -> list[str]:
    """What was staged when a stash was made, and its untracked files, are parents of it."""
    return repo.run("rev-list", "--no-walk", "--parents", commit).split()[1:]


def uncommitted_contents(project: Project) -> list[WantedObject]:
    """What no commit has: the contents on the list of rescues, and those that the pointers of the work tree name."""
    repo = project.repo
    found = [
        WantedObject(rescue.pointer, (f"rescue {rescue.number}",), False, here=True)
        for rescue in rescues(repo)
        if project.holds(rescue.path)
    ]
    written = (pointer for pointer in readable_pointers(repo) if pointer.oid and project.holds(pointer.file))
    return found + [WantedObject(pointer, ("the work tree",), False) for pointer in written]


def wanted(
    project: Project, commits: Mapping[str, Sequence[str]], kept: Mapping[str, Kept]
) -> tuple[list[WantedObject], list[CPVError]]:
    """What these commits point to, each content of each artifact once for each remote; and what cannot be read."""
    found: dict[tuple[str, str | None, bool, str | None], WantedObject] = {}
    errors: list[CPVError] = []
    retired = RetiredContent(project)
    named = {**commits, **{commit: item.names for commit, item in kept.items()}}
    for (commit, names), pointers in zip(named.items(), pointers_in_commits(project, named), strict=True):
        if isinstance(pointers, CPVError):
            what = f"in {', '.join(names)}: {pointers.what}"
            errors.append(CPVError(what, where=pointers.where, fix=pointers.fix))
            continue
        for pointer in pointers:
            if pointer.oid is not None:
                rule = expected(project, pointer, [commit])
                # The data of a retired version may have gone.
                required = rule is not None and rule.required and not retired.spares(commit, pointer)
                unpublished = kept.get(commit)
                here = unpublished is not None and unpublished.here and required
                new = WantedObject(pointer, tuple(names), required and unpublished is None, here)
                key = (pointer.path, pointer.oid, pointer.legacy, project.remote_name_of(pointer))
                found[key] = found[key].with_more(new) if key in found else new
    return list(found.values()), errors


def distinct(needs: Iterable[VersionNeed]) -> dict[str, VersionNeed]:
    """One need for each object; one that the remote must have goes before one that it need not have."""
    found: dict[str, VersionNeed] = {}
    for need in needs:
        known = found.get(need.oid)
        if known is None or need.wanted.strength > known.wanted.strength:
            found[need.oid] = need
    return found
