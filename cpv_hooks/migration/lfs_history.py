"""`migrate lfs` with history: commits of old have pointers of DVC's in the place of Git LFS's.

Everything is written first, named by no ref of the user's: objects into the cache, verified, and the new commits.
Then the refs move in one step, with the old ones kept below `refs/original`, as `git filter-branch` has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cpv_hooks.console.output import size_text
from cpv_hooks.console.plan import Effect, Plan
from cpv_hooks.console.progress import Progress
from cpv_hooks.errors import CPVError, shell_path, shell_word
from cpv_hooks.git.commit import blob_at
from cpv_hooks.git.index import index_entries, set_index_entries
from cpv_hooks.git.records import without_signature
from cpv_hooks.git.refs import TAGS
from cpv_hooks.git.repo import Repo
from cpv_hooks.git.trees import tree_changes
from cpv_hooks.migration.history_stream import StreamCommit, exported, forget_rewritten, rewritten
from cpv_hooks.migration.lfs_head import WHAT, LfsTree
from cpv_hooks.migration.lfs_objects import LfsObjects
from cpv_hooks.migration.lfs_pointers import MAX_BYTES, LfsFile, lfs_files_at, read_lfs_pointers
from cpv_hooks.migration.lfs_rewrite import Rewrite
from cpv_hooks.migration.scratch import scratch_folder
from cpv_hooks.operations.make import make_version
from cpv_hooks.operations.make.commit_draft import Draft, standing
from cpv_hooks.project.linked_worktree import listed_top
from cpv_hooks.project.project import Project
from cpv_hooks.recovery import transaction as journal
from cpv_hooks.recovery import undo_git
from cpv_hooks.recovery.transaction import Transaction
from cpv_hooks.versions import tag_records
from cpv_hooks.worktree.workspace import Workspace

_BACKUP = "refs/original/"
_HEADS = "refs/heads/"


@dataclass(frozen=True)
class RewrittenHistory:
    """What was rewritten: refs with their old and new ids, every commit's new id by its old one, files and bytes."""

    refs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    commits: Mapping[str, str] = field(default_factory=dict)
    files: int = 0
    size: int = 0


def plan_history(project: Project, names: Sequence[str], *, fetch: bool) -> Plan[RewrittenHistory]:
    """Plan to rewrite these branches and tags; none named: all of them.

    Raises `CPVError` where nothing is in Git LFS, an object is missing, a branch is published and not named, a tag of
    ours is published, or the work tree has changes that are not committed.
    """
    make_version.begin_operation(project)
    history = _History(project, names)
    objects = LfsObjects(project.repo)
    history.refuse()
    objects.demand(history.files, history.refs, fetch=fetch)
    size = sum(file.size for file in history.files)
    count = len(history.files)
    effects = [
        Effect("file", f"take {count} objects ({size_text(size)}) from {objects.folder}, verified by SHA-256"),
        Effect("dvc", f"cache {count} objects ({size_text(size)})"),
        *(Effect("git", f"rewrite {ref}, and keep the old one as {_BACKUP}{ref}") for ref in history.refs),
    ]
    return Plan(tuple(effects), RewrittenHistory(files=count, size=size), lambda: history.rewrite(objects))


class _History:
    def __init__(self, project: Project, names: Sequence[str]) -> None:
        self._project = project
        self._repo = project.repo
        self._named = {_full_name(self._repo, name) for name in names}
        self.refs = sorted(self._named) or _all_refs(self._repo)
        self._commits = list(exported(self._repo, self.refs))
        self._pointers = self._find_pointers()
        self.files = list({file.sha256: file for file in self._pointers.values()}.values())
        if not self.files:
            what = "no commit of these refs keeps a file in Git LFS"
            raise CPVError(what, where=str(project.root), fix="git lfs ls-files --all")

    def _find_pointers(self) -> dict[str, LfsFile]:
        """The Git LFS files by the blob of their pointer."""
        places = {
            change.blob: change.path
            for commit in self._commits
            for change in commit.changes
            if change.blob and (change.mode or "").startswith("100") and self._project.holds(change.path)
        }
        sizes = self._repo.batch_check(list(places), "%(objectsize)")
        sized = zip(places.items(), sizes, strict=True)
        small = [(path, blob, False) for (blob, path), size in sized if 0 < int(size or 0) < MAX_BYTES]
        return {file.blob: file for file in read_lfs_pointers(self._repo, small)}

    def refuse(self) -> None:
        """Raise `CPVError` for what must not be rewritten."""
        repo = self._repo
        if self._project.keeps_versions:
            what = "a remote that keeps versions by path cannot hold those of old commits"
            raise CPVError(what, where=str(self._project.root), fix="dvc cpv migrate lfs, without history")
        taken = repo.run("for-each-ref", "--format=%(refname)", _BACKUP).splitlines()
        if taken:
            what = "is left over from an earlier rewrite"
            raise CPVError(what, where=taken[0], fix=f"git update-ref -d {shell_word(taken[0])}, once all is well")
        self._refuse_published()
        self._refuse_other_work_trees()
        if self._head_ref in self.refs and repo.run("diff-index", "--cached", "--name-only", "HEAD"):
            raise CPVError("has changes that are staged", where=str(repo.top), fix="git commit or git stash first")

    @cached_property
    def _head_ref(self) -> str:
        return self._repo.run("symbolic-ref", "--quiet", "HEAD", check=False).strip()

    def _refuse_published(self) -> None:
        repo = self._repo
        ours = tag_records.published_names(repo)
        tag = next((ref for ref in self.refs if ref.removeprefix(TAGS) in ours and ref.startswith(TAGS)), None)
        if tag is not None:
            what = "is a published version, and a published tag never moves"
            raise CPVError(what, where=tag, fix="dvc cpv migrate lfs, without history")
        touched = {commit.oid for commit in self._commits if self._touches(commit)}
        public = touched & set(repo.run("rev-list", "--remotes").split())
        for ref in self.refs if public else ():
            if ref not in self._named and public & set(repo.run("rev-list", ref).split()):
                name = ref.removeprefix(_HEADS).removeprefix(TAGS)
                what = "has published commits, and rewriting them affects everybody who has them"
                raise CPVError(what, where=name, fix=f"dvc cpv migrate lfs {shell_word(name)}, if that is agreed")

    def _touches(self, commit: StreamCommit) -> bool:
        return any(change.blob in self._pointers for change in commit.changes)

    def _refuse_other_work_trees(self) -> None:
        listed = self._repo.run("worktree", "list", "--porcelain", "-z").split("\0\0")
        for entry in listed:
            rows = dict(row.partition(" ")[::2] for row in entry.split("\0"))
            top = listed_top(self._repo, rows.get("worktree", ""))
            if rows.get("branch") in self.refs and top != self._repo.top:
                fix = f"git -C {shell_path(top)} switch --detach"
                raise CPVError("is checked out in another work tree", where=rows["branch"], fix=fix)

    def rewrite(self, objects: LfsObjects) -> RewrittenHistory:
        project, repo = self._project, self._repo
        md5s = objects.md5s(self.files)
        change = Rewrite(project, self._pointers, md5s)
        try:
            commits = rewritten(repo, self.refs, change)
            moved = {ref: pair for ref in self.refs if (pair := self._moved(ref, commits)) is not None}
            self._cache(objects, md5s, change.listings)
            with scratch_folder(objects.folder) as scratch:
                draft = self._draft(moved, objects, md5s, scratch)
                with journal.begin_transaction(repo, WHAT) as transaction:
                    taken = make_version.store_contents(draft)
                    transaction.hold_work_tree()
                    make_version.place_contents(transaction, draft, WHAT)
                    make_version.write_small_files(transaction, draft)
                    self._move(transaction, moved)
                make_version.note_contents(project, taken)
        finally:
            forget_rewritten(repo)
        size = sum(file.size for file in self.files)
        changed = {old: new for old, new in commits.items() if old != new}
        return RewrittenHistory(moved, changed, len(self.files), size)

    def _moved(self, ref: str, commits: Mapping[str, str]) -> tuple[str, str] | None:
        """The old and the new id of a ref; None where it stays."""
        repo = self._repo
        old = repo.run("rev-parse", "--verify", ref).strip()
        commit = repo.resolve(ref)
        new = commits.get(commit or "")
        if new is None or new == commit:
            return None
        if old == commit:
            return old, new
        text = without_signature(repo.run("cat-file", "tag", old))
        return old, repo.run("mktag", input=text.replace(f"object {commit}\n", f"object {new}\n", 1)).strip()

    def _cache(self, objects: LfsObjects, md5s: Mapping[str, str], listings: Mapping[str, bytes]) -> None:
        space = Workspace.open(self._project)
        with Progress("caching", sum(file.size for file in self.files)) as progress:
            for file in self.files:
                if not space.cache.has(md5s[file.sha256]):
                    held, _ = space.cache.add_file(objects.path(file.sha256), progress.advance)
                    if held != md5s[file.sha256]:
                        raise CPVError("changed while it was read", where=file.path, fix="repeat the command")
            for oid, data in listings.items():
                space.cache.add_bytes(oid, data)

    def _draft(
        self, moved: Mapping[str, tuple[str, str]], objects: LfsObjects, md5s: Mapping[str, str], scratch: Path
    ) -> Draft:
        """What the work tree gets, where its branch moves."""
        project, repo = self._project, self._repo
        head = repo.head()
        if self._head_ref not in moved:
            return Draft(project, head, (), {}, {}, {}, ())
        tree = LfsTree(project) if any(self._at_head()) else None
        changes = tree.changes(objects, md5s, scratch) if tree is not None else []
        others: dict[str, bytes | None] = {}
        lfs = {file.path for file in tree.files} if tree is not None else set()
        for path in tree_changes(repo, *moved[self._head_ref]):
            if path not in lfs:
                if standing(repo, path) not in (blob_at(repo, path), None):
                    fix = "git commit or git stash it first"
                    raise CPVError("has changes that are not committed", where=path, fix=fix)
                others[path] = blob_at(repo, path, moved[self._head_ref][1])
        return Draft(project, head, tuple(changes), {}, {}, {}, (), others)

    def _at_head(self) -> Iterable[LfsFile]:
        return (file for file in lfs_files_at(self._repo, "HEAD") if self._project.holds(file.path))

    def _move(self, transaction: Transaction, moved: Mapping[str, tuple[str, str]]) -> None:
        """Let the index and the refs, the last of all, be what was rewritten."""
        repo = self._repo
        if self._head_ref in moved:
            pairs = tree_changes(repo, *moved[self._head_ref])
            before = index_entries(repo, list(pairs))
            entries = {path: (before.get(path), new) for path, (_, new) in pairs.items()}
            transaction.step("index", [undo_git.index(entries)])
            set_index_entries(repo, {path: new for path, (_, new) in entries.items()})
        changes: dict[str, tuple[str | None, str | None]] = {**moved}
        changes |= {f"{_BACKUP}{ref}": (None, old) for ref, (old, _) in moved.items()}
        transaction.step("refs", [undo_git.refs(changes)])
        lines = (f"update {ref}\0{new}\0{old or repo.null_oid}\0" for ref, (old, new) in changes.items())
        repo.run("update-ref", "--stdin", "-z", "-m", "cpv: migrate lfs", input="".join(lines))


def _full_name(repo: Repo, name: str) -> str:
    found = repo.run("rev-parse", "--symbolic-full-name", "--verify", "--quiet", "--end-of-options", name, check=False)
    ref = found.splitlines()[-1] if found.strip() else ""
    if not ref.startswith((_HEADS, TAGS)):
        what = f"{name!r} is not a branch or tag"
        raise CPVError(what, where=str(repo.top), fix="name one that git branch or git tag has")
    return ref


def _all_refs(repo: Repo) -> list[str]:
    return repo.run("for-each-ref", "--format=%(refname)", _HEADS, TAGS).splitlines()
