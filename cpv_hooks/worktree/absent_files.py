"""What of an artifact is absent on purpose, and what of a version is to be here.

Which of the three sides says "absent on purpose": the base alone. The pointer always names all of the content, and the
work tree cannot tell a file that was left out from one that was removed.

- A file that the base has as absent (`Tree.absent`; all of it where `left_out` has no tree) is no deletion: a snapshot
  carries its entry on. One that the base has as present, and that is gone, was deleted by the user.
- Where there is no base, a file that the pointer names is absent on purpose if it is not there and the rule of
  `FetchChoice` leaves it out, or the cache lacks it: whatever stood in the work tree went through the cache. Of a
  folder with one such file none was deleted, for another file may have brought the same content into the cache.
- The rules are asked only for what is to be *brought*: what a version newly has, and what was left out where somebody
  asks for it. A file that is there and not named is kept up to date from the cache; where the cache lacks its new
  content it goes, for what stays as it was would be a change.
- What is to be overwritten or removed is made safe first, as everywhere.
- Whoever writes at the place of an absent file makes it present. Where the list of the absent files is not at hand, a
  folder in which somebody wrote is not snapshotted until it is fetched.
- A disk that does not tell case apart has one of the files that are alike; the others are absent on purpose.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping

from cpv_hooks.dvcformat.directory_object import read_dir_object
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.errors import CPVError, file_word
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.fetch_rule import Part
from cpv_hooks.system.alike_names import alike, one_name
from cpv_hooks.system.columns import HashColumn, NameColumn
from cpv_hooks.system.signatures import FolderListing
from cpv_hooks.worktree.base_index import BaseEntry
from cpv_hooks.worktree.base_tree import NO_FILES, Absent, Tree
from cpv_hooks.worktree.workspace import MissingFromCache, Workspace


class Wanted(NamedTuple):
    """A version's files that are to be here, relative path -> oid, and those that are not; a file has the empty name.

    `known` is False where all of it is left out and nobody has asked what it consists of. `alike` are those of the
    absent files that the disk cannot tell from one that is here, and that one.
    """

    here: dict[str, str]
    absent: dict[str, str]
    known: bool = True
    alike: Mapping[str, str] = NO_FILES

    @property
    def leaves_all(self) -> bool:
        return not self.here and (bool(self.absent) or not self.known)


def part_wanted(space: Workspace, pointer: Pointer) -> Part:
    """How much of a pointer's content is to be here. What DVC 2 named, or a remote keeps by version, is never split."""
    path, entry = pointer.path, space.index.entries.get(pointer.path)
    is_left_out = entry is not None and entry.left_out
    # Of what was left out some may be there.
    states = {True, False} if is_left_out and space.index.files_about(path) else {is_left_out}
    kind = space.project.kind_of(path)
    parts = {space.choice.part_of(path, kind, isdir=pointer.isdir, was_left_out=state) for state in states}
    part = parts.pop() if len(parts) == 1 else "some"
    return "all" if part == "some" and (pointer.legacy or pointer.stored) else part


def split_wanted(space: Workspace, pointer: Pointer, tree: Tree | None, *, is_there: bool) -> Wanted:
    """What of a pointer's content is to be here, `tree` being its base's; `is_there` tells of a file.

    Raises `MissingFromCache` where that takes a list of files which the cache lacks.
    """
    from cpv_hooks.worktree.materialise import needed_objects

    part = part_wanted(space, pointer)
    try:
        files = dict(needed_objects(pointer, space.cache))
    except MissingFromCache:
        if part != "none":
            raise
        return Wanted({}, {}, known=False)
    if part == "all":
        return _told_apart(space, pointer, tree, Wanted(files, {}))
    here = _named(space, pointer, tree, files) if part == "some" else set[str]()
    cache = space.cache.by(legacy=pointer.legacy)
    there: Iterable[str] = [] if not is_there else [""] if tree is None else tree.listing.names
    here.update(name for name in there if name in files and name not in here and cache.has(files[name]))
    if (pointer.legacy or pointer.stored) and len(here) < len(files):
        here.clear()
    absent = {name: oid for name, oid in files.items() if name not in here}
    wanted = Wanted({name: oid for name, oid in files.items() if name in here}, absent)
    return _told_apart(space, pointer, tree, wanted)


def _told_apart(space: Workspace, pointer: Pointer, tree: Tree | None, wanted: Wanted) -> Wanted:
    """The same without the files that the disk cannot tell from others: those that are there stay, and then the first
    by name. `CPVError` for a folder that cannot be split."""
    if not pointer.isdir or space.tells_names_apart:
        return wanted
    held = alike(wanted.here, [name for name in tree.listing.names if name in wanted.here] if tree else ())
    if held and (pointer.legacy or pointer.stored):
        raise one_name(pointer.path, held)
    here = {name: oid for name, oid in wanted.here.items() if name not in held}
    return Wanted(here, wanted.absent | {name: wanted.here[name] for name in held}, alike=held)


def _named(space: Workspace, pointer: Pointer, tree: Tree | None, files: Mapping[str, str]) -> set[str]:
    """The files that the rules name, of which those that were left out wait for somebody who asks."""
    entry, kind = space.index.entries.get(pointer.path), space.project.kind_of(pointer.path)
    new = space.choice.within(pointer.path, kind, was_left_out=False)
    if entry is None or not entry.left_out:
        return set(filter(new, files))
    asked = space.choice.within(pointer.path, kind, was_left_out=True)
    left_out = set(files if tree is None else tree.absent.files)
    if tree is not None and not space.tells_names_apart:
        # Nobody chose to leave them out.
        left_out -= alike(left_out, tree.listing.names).keys()
    return {name for name in files if (asked if name in left_out else new)(name)}


def absent_beside(space: Workspace, path: str, entry: BaseEntry, here: Iterable[str]) -> Absent:
    """The files of a directory that are absent on purpose, where `here` are the files that are there.

    Raises `MissingFromCache` where only the cache could tell and lacks the list.
    """
    if entry.legacy:
        what = "was left out, and has files now; its list is DVC 2's, to which none can be added"
        raise CPVError(what, where=path, fix=f"mv {file_word(path)} to another place && dvc cpv sync {file_word(path)}")
    tree = space.index.read_tree(path, entry.oid)
    if tree is not None:
        files, size = tree.absent
    else:
        pointer = Pointer(file="", path=path, oid=entry.oid)
        found = space.cache.find(entry.oid)
        if found is None:
            raise MissingFromCache(pointer, [entry.oid])
        files, size = dict(read_dir_object(found, entry.oid)), None
    rest = _beside(files, here)
    return Absent(rest, size if len(rest) == len(files) else None) if rest else Absent()


def _beside(files: Mapping[str, str], here: Iterable[str]) -> dict[str, str]:
    """Those of a version's files in whose place nobody has put a file, or a folder with one, or a file for a folder."""
    there = frozenset(here)
    folders = {folder for name in there for folder in folders_above(name)}
    return {
        name: oid
        for name, oid in files.items()
        if name not in there and name not in folders and there.isdisjoint(folders_above(name))
    }


def folders_above(name: str) -> Iterator[str]:
    """The folders that a file lies in, the nearest first."""
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def without_base(space: Workspace, pointer: Pointer) -> bool:
    """Give a directory of which no base is known one that has what was never there; whether there is such a file."""
    if not pointer.isdir or pointer.legacy or pointer.stored:
        return False
    found = space.cache.find(pointer.oid or "")
    if found is None:
        return False
    here = space.listing(pointer.path).names
    kind, cache = space.project.kind_of(pointer.path), space.cache

    is_wanted = space.choice.within(pointer.path, kind, was_left_out=False)
    files = _beside(dict(read_dir_object(found, pointer.oid)), here)
    some_absent = any(not (cache.has(oid) and is_wanted(name)) for name, oid in files.items())
    some_absent = some_absent or not (space.tells_names_apart or alike(files, here).keys().isdisjoint(files))
    if some_absent:
        tree = Tree(FolderListing(NameColumn.of([]), array("q")), HashColumn.of([]), Absent(files, None))
        space.index.set(pointer.path, BaseEntry(pointer.oid or "", left_out=True), tree)
    return some_absent
