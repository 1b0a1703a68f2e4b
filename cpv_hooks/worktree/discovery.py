"""Finding the artifacts of a work tree: from pointer files, and from the patterns of `.cpv.toml`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from cpv_hooks.dvcformat.pointer import MAX_BYTES, Pointer, is_pointer_file, parse_pointers
from cpv_hooks.errors import CPVError, file_word, git_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import FILE
from cpv_hooks.project.project import Project
from cpv_hooks.system.own_files import link_above
from cpv_hooks.system.signatures import Clock, newest_time, signature
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.new_artifacts import new_artifacts

_PATTERNS = ("*.dvc", "dvc.lock", "*/dvc.lock")


class ListedFiles(NamedTuple):
    """The pointer files, those of them in conflict, and pointers and settings in Git's index with their tags."""

    files: list[str]
    unmerged: set[str]
    tracked: list[str]


class Found:
    """The pointers of a work tree; `left_out` those that a sparse checkout took, `ignored` says of which Git's rules
    hide the pointer. `listed` is what Git said of them, and of the settings of DVC roots.

    `kept` are artifacts whose pointer is there but cannot be used now; `unmerged` the pointer files in conflict, and
    `chosen` what those say all the same, after `git checkout --ours` or `--theirs`. `gone` are those that Git tracks
    and the disk has not.
    """

    def __init__(self) -> None:
        self.left_out: list[tuple[Project, Pointer]] = []
        self.pointers: list[tuple[Project, Pointer]] = []
        self.listed = ListedFiles([], set(), [])
        self.errors: list[CPVError] = []
        self.ignored: list[CPVError] = []
        self.kept: set[str] = set()
        self.unmerged: list[str] = []
        self.gone: list[str] = []
        self.chosen: list[tuple[Project, Pointer]] = []

    @property
    def tracked(self) -> list[str]:
        """What Git lists of its index (`ls-files -t`)."""
        return self.listed.tracked

    @property
    def paths(self) -> set[str]:
        return {pointer.path for _, pointer in self.pointers}

    def lost(self, index: Index) -> list[str]:
        """The artifacts whose pointer is gone from Git's index and from the disk."""
        return sorted(index.entries.keys() - self.paths - self.kept)


def discover(
    repo: Repo,
    projects: list[Project],
    index: Index,
    clock: Clock,
    *,
    committing: bool = False,
    listed: ListedFiles | None = None,
) -> Found:
    """All artifacts of the managed DVC roots. Broken pointers are errors in the result, not exceptions.

    With `committing` Git's index is the one of the commit under way: `git commit -a` has settled conflicts in it.
    `listed` is what Git has just said of the pointer files.
    """
    found = Found()
    found.listed = listed or _listed(repo, committing=committing)
    files, unmerged = found.listed.files, found.listed.unmerged
    now = clock.now()
    known = dict(index.pointers)
    index.pointers.clear()
    roots = {project.prefix: project for project in projects}
    one_file, real = _of_one_file(repo, files), set[str]()
    for file in files:
        project = _owner(roots, file)
        if project is None:
            continue
        try:
            if file in one_file:
                from cpv_hooks.system.alike_names import one_name

                raise one_name(file, {file: one_file[file]})
            pointers = (
                None if file in unmerged or file in one_file.values() else _read(repo, file, index, known, now, real)
            )
        except CPVError as error:
            found.errors.append(error)
            pointers = None
            # What it is the pointer of is no part of another artifact.
            found.kept.add(file.removesuffix(".dvc"))
        if file in unmerged:
            found.unmerged.append(file)
            found.chosen += [(project, pointer) for pointer in _chosen(repo, file) if project.holds(pointer.path)]
        if pointers is None:
            _, _, last = known.get(file, (None, 0, []))
            found.kept.update(pointer.path for pointer in last)
            if f"S {file}" in found.tracked:
                _forget_left_out(repo, index, last)
                found.left_out += [(project, pointer) for pointer in last]
            elif file not in unmerged and not os.path.lexists(repo.top / file):
                found.gone.append(file)
            if file in known:
                index.pointers[file] = (known[file][0], 0, known[file][2])
            continue
        found.pointers += [(project, pointer) for pointer in pointers if project.holds(pointer.path)]
    _keep_hidden(repo, found, index, {file: known[file] for file in sorted(known.keys() - set(files))}, projects)
    _drop_overlaps(found)
    index.released -= found.paths
    # An artifact that had a pointer until now is no new one: the sync finds out who took the pointer away.
    known_paths = index.released | set(index.entries)
    for project in projects:
        new = new_artifacts(repo, project, known_paths, found.paths | found.kept)
        found.pointers += [(project, pointer) for pointer in new.pointers]
        found.errors += new.errors
        found.ignored += new.ignored
    return found


def _of_one_file(repo: Repo, files: list[str]) -> dict[str, str]:
    """Pointers in Git that this disk does not tell from another one: which of them the file is, nobody knows."""
    if len({file.lower() for file in files}) == len(files):
        return {}
    from cpv_hooks.system.alike_names import alike, tells_apart

    return {} if tells_apart(repo.top) else alike(files)


def _forget_left_out(repo: Repo, index: Index, pointers: list[Pointer]) -> None:
    """What a sparse checkout took with its pointer comes back with it: the user has not removed it."""
    for pointer in pointers:
        if not os.path.lexists(repo.top / pointer.path):
            index.entries.pop(pointer.path, None)


def _keep_hidden(
    repo: Repo,
    found: Found,
    index: Index,
    unlisted: dict[str, tuple[tuple[int, int, int, int], int, list[Pointer]]],
    projects: list[Project],
) -> None:
    """A pointer that was known, is on the disk and is not listed any more: its artifact is kept where a rule of Git's
    hides it. Its base goes, so that what a checkout puts in the artifact's place is preceded by a rescue."""
    there = [file for file in unlisted if os.path.lexists(repo.top / file) and owner(projects, file)]
    there = [file for file in there if link_above(repo.top, file) is None]
    if not there:
        return
    from cpv_hooks.git.gitignore import hidden

    for file, error in hidden(repo, there).items():
        found.ignored.append(error)
        index.pointers[file] = unlisted[file]
        for pointer in unlisted[file][2]:
            found.kept.add(pointer.path)
            index.entries.pop(pointer.path, None)


def left_out_unknown(repo: Repo, found: Found, projects: list[Project]) -> Iterator[tuple[Project, Pointer]]:
    """The artifacts that a sparse checkout leaves out with their pointer and no sync has seen: as the index says."""
    known = {pointer.file for _, pointer in found.left_out}
    for file in (row[2:] for row in found.tracked if row.startswith("S ") and is_pointer_file(row[2:])):
        project = owner(projects, file)
        may_be_there = not file.endswith(".dvc") or os.path.lexists(repo.top / file.removesuffix(".dvc"))
        if file not in known and project is not None and may_be_there:
            try:
                pointers = parse_pointers(repo.run("cat-file", "blob", f":{file}"), file)
            except CPVError:
                continue
            yield from ((project, pointer) for pointer in pointers)


def _chosen(repo: Repo, file: str) -> list[Pointer]:
    """The pointers of a file in conflict, where it holds one side and no markers."""
    try:
        return parse_pointers((repo.top / file).read_text(encoding="utf-8"), file, _pipeline(repo.top / file))
    except (CPVError, OSError, UnicodeDecodeError):
        return []


def pointer_files(repo: Repo) -> list[str]:
    """The pointer files that Git tracks or would track, relative to the top; some may be deleted from the disk."""
    return _listed(repo).files


def all_pointer_files(repo: Repo) -> list[str]:
    """Those that Git ignores as well."""
    listed = repo.run("ls-files", "-z", "--cached", "--others", "--", *_PATTERNS)
    return sorted({name for name in listed.split("\0") if is_pointer_file(name)})


def readable_pointers(repo: Repo) -> Iterator[Pointer]:
    """The pointers of a work tree, CPV's or not, as its files say now; broken ones are passed over."""
    real = set[str]()
    for file in pointer_files(repo):
        if link_above(repo.top, file, real) is not None:
            continue
        try:
            yield from parse_pointers((repo.top / file).read_text(encoding="utf-8"), file, _pipeline(repo.top / file))
        except (CPVError, OSError, UnicodeDecodeError):
            continue


def _listed(repo: Repo, *, committing: bool = False) -> ListedFiles:
    patterns = (*_PATTERNS, FILE, f"*/{FILE}")
    listed = repo.run(
        "ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard", "--", *patterns, index=committing
    )
    # "M" marks an unmerged entry (git-ls-files(1), -t).
    rows = [(line[0], line[2:]) for line in listed.split("\0") if line]
    entries = [(tag, name) for tag, name in rows if is_pointer_file(name)]
    unmerged = {name for tag, name in entries if tag == "M"}
    tracked = [f"{tag} {name}" for tag, name in rows if tag != "?"]
    return ListedFiles(sorted({name for _, name in entries}), unmerged, tracked)


def owner(projects: list[Project], path: str) -> Project | None:
    """The innermost DVC root that holds a path."""
    return _owner({project.prefix: project for project in projects}, path)


def _owner(roots: Mapping[str, Project], path: str) -> Project | None:
    """The same, of DVC roots by their prefixes, however many there are."""
    end = path.rfind("/")
    while end >= 0 and path[: end + 1] not in roots:
        end = path.rfind("/", 0, end)
    return roots.get(path[: end + 1])


def _read(
    repo: Repo,
    file: str,
    index: Index,
    known: dict[str, tuple[tuple[int, int, int, int], int, list[Pointer]]],
    now: int,
    real: set[str],
) -> list[Pointer] | None:
    """The pointers in a file; None where the user has deleted it from the disk. `real`: see `link_above`."""
    path = repo.top / file
    if path.is_symlink():
        raise CPVError("a pointer that is a symbolic link", where=file, fix=f"git rm --cached {git_word(file)}")
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    if (link := link_above(repo.top, file, real)) is not None:
        from cpv_hooks.worktree.behind_links import behind_link

        raise behind_link(repo.top, file, link)
    if not stat.S_ISREG(status.st_mode):
        raise CPVError("not a regular file", where=file, fix=f"mv {git_word(file)} to another place")
    sig = signature(status)
    pipeline = _pipeline(path)
    if file in known and pipeline is None and known[file][0] == sig and newest_time(sig) < known[file][1]:
        index.pointers[file] = known[file]
        return known[file][2]
    if status.st_size > MAX_BYTES:
        raise CPVError(f"pointer larger than {MAX_BYTES} bytes", where=file, fix=f"git checkout -- {git_word(file)}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CPVError("not UTF-8", where=file, fix=f"git checkout -- {git_word(file)}") from None
    pointers = parse_pointers(text, file, pipeline)
    index.pointers[file] = (sig, now, pointers)
    return pointers


def _pipeline(path: Path) -> str | None:
    """The `dvc.yaml` beside a `dvc.lock`."""
    if path.name != "dvc.lock":
        return None
    try:
        return path.with_name("dvc.yaml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _drop_overlaps(found: Found) -> None:
    """One artifact has one pointer, and none lies inside another."""
    kept: list[tuple[Project, Pointer]] = []
    last: Pointer | None = None
    for project, pointer in sorted(found.pointers, key=lambda item: (item[1].path + "/", item[1].file)):
        if last is not None and (pointer.path + "/").startswith(last.path + "/"):
            where = "names the artifact of" if pointer.path == last.path else "lies inside the artifact of"
            found.errors.append(
                CPVError(
                    f"its artifact {pointer.path} {where} {last.file}",
                    where=pointer.file,
                    fix=f"dvc remove {file_word(pointer.file)}",
                )
            )
            found.kept.add(pointer.path)
            continue
        last = pointer
        kept.append((project, pointer))
    found.pointers = kept
