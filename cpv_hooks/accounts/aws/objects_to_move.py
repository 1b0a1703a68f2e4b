"""Which objects a repository cannot do without: those of every commit that a ref leads to, and what is only kept here.

Refs are branches, tags, remote-tracking branches, every stash, CPV's own, the HEAD of each work tree. Kept here are the
rescued contents, and the commits whose upload is queued.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cpv_hooks.dvcformat.pointer import POINTER_FILES, Pointer
from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.expected import expected
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project, root_key
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.worktree.discovery import owner
from cpv_hooks.worktree.rescue_list import rescues

# A commit in which none of these differs from its parent has the same pointers.
_PATTERNS = (*POINTER_FILES, "dvc.yaml", "*/dvc.yaml")


class MoveNeed(NamedTuple):
    """An object, and the first place that needs it. `size` is in bytes, where the pointer says it for this object.

    An `optional` one has another source (Git itself, or where it was imported from), or is of an experiment of DVC's,
    which may lack its data.
    """

    oid: str
    path: str
    at: str
    size: int | None = None
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.path} {self.at} ({self.oid})"


@dataclass
class Needs:
    """Objects by id, those that DVC 2 named apart; `unreadable` are commits whose pointers cannot be read."""

    objects: dict[str, MoveNeed] = field(default_factory=dict)
    legacy: dict[str, MoveNeed] = field(default_factory=dict)
    unreadable: list[CPVError] = field(default_factory=list)

    def add(self, need: MoveNeed, *, legacy: bool) -> None:
        """Note an object; one that is optional here may be needed elsewhere."""
        layout = self.legacy if legacy else self.objects
        known = layout.get(need.oid)
        if known is None or (known.optional and not need.optional):
            layout[need.oid] = need


def objects_needed(project: Project, moving: str | None = None) -> Needs:
    """Every object that a DVC root needs on its default remote, from the newest commit to the oldest.

    What outputs name another remote for stays there; `moving` is one whose own go along.
    """
    found, elsewhere = Needs(), set[str]()
    own = set(pointer_commits(project, "--exclude=refs/exps/*"))
    for commit in pointer_commits(project):
        try:
            pointers = pointers_at(project, commit)
        except CPVError as error:
            found.unreadable.append(
                CPVError(f"{error.what} at {commit[:10]}", where=error.where, fix="dvc cpv aws-config --force")
            )
            continue
        for pointer in pointers:
            rule = expected(project, pointer, [commit])
            if rule is not None and rule.remote not in (None, moving):
                elsewhere.add(pointer.path)
            elif rule is not None:
                found.add(
                    _need(commit, pointer, optional=not rule.required or commit not in own), legacy=pointer.legacy
                )
    for rescue in rescues(project.repo):
        holder = owner(Project.find_all(project.repo), rescue.path)
        if holder is not None and holder.root == project.root and rescue.path not in elsewhere:
            found.add(MoveNeed(rescue.oid, rescue.path, f"in rescue {rescue.number}"), legacy=rescue.legacy)
    return found


def _need(commit: str, pointer: Pointer, *, optional: bool) -> MoveNeed:
    size = None if pointer.isdir or pointer.legacy else pointer.size
    return MoveNeed(pointer.oid or "", pointer.path, f"at {commit[:10]}", size, optional)


def pointer_commits(project: Project, *options: str) -> list[str]:
    """The commits that have a pointer which their parents do not have, newest first; `options` are of `rev-list`."""
    repo = project.repo
    more = [rev for rev in _more(project) if repo.resolve(rev)]
    args = ("rev-list", "--full-history", *options, "--all", "--stdin", "--", *_PATTERNS)
    return repo.run(*args, input="".join(f"{rev}\n" for rev in more)).split()


def _more(project: Project) -> Iterator[str]:
    """What `rev-list --all` passes over."""
    repo = project.repo
    for line in repo.run("worktree", "list", "--porcelain").splitlines():
        if line.startswith("HEAD "):
            yield line.removeprefix("HEAD ")
    yield from repo.run("log", "-g", "--format=%H", "refs/stash", "--", check=False).split()
    yield from (item.commit for item in Queue.of(repo).pending(root_key(project)))
