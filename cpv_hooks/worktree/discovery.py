"""Finding the artifacts of a work tree: from pointer files, and from the patterns of `.cpv.toml`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from cpv_hooks.dvcformat.pointer import Pointer, is_pointer_file, parse_pointers
from cpv_hooks.errors import CPVError, file_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.system.own_files import link_above
from cpv_hooks.system.signatures import Clock
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.new_artifacts import new_artifacts
from cpv_hooks.worktree.pointer_files import Known, ListedFiles, chosen_pointers, list_pointer_files, read_pointers


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
        self.listed = ListedFiles([], set(), [], [])
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
    found.listed = listed or list_pointer_files(repo, committing=committing)
    reading = _Reading(repo, projects, index, clock.now(), found)
    for file in found.listed.files:
        reading.add(file)
    unlisted = sorted(reading.known.keys() - set(found.listed.files))
    _keep_hidden(repo, found, index, {file: reading.known[file] for file in unlisted}, projects)
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


class _Reading:
    """Reads the pointer files into what is found; `known` is what they said until now."""

    def __init__(self, repo: Repo, projects: list[Project], index: Index, now: int, found: Found) -> None:
        self._repo, self._index, self._now, self._found = repo, index, now, found
        self.known: Known = dict(index.pointers)
        index.pointers.clear()
        self._roots = {project.prefix: project for project in projects}
        self._other_name = _of_one_file(repo, found.listed.files)
        self._real = set[str]()

    def add(self, file: str) -> None:
        project, found = _owner(self._roots, file), self._found
        if project is None:
            return
        try:
            pointers = self._pointers(file)
        except CPVError as error:
            found.errors.append(error)
            pointers = None
            # What it is the pointer of is no part of another artifact.
            found.kept.add(file.removesuffix(".dvc"))
        if file in found.listed.unmerged:
            found.unmerged.append(file)
            chosen = chosen_pointers(self._repo, file)
            found.chosen += [(project, pointer) for pointer in chosen if project.holds(pointer.path)]
        if pointers is None:
            self._keep(project, file)
        else:
            found.pointers += [(project, pointer) for pointer in pointers if project.holds(pointer.path)]

    def _pointers(self, file: str) -> list[Pointer] | None:
        if file in self._other_name:
            from cpv_hooks.system.alike_names import one_name

            raise one_name(file, {file: self._other_name[file]})
        if file in self._found.listed.unmerged or file in self._other_name.values():
            return None
        return read_pointers(self._repo, file, self._index, self.known, self._now, self._real)

    def _keep(self, project: Project, file: str) -> None:
        """What a file said that cannot be used now, or is not there."""
        found, (sig, _, last) = self._found, self.known.get(file, (None, 0, []))
        found.kept.update(pointer.path for pointer in last)
        if f"S {file}" in found.tracked:
            _forget_left_out(self._repo, self._index, last)
            found.left_out += [(project, pointer) for pointer in last]
        elif file not in found.listed.unmerged and not os.path.lexists(self._repo.top / file):
            found.gone.append(file)
        if sig is not None:
            self._index.pointers[file] = (sig, 0, last)


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
    unlisted: Known,
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


def owner(projects: list[Project], path: str) -> Project | None:
    """The innermost DVC root that holds a path."""
    return _owner({project.prefix: project for project in projects}, path)


def _owner(roots: Mapping[str, Project], path: str) -> Project | None:
    """The same, of DVC roots by their prefixes, however many there are."""
    end = path.rfind("/")
    while end >= 0 and path[: end + 1] not in roots:
        end = path.rfind("/", 0, end)
    return roots.get(path[: end + 1])


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
