"""Which versions are looked at, and which objects they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cpv_hooks.errors import CPVError
from cpv_hooks.project.expected import expected
from cpv_hooks.project.pointers_at import pointers_at

if TYPE_CHECKING:
    from cpv_hooks.dvcformat.pointer import Pointer
    from cpv_hooks.git.repo import Repo
    from cpv_hooks.project.project import Project

_REFS = "%(objectname)%00%(objecttype)%00%(*objectname)%00%(*objecttype)%00%(refname:short)"


@dataclass(frozen=True)
class Wanted:
    """A pointer with content, the names of the versions that have it, and whether the remote must have its data."""

    pointer: Pointer
    versions: tuple[str, ...]
    on_remote: bool

    @property
    def oid(self) -> str:
        """Its object."""
        return self.pointer.oid or ""


@dataclass(frozen=True, slots=True)
class Need:
    """An object that some version needs. `inner` is its path in a directory artifact.

    `size` is in bytes, where a pointer says it; `on_remote` whether the remote must have it.
    """

    oid: str
    wanted: Wanted
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


def named(repo: Repo, names: Sequence[str]) -> dict[str, list[str]]:
    """Commit -> names, of tags, branches or commits. `CPVError` for one that is none."""
    found: dict[str, list[str]] = {}
    for name in names:
        commit = repo.resolve(name)
        if commit is None:
            raise CPVError(f"no commit {name!r}", where=str(repo.top), fix="git fetch --tags, or git tag lists them")
        found.setdefault(commit, []).append(name)
    return found


def every_ref(repo: Repo) -> dict[str, list[str]]:
    """Commit -> names, of HEAD and of every ref that stands for a commit."""
    found = {head: ["HEAD"]} if (head := repo.resolve("HEAD")) else {}
    for line in repo.run("for-each-ref", f"--format={_REFS}").splitlines():
        oid, kind, peeled, peeled_kind, name = line.split("\0")
        commit = {kind: oid, peeled_kind: peeled}.get("commit")
        if commit:
            found.setdefault(commit, []).append(name)
    return found


def wanted(project: Project, commits: Mapping[str, Sequence[str]]) -> tuple[list[Wanted], list[CPVError]]:
    """What these commits point to, each content of each artifact once for each remote; and what cannot be read."""
    found: dict[tuple[str, str | None, str | None], tuple[Pointer, list[str], bool]] = {}
    errors: list[CPVError] = []
    for commit, names in commits.items():
        try:
            pointers = pointers_at(project, commit)
        except CPVError as error:
            errors.append(CPVError(f"in {', '.join(names)}: {error.what}", where=error.where, fix=error.fix))
            continue
        for pointer in pointers:
            if pointer.oid is not None:
                key = (pointer.path, pointer.oid, pointer.remote or project.remote_name)
                known = found.get(key)
                rule = expected(project, pointer, [commit])
                needed = rule is not None and rule.required
                if known is None:
                    found[key] = (pointer, list(names), needed)
                else:
                    known[1].extend(names)
                    found[key] = (pointer, known[1], known[2] or needed)
    return [Wanted(pointer, tuple(names), needed) for pointer, names, needed in found.values()], errors


def distinct(needs: Iterable[Need]) -> dict[str, Need]:
    """One need for each object; one that the remote must have goes before one that it need not have."""
    found: dict[str, Need] = {}
    for need in needs:
        known = found.get(need.oid)
        if known is None or (need.wanted.on_remote and not known.wanted.on_remote):
            found[need.oid] = need
    return found
