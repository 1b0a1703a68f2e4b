"""What a commit of old has in the place of its Git LFS files: pointers of DVC's, lines of `.gitignore`, the settings.

Each commit's files follow from what the user's own history has at it (`_Tree`), so nothing depends on the way there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid
from cpv_hooks.dvcformat.pointer import Content, Pointer
from cpv_hooks.dvcformat.pointer_writer import render_pointer
from cpv_hooks.git import gitignore
from cpv_hooks.git.commit import blob_at
from cpv_hooks.git.objects import objects_of
from cpv_hooks.migration.history_stream import StreamChange, StreamCommit
from cpv_hooks.migration.lfs_artifacts import grouped, is_attributes, named_paths, without_lfs
from cpv_hooks.migration.lfs_pointers import LfsFile
from cpv_hooks.project.config import FILE as SETTINGS
from cpv_hooks.project.project import Project

_KEPT = 100
"""So many texts of `.gitignore` are kept."""


@dataclass(frozen=True)
class _Tree:
    """What the user's history tracks at a commit, as far as it matters. Values are blobs."""

    lfs: Mapping[str, LfsFile] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)
    """Files of `.gitignore` and `.gitattributes`."""
    plain: frozenset[str] = frozenset()
    """Other files in the folders that `.cpv.toml` names."""
    setup: frozenset[str] = frozenset()


class Rewrite:
    """Changes commits one after the other; `pointers` are the LFS files by the blob of their pointer (path aside)."""

    def __init__(self, project: Project, pointers: Mapping[str, LfsFile], md5s: Mapping[str, str]) -> None:
        self._project = project
        self._repo = project.repo
        self._pointers = pointers
        self._md5s = md5s
        self._folders = named_paths(project)
        self._setup = _setup_files(project)
        self._trees: dict[str, tuple[_Tree, Mapping[str, bytes]]] = {}
        self._texts: dict[tuple[str, tuple[tuple[str, str, bool], ...]], bytes] = {}
        self._ignores: dict[tuple[bytes, tuple[str, ...]], bytes] = {}
        self.listings: dict[str, bytes] = {}
        """The directory objects of all folders, by their id."""

    def __call__(self, commit: StreamCommit) -> tuple[list[StreamChange], Mapping[str, bytes]]:
        """The changes of a commit as `history_stream.rewritten` takes them."""
        before, made = self._trees[commit.parents[0]] if commit.parents else (_Tree(), {})
        tree = self._after(before, commit.changes)
        wanted = made if tree is before else self._made(tree)
        self._trees[commit.mark] = (tree, wanted)
        gone = [StreamChange(path) for path in {*made, *(tree.lfs.keys() - before.lfs.keys())} if path not in wanted]
        own = [change for change in commit.changes if not self._is_ours(change, before, wanted)]
        return gone + own, {path: data for path, data in wanted.items() if made.get(path) != data}

    def _is_ours(self, change: StreamChange, before: _Tree, wanted: Mapping[str, bytes]) -> bool:
        """Whether a change of the user's is said by what is made."""
        path = change.path
        if self._lfs(change) is not None or self._is_rule(path) or path in wanted:
            return True
        return change.blob is None and path in before.lfs

    def _lfs(self, change: StreamChange) -> LfsFile | None:
        known = self._pointers.get(change.blob or "")
        if known is None or not (change.mode or "").startswith("100") or not self._project.holds(change.path):
            return None
        return known._replace(path=change.path, isexec=change.mode == "100755")

    def _is_rule(self, path: str) -> bool:
        return path.rpartition("/")[2] == gitignore.FILE or (self._project.holds(path) and is_attributes(path))

    def _after(self, tree: _Tree, changes: Sequence[StreamChange]) -> _Tree:
        lfs, rules, plain, setup = dict(tree.lfs), dict(tree.rules), set(tree.plain), set(tree.setup)
        for change in changes:
            path = change.path
            for known in (lfs, rules):
                known.pop(path, None)
            plain.discard(path)
            setup.discard(path)
            file = self._lfs(change)
            if file is not None:
                lfs[path] = file
            elif change.blob is not None:
                if self._is_rule(path):
                    rules[path] = change.blob
                if any(path.startswith(f"{folder}/") for folder in self._folders):
                    plain.add(path)
                if path in self._setup:
                    setup.add(path)
        found = replace(tree, lfs=lfs, rules=rules, plain=frozenset(plain), setup=frozenset(setup))
        return tree if found == tree else found

    def _made(self, tree: _Tree) -> Mapping[str, bytes]:
        """The files that the commit has besides those of the user's that stay as they are."""
        rules = {path: self._rule(path, blob) for path, blob in tree.rules.items()}
        emptied = {path for path, text in rules.items() if is_attributes(path) and not text}
        texts: dict[str, bytes] = {}
        groups = grouped(sorted(tree.lfs.values()), self._folders, tree.plain - emptied)
        hidden: dict[str, list[str]] = {}
        for path, files in groups.items():
            texts[f"{path}.dvc"] = self._pointer(path, files)
            hidden.setdefault(gitignore.file_for(path), []).append(path)
        for ignore, paths in hidden.items():
            rules[ignore] = self._ignored(rules.get(ignore, b""), tuple(paths))
        own = tree.setup | tree.rules.keys()
        setup = {path: text for path, text in self._setup.items() if path not in own} if groups else {}
        return {**setup, **{path: text for path, text in rules.items() if path not in emptied}, **texts}

    def _rule(self, path: str, oid: str) -> bytes:
        found = objects_of(self._repo).read(oid)
        text = (found.data if found else None) or b""
        return without_lfs(text) if is_attributes(path) else text

    def _ignored(self, text: bytes, paths: tuple[str, ...]) -> bytes:
        # Most commits have the artifacts of the one before.
        if (text, paths) not in self._ignores:
            made = text
            for path in paths:
                made = gitignore.with_line(made, path)
            self._ignores = {(text, paths): made, **dict(list(self._ignores.items())[:_KEPT])}
        return self._ignores[text, paths]

    def _pointer(self, path: str, files: Sequence[LfsFile]) -> bytes:
        key = (path, tuple((file.path, file.sha256, file.isexec) for file in files))
        if key not in self._texts:
            new = Pointer(file=f"{path}.dvc", path=path, oid=None)
            self._texts[key] = render_pointer(None, new, self._content(path, files)).encode()
        return self._texts[key]

    def _content(self, path: str, files: Sequence[LfsFile]) -> Content:
        if files[0].path == path:
            return Content(self._md5s[files[0].sha256], files[0].size, isexec=files[0].isexec)
        rows = [(file.path.removeprefix(f"{path}/"), self._md5s[file.sha256]) for file in files]
        data = dir_object_bytes(rows)
        oid = dir_oid(data)
        self.listings[oid] = data
        return Content(oid, sum(file.size for file in files), len(files))


def _setup_files(project: Project) -> dict[str, bytes]:
    """What HEAD has of DVC's and CPV's settings, without which nobody could use the pointers of a commit of old."""
    repo, prefix = project.repo, project.prefix
    names = [f"{prefix}{SETTINGS}", f"{prefix}.dvcignore"]
    listed = repo.run("ls-tree", "-r", "-z", "--name-only", "HEAD", "--", f"{prefix}.dvc", *names).split("\0")
    return {path: blob_at(repo, path) or b"" for path in filter(None, listed)}
