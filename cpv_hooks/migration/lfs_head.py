"""`migrate lfs` without history: what HEAD keeps in Git LFS becomes artifacts of DVC's, in one new commit."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cpv_hooks.console.output import counted, size_text
from cpv_hooks.console.plan import Effect, Plan
from cpv_hooks.console.progress import Progress
from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid
from cpv_hooks.dvcformat.file_hash import md5_of
from cpv_hooks.errors import CPVError, git_word
from cpv_hooks.git.commit import blob_at
from cpv_hooks.git.index import index_entries
from cpv_hooks.migration.lfs_artifacts import grouped, is_attributes, named_paths, without_lfs
from cpv_hooks.migration.lfs_objects import LfsObjects
from cpv_hooks.migration.lfs_pointers import LfsFile, lfs_files_at
from cpv_hooks.migration.scratch import scratch_folder
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.operations.make import make_version, new_content, target_artifact, work_tree
from cpv_hooks.operations.make.commit_draft import PointerChange, standing
from cpv_hooks.operations.make.new_content import NewContent
from cpv_hooks.operations.make.work_tree import Tracked
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.system.columns import HashColumn
from cpv_hooks.system.hard_links import link_or_copy
from cpv_hooks.system.signatures import list_directory
from cpv_hooks.worktree.known_files import KnownFiles, Look

WHAT = "migrate lfs"


class LfsMove(NamedTuple):
    """What was moved: the artifacts by path, files and bytes, and the tags of the new commit."""

    artifacts: Sequence[str]
    files: int
    size: int
    tags: Sequence[str]


@contextmanager
def moving(project: Project, *, fetch: bool) -> Iterator[Plan[LfsMove]]:
    """The plan, for the length of the block. Every object is verified by its SHA-256 before it is planned with.

    With `fetch` objects that are not here are fetched by `git lfs`. Raises `CPVError` where HEAD keeps nothing in Git
    LFS, an object is missing or damaged, or a file has changes that are not committed.
    """
    make_version.begin_operation(project)
    move = LfsTree(project)
    objects = LfsObjects(project.repo)
    objects.demand(move.files, [project.repo.head()], fetch=fetch)
    with scratch_folder(objects.folder) as scratch:
        yield move.plan(objects, scratch)


class LfsTree:
    """What HEAD keeps in Git LFS, and what becomes of it; making one looks and refuses."""

    def __init__(self, project: Project) -> None:
        self._project = project
        repo = project.repo
        found = list(lfs_files_at(repo, "HEAD"))
        self.files = [file for file in found if project.holds(file.path)]
        if not self.files:
            where = str(project.root)
            raise CPVError("HEAD keeps no file in Git LFS", where=where, fix="git lfs ls-files --all, then name refs")
        self._listed = list(filter(None, repo.run("ls-tree", "-r", "-z", "--name-only", "HEAD").split("\0")))
        self._others = self._attributes(everywhere=len(found) == len(self.files))
        lfs = {file.path for file in self.files}
        gone = {path for path, text in self._others.items() if text is None}
        plain = [path for path in self._listed if path not in lfs and path not in gone]
        self._artifacts = grouped(self.files, named_paths(project), plain)
        self._refuse_staged()

    def _attributes(self, *, everywhere: bool) -> dict[str, bytes | None]:
        """What becomes of the files of attributes; those above the DVC root may still be needed elsewhere."""
        repo, found = self._project.repo, dict[str, bytes | None]()
        for path in filter(is_attributes, self._listed):
            old = blob_at(repo, path) or b""
            new = without_lfs(old)
            if new == old or not (everywhere or self._project.holds(path)):
                continue
            if standing(repo, path) != old:
                raise _changed(path)
            found[path] = new or None
        return found

    def _refuse_staged(self) -> None:
        entries = index_entries(self._project.repo, [file.path for file in self.files])
        for file in self.files:
            if entries.get(file.path, "").partition(" ")[2] != file.blob:
                raise _changed(file.path)

    def changes(self, objects: LfsObjects, md5s: Mapping[str, str], scratch: Path) -> list[PointerChange]:
        """The artifacts with the contents that they are to have; `scratch` is a folder for those of folders."""
        project, files = self._project, self.files
        named = [path for path in named_paths(project) if any(_holds(path, file.path) for file in files)]
        tracked = work_tree.tracked_artifacts(project, leaving_git=named)
        changes = []
        for path, group in self._artifacts.items():
            one = target_artifact.at(project, path, tracked)
            content = _Content(one, path, group, md5s, objects, scratch)
            is_folder = group[0].path != path
            target_artifact.check_place(
                project, one, scratch if is_folder else objects.path(group[0].sha256), None, leaves_git=True
            )
            changes.append(content.folder_change() if is_folder else content.file_change())
        return changes

    def plan(self, objects: LfsObjects, scratch: Path) -> Plan[LfsMove]:
        project, files = self._project, self.files
        changes = self.changes(objects, objects.md5s(files), scratch)
        kinds = {Line.of(project.kind_of(path)) for path in self._artifacts}
        count = counted(len(files), "file")
        planned = make_version.plan_version(
            project,
            WHAT,
            changes,
            [line for line in Line if line in kinds],
            version=None,
            messages={},
            description=f"move {count} from Git LFS to DVC",
            reuse=False,
            others=self._others,
            untracked=[file.path for file in files],
        )
        size = sum(file.size for file in files)
        taken = Effect("file", f"take {count} ({size_text(size)}) from {objects.folder}, verified by SHA-256")

        def result(tags: Sequence[str]) -> LfsMove:
            return LfsMove(tuple(self._artifacts), len(files), size, tags)

        return Plan((taken, *planned.effects), result(planned.expected), lambda: result(planned.run()))


def _holds(path: str, file: str) -> bool:
    return file == path or file.startswith(f"{path}/")


class _Content(NamedTuple):
    """The content of one artifact, and what of it stands in the work tree already."""

    one: Tracked
    path: str
    files: Sequence[LfsFile]
    md5s: Mapping[str, str]
    objects: LfsObjects
    scratch: Path

    def file_change(self) -> PointerChange:
        (file,) = self.files
        if self._stands(file):
            found = work_tree.read_content(self.one)
            assert found is not None, "it was there a moment ago"
            return PointerChange(self.one.space, self.one.pointer, found, in_place=True)
        return self._placed(self._of_object(file))

    def _of_object(self, file: LfsFile) -> NewContent:
        source = self.objects.path(file.sha256)
        with Progress(f"reading {file.path}") as progress:
            new = new_content.file_content(source, source.stat(), progress, self.md5s[file.sha256])
        content = new.content._replace(isexec=file.isexec)
        return replace(new, snapshot=new.snapshot._replace(content=content))

    def folder_change(self) -> PointerChange:
        rows = {file.path.removeprefix(f"{self.path}/"): file for file in self.files}
        stands = [self._stands(file) for file in self.files]
        wanted = dir_oid(dir_object_bytes((name, self.md5s[file.sha256]) for name, file in rows.items()))
        found = work_tree.read_content(self.one)
        if all(stands) and found is not None and found.content.oid == wanted:
            return PointerChange(self.one.space, self.one.pointer, found, in_place=True)
        extra = [name for name, _, _ in found.files() if name not in rows] if found is not None else []
        if extra:
            what = f"holds {extra[0]}, which Git does not track"
            raise CPVError(what, where=self.path, fix=f"move it out of {git_word(self.path)}, or commit it first")
        return self._placed(self._of_objects(rows))

    def _of_objects(self, rows: Mapping[str, LfsFile]) -> NewContent:
        """The folder as it will be, of links to the objects."""
        source = self.scratch / hashlib.sha1(os.fsencode(self.path), usedforsecurity=False).hexdigest()
        for name, file in rows.items():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(self.objects.path(file.sha256), target)
        listing = list_directory(source, lambda _, folders, files: (folders, files))
        known = KnownFiles(HashColumn.of(self.md5s[rows[name].sha256] for name in listing.names), range(0))
        with Progress(f"reading {self.path}") as progress:
            return new_content.of_directory(source, Look(listing, 0, known), progress)

    def _placed(self, new: NewContent) -> PointerChange:
        # What stands there are pointers and files of HEAD's.
        return PointerChange(self.one.space, self.one.pointer, new, in_place=False, nothing_lost=True)

    def _stands(self, file: LfsFile) -> bool:
        """Whether the work tree has the content; False where it has the pointer. `CPVError` for anything else."""
        target = self.one.space.project.repo.top / file.path
        if target.is_file() and not target.is_symlink():
            size = target.stat().st_size
            if size == file.size and md5_of(target) == self.md5s[file.sha256]:
                return True
            if size < 1024 and standing(self.one.space.project.repo, file.path) == self._pointer(file):
                return False
        raise _changed(file.path)

    def _pointer(self, file: LfsFile) -> bytes | None:
        return blob_at(self.one.space.project.repo, file.path)


def _changed(path: str) -> CPVError:
    fix = f"git commit or git stash it first, or git checkout -- {git_word(path)}"
    return CPVError("has changes that are not committed", where=path, fix=fix)
