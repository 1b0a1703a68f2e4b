"""A commit to come: contents that artifacts get, the pointer files that say so, and all that the commit points to."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cpv_hooks.dvcformat.file_versions import Stored
from cpv_hooks.dvcformat.pointer import Pointer, parse_pointers
from cpv_hooks.dvcformat.pointer_writer import render_pointer, render_stored
from cpv_hooks.git import gitignore
from cpv_hooks.git.commit import blob_at
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.operations.make.new_content import NewContent
from cpv_hooks.project.pointer_reader import PIPELINE
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.versions import checkpoint as checkpoints
from cpv_hooks.worktree.workspace import Workspace


class PointerChange(NamedTuple):
    """An artifact that the commit is about. `pointer` is what the work tree has of it, with no content for a new one.

    `new` is its content to be; `in_place` says that it stands there already, `nothing_lost` that
    what stands there is in a commit, or in the new content.
    """

    space: Workspace
    pointer: Pointer
    new: NewContent
    in_place: bool
    nothing_lost: bool = False

    @property
    def goal(self) -> Pointer:
        new = self.new.content
        known = {"oid": new.oid, "size": new.size, "nfiles": new.nfiles, "isexec": new.isexec}
        return self.pointer._replace(**known, legacy=new.legacy, stored=())  # type: ignore[arg-type]


@dataclass(frozen=True)
class Draft:
    """What a commit on `head` will have. Contents of files are by path from the top.

    `texts` are pointer files as they will be, in the commit and in the work tree; `.gitignore` may differ in the two.
    `roots` are all DVC roots of the repository with the pointers that the commit will have. `others` are files of the
    user's that change with it (None: they go), `untracked` those that only Git lets go of.
    """

    project: Project
    head: str
    changes: tuple[PointerChange, ...]
    texts: Mapping[str, bytes]
    committed_ignores: Mapping[str, bytes]
    written_ignores: Mapping[str, bytes]
    roots: Sequence[tuple[Project, Sequence[Pointer]]]
    others: Mapping[str, bytes | None] = field(default_factory=dict)
    untracked: Sequence[str] = ()

    @property
    def committed(self) -> dict[str, bytes | None]:
        """What differs from the commit at HEAD."""
        repo = self.project.repo
        all_files = {**self.texts, **self.committed_ignores, **self.others, **dict.fromkeys(self.untracked)}
        return {path: data for path, data in all_files.items() if blob_at(repo, path, self.head) != data}

    @property
    def written(self) -> dict[str, bytes | None]:
        """What differs from the work tree."""
        repo, all_files = self.project.repo, {**self.texts, **self.written_ignores, **self.others}
        return {path: data for path, data in all_files.items() if standing(repo, path) != data}

    def with_versions(self, found: Mapping[str, Sequence[Stored]]) -> Draft:
        """The same with the places that a remote which keeps versions gave to artifacts, by their path."""
        repo = self.project.repo
        files = {p.file for _, pointers in self.roots for p in pointers if p.path in found}
        texts = dict(self.texts)
        for file in files:
            old = texts.get(file) or blob_at(repo, file, self.head) or b""
            texts[file] = render_stored(old.decode(), found, file, _pipeline(repo, file)).encode()
        return replace(self, texts=texts)


def make(project: Project, changes: Sequence[PointerChange]) -> Draft:
    """The commit that these changes make. Only reads; `CPVError` for a pointer that cannot be read."""
    repo = project.repo
    head = repo.head()
    texts: dict[str, bytes] = {}
    for change in changes:
        file = change.pointer.file
        old = texts[file] if file in texts else standing(repo, file)
        texts[file] = pointer_text(change, old)
    new = [change.pointer for change in changes if blob_at(repo, change.pointer.file, head) is None]
    return Draft(
        project,
        head,
        tuple(changes),
        texts,
        _ignores(new, lambda file: blob_at(repo, file, head)),
        _ignores(
            [pointer for pointer in new if not gitignore.is_ignored(repo, pointer.path)],
            lambda file: standing(repo, file),
        ),
        [(root, _pointers(root, head, texts)) for root in checkpoints.roots(repo, project)],
    )


def standing(repo: Repo, path: str) -> bytes | None:
    """The content of a file in the work tree; None where there is none."""
    file = repo.top / path
    return file.read_bytes() if file.is_file() and not file.is_symlink() else None


def pointer_text(change: PointerChange, old: bytes | None) -> bytes:
    """The pointer file with the new content, where it said `old`."""
    content, pointer = change.new.content, change.pointer
    if old is not None and pointer.named == content.named:
        return old
    files = [Stored(name, oid, sig[0]) for name, oid, sig in change.new.files()] if content.nfiles is not None else None
    text = render_pointer(
        old.decode() if old is not None else None, pointer, content, files if pointer.stored else None
    )
    return text.encode()


def _ignores(pointers: Iterable[Pointer], read: Callable[[str], bytes | None]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for pointer in pointers:
        file = gitignore.file_for(pointer.path)
        found[file] = gitignore.with_line(found.get(file) or read(file) or b"", pointer.path)
    return found


def _pointers(root: Project, head: str, texts: Mapping[str, bytes]) -> list[Pointer]:
    kept = [pointer for pointer in pointers_at(root, head) if pointer.file not in texts]
    new = [
        pointer
        for file, text in texts.items()
        for pointer in parse_pointers(text.decode(), file, _pipeline(root.repo, file))
        if root.holds(file)
    ]
    return kept + new


def _pipeline(repo: Repo, file: str) -> str | None:
    if posixpath.basename(file) != "dvc.lock":
        return None
    beside = standing(repo, posixpath.join(posixpath.dirname(file), PIPELINE))
    return beside.decode() if beside is not None else None
