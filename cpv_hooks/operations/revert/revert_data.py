"""The data of a version, alone: pointers staged, artifacts in place; HEAD, code and model stay."""

from __future__ import annotations

from cpv_hooks.console.plan import Effect, Plan
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.git import gitignore
from cpv_hooks.git.commit import blob_at
from cpv_hooks.git.index import index_entries, set_index_entries
from cpv_hooks.git.repo import Repo
from cpv_hooks.operations.download.version_content import find_content
from cpv_hooks.operations.make import work_tree
from cpv_hooks.operations.make.commit_draft import standing as on_disk
from cpv_hooks.operations.revert import uncommitted
from cpv_hooks.operations.revert.bring_artifacts import Bringing
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.recovery import transaction as journal
from cpv_hooks.recovery import undo_git
from cpv_hooks.recovery.transaction import Transaction
from cpv_hooks.system.atomic_files import write_or_remove
from cpv_hooks.versions.version import Version


def plan_data(project: Project, version: Version, *, force: bool, use_cache: bool = True) -> Plan[None]:
    """Plan to bring back the data of a version; see `revert.plan_revert`."""
    tracked = work_tree.tracked_artifacts(project)
    here = [one.pointer for one in tracked if _is_data(project, one.pointer) and one.pointer.oid is not None]
    paths = {pointer.path for pointer in version.pointers}
    gone = tuple(pointer for pointer in here if pointer.path not in paths)
    _refuse(project, version, gone)
    touched = _files(version, gone)
    others = uncommitted.find_uncommitted([project], tracked).others
    dirty = [file for file in others if file in touched and on_disk(project.repo, file) is not None]
    if dirty and not force:
        what = f"{', '.join(dirty)}: uncommitted changes would be lost"
        raise CPVError(what, where=str(project.repo.top), fix="git commit them first, or give them up with --force")
    part = Bringing(find_content(project, version, use_cache=use_cache), gone, f"revert to {version.name}", use_cache)
    contents = _contents(project.repo, version, gone)
    changed = [path for path, data in contents.items() if _differs(project.repo, path, data)]
    effects = part.effects([one for one in tracked if _is_data(project, one.pointer)])
    effects += [Effect("git", f"stage {path}" if contents[path] is not None else f"rm {path}") for path in changed]
    head = project.repo.resolve("HEAD") or ""
    return Plan(tuple(effects), None, lambda: _run(project, part, head, version))


def _is_data(project: Project, pointer: Pointer) -> bool:
    return Line.of(project.kind_of(pointer.path)) is Line.DATA


def _files(version: Version, gone: tuple[Pointer, ...]) -> set[str]:
    return {pointer.file for pointer in [*version.pointers, *gone]}


def _refuse(project: Project, version: Version, gone: tuple[Pointer, ...]) -> None:
    """Raise where data shares its pointer file with something else, so that it cannot come alone."""
    files = _files(version, gone)
    for rev in ("HEAD", version.commit):
        for pointer in pointers_at(project, rev):
            if pointer.file in files and (pointer.stage or not _is_data(project, pointer)):
                what = f"{pointer.file} also has outputs that are not data, so it cannot be reverted alone"
                fix = f"dvc cpv model revert (or git checkout {shell_word(version.name)})"
                raise CPVError(what, where=pointer.path, fix=fix)


def _contents(repo: Repo, version: Version, gone: tuple[Pointer, ...]) -> dict[str, bytes | None]:
    """The files that go into index and work tree; None for those that go away."""
    found: dict[str, bytes | None] = {pointer.file: None for pointer in gone}
    for pointer in version.pointers:
        found[pointer.file] = blob_at(repo, pointer.file, version.commit)
    return found


def _differs(repo: Repo, path: str, data: bytes | None) -> bool:
    return blob_at(repo, path, "") != data or on_disk(repo, path) != data


def _run(project: Project, part: Bringing, head: str, version: Version) -> None:
    repo = project.repo
    with journal.begin_transaction(repo, part.why, head) as transaction:
        transaction.step("fetch")
        part.fetch()
        transaction.hold_work_tree()
        part.place(transaction, head)
        _write(transaction, repo, _contents(repo, version, part.gone), part)


def _write(transaction: Transaction, repo: Repo, contents: dict[str, bytes | None], part: Bringing) -> None:
    indexed = dict(contents)
    for pointer in part.stock.pointers:
        if not gitignore.is_ignored(repo, pointer.path):
            file = gitignore.file_for(pointer.path)
            contents[file] = gitignore.with_line(contents.get(file) or on_disk(repo, file) or b"", pointer.path)
            indexed[file] = gitignore.with_line(indexed.get(file) or blob_at(repo, file, "") or b"", pointer.path)
    entries = index_entries(repo, list(indexed))
    goal = {path: None if data is None else f"100644 {_blob(repo, data)}" for path, data in indexed.items()}
    files = [undo_git.file(path, on_disk(repo, path), data) for path, data in contents.items()]
    changes = {path: (entries.get(path), new) for path, new in goal.items()}
    transaction.step("pointers", [*files, undo_git.index(changes)])
    for path, data in contents.items():
        write_or_remove(repo.top / path, data)
    set_index_entries(repo, goal)


def _blob(repo: Repo, data: bytes) -> str:
    return repo.run("hash-object", "-w", "--stdin", input=data).strip()
