"""Pointers that say which versions they mean: the upload before a commit, on a remote that keeps versions.

A version's id is known once its content is on the remote, and belongs into the pointer, so data goes up before the
commit that names it. What is staged is what is completed; the file in the work tree follows where it means the same.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress

from cpv_hooks import state_files
from cpv_hooks.console.output import few, warn
from cpv_hooks.dvcformat.file_versions import Stored
from cpv_hooks.dvcformat.pointer import POINTER_FILES, Pointer, is_pointer_file, parse_pointers
from cpv_hooks.dvcformat.pointer_writer import render_stored
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.expected import lacks_version, on_each
from cpv_hooks.project.project import Project
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.system.locks import locked
from cpv_hooks.transfer.commits.versioned_upload import upload_versions as upload_versions

LATER = "dvc cpv sync, git commit"
Found = Mapping[str, Sequence[Stored]]


class _Staged(NamedTuple):
    """A pointer file in the index of the commit under way; `pipeline` is the text of the `dvc.yaml` beside it."""

    file: str
    mode: str
    blob: str
    text: str
    pipeline: str | None


def complete_commit(
    repo: Repo, projects: Iterable[Project], *, only: Collection[str] | None = None, limited: bool = False
) -> None:
    """Upload what the commit under way names, and stage the pointers again with the versions that they got.

    `only` are the pointer files that the commit takes, all by default; `limited` says that the commit has an index of
    its own. A remote that fails is one warning: the commit stands, and a later one completes it.
    """
    for project in projects:
        if not _completes(project):
            continue
        staged = [item for item in _staged(repo, project) if only is None or item.file in only]
        lacking = [pointer for item in staged for pointer in _incomplete(project, item)]
        if not lacking:
            continue
        found = _uploaded(project, lacking)
        _stage(repo, staged, found, limited=limited)
        _follow(repo, {item.file: item.pipeline for item in staged}, found)


def complete_files(project: Project) -> list[str]:
    """Upload what the pointers of the work tree name, and write the versions into them; returns the artifacts' paths.

    A version that is gone from the remote gets a new one. Raises `RemoteError` where the remote fails.
    """
    from cpv_hooks.worktree.pointer_files import readable_pointers

    if not _completes(project):
        return []
    pointers = [pointer for pointer in readable_pointers(project.repo) if project.holds(pointer.path)]
    pointers = [pointer for pointer in pointers if _keeps_versions(project, pointer)]
    found: dict[str, list[Stored]] = {}
    lacking: list[Pointer] = []

    def complete(at: Project, pointers: list[Pointer]) -> None:
        new = [pointer for pointer in pointers if lacks_version(at, pointer)]
        new += _gone(at, [pointer for pointer in pointers if pointer not in new])
        found.update(upload_versions(at, new))
        lacking.extend(new)

    on_each(project, pointers, complete)
    files = {pointer.file: _beside(project.repo, pointer.file) for pointer in lacking}
    _follow(project.repo, files, found)
    return sorted(found)


def _gone(project: Project, pointers: Sequence[Pointer]) -> list[Pointer]:
    """Those of complete pointers whose versions somebody has removed, without the versions that are gone."""
    from cpv_hooks.transfer.commits.versioned_verify import verify_versions

    gone = {(item.pointer.path, item.oid, item.relpath or "") for item in verify_versions(project, pointers).missing}
    found = []
    for pointer in pointers:
        stored = tuple(
            file._replace(version_id=None) if (pointer.path, file.oid, file.relpath) in gone else file
            for file in pointer.stored
        )
        if stored != pointer.stored:
            found.append(pointer._replace(stored=stored))
    return found


def _completes(project: Project) -> bool:
    return project.keeps_versions and project.config.push_when != "never"


def _keeps_versions(project: Project, pointer: Pointer) -> bool:
    known = project.remote_of(pointer)
    return known is not None and known.versioned


def _uploaded(project: Project, pointers: Sequence[Pointer]) -> Found:
    found: dict[str, Sequence[Stored]] = {}
    on_each(project, pointers, lambda at, group: found.update(_uploaded_to(at, group)))
    return found


def _uploaded_to(project: Project, pointers: Sequence[Pointer]) -> Found:
    try:
        return upload_versions(project, pointers)
    except CPVError as error:
        names = few([pointer.path for pointer in pointers])
        what = f"{names} cannot be uploaded, so this commit gets no version: {error.what}"
        warn(str(CPVError(what, where=error.where, fix=f"{error.fix or LATER}, git commit")))
        return {}


def _staged(repo: Repo, project: Project) -> list[_Staged]:
    listed = repo.run("ls-files", "-s", "-z", "--", *POINTER_FILES, index=True)
    found = []
    for line in filter(None, listed.split("\0")):
        head, _, file = line.partition("\t")
        mode, blob, stage = head.split()
        if stage != "0" or not is_pointer_file(file) or not project.holds(file):
            continue
        text = repo.run("cat-file", "blob", blob)
        found.append(_Staged(file, mode, blob, text, _staged_beside(repo, file)))
    return found


def _staged_beside(repo: Repo, file: str) -> str | None:
    if posixpath.basename(file) != "dvc.lock":
        return None
    beside = posixpath.join(posixpath.dirname(file), "dvc.yaml")
    return repo.run("show", f":{beside}", check=False, index=True) or None


def _beside(repo: Repo, file: str) -> str | None:
    path = (repo.top / file).with_name("dvc.yaml")
    return path.read_text(encoding="utf-8") if file.endswith("dvc.lock") and path.is_file() else None


def _incomplete(project: Project, item: _Staged) -> list[Pointer]:
    try:
        pointers = parse_pointers(item.text, item.file, item.pipeline)
    except CPVError:
        return []  # the sync has named it
    return [pointer for pointer in pointers if lacks_version(project, pointer)]


def _stage(repo: Repo, staged: Iterable[_Staged], found: Found, *, limited: bool) -> None:
    moved: dict[str, list[str]] = {}
    for item in staged:
        text = render_stored(item.text, found, item.file, item.pipeline)
        if text == item.text:
            continue
        blob = repo.run("hash-object", "-w", "--stdin", input=text).strip()
        repo.run("update-index", "--cacheinfo", f"{item.mode},{blob},{item.file}", index=True)
        moved[item.file] = [item.mode, item.blob, blob]
    if moved and limited:
        write_atomic(repo.state / state_files.COMPLETED, json.dumps(moved).encode())


def _follow(repo: Repo, files: Mapping[str, str | None], found: Found) -> None:
    """Write the versions into the pointer files of the work tree, where those name this content."""
    with locked(repo.state / state_files.LOCK, wait=True, say="syncing this work tree"):
        for file, pipeline in files.items():
            path = repo.top / file
            if not path.is_file() or path.is_symlink():
                continue
            old = path.read_text(encoding="utf-8")
            try:
                new = render_stored(old, found, file, pipeline)
            except CPVError:
                continue
            if new != old:
                write_atomic(path, new.encode("utf-8"))


def repair_versions_after_limited_commit(repo: Repo) -> None:
    """After `git commit -- PATH` the real index has the pointers as they were before they got their versions."""
    record = repo.state / state_files.COMPLETED
    if not record.exists():
        return
    with suppress(OSError, ValueError, TypeError, AttributeError):
        for file, (mode, old, new) in state_files.read_json(record).items():
            entry = repo.run("ls-files", "-s", "--", f":(literal){file}").split()
            if entry and entry[1] == old:
                repo.run("update-index", "--cacheinfo", f"{mode},{new},{file}")
    record.unlink()
