"""What stands in an artifact's place by the hash of DVC 2, where a pointer or a base names it so."""

from __future__ import annotations

from collections.abc import Set
from functools import partial
from pathlib import Path

from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid, is_dir_oid
from cpv_hooks.dvcformat.file_hash import both_hashes
from cpv_hooks.dvcformat.pointer import Content
from cpv_hooks.system.columns import OID_BYTES, HashColumn
from cpv_hooks.system.signatures import signature
from cpv_hooks.worktree.artifact import Artifact
from cpv_hooks.worktree.base_index import BaseEntry
from cpv_hooks.worktree.base_tree import Tree
from cpv_hooks.worktree.known_files import BeingWritten
from cpv_hooks.worktree.snapshot import Snapshot, is_executable, unchanged


def take_as(artifact: Artifact, wanted: Set[str]) -> Snapshot | None:
    """Take it into the cache where it is one of these; None where it is not."""
    found = look_as(artifact, wanted)
    if found is not None:
        _hold(artifact, found)
    return found


def look_as(artifact: Artifact, wanted: Set[str]) -> Snapshot | None:
    """The same by reading alone. Raises `BeingWritten`, `OSError`."""
    wanted = {oid for oid in wanted if is_dir_oid(oid) == artifact.isdir}
    if not wanted or artifact.status is None:
        return None
    return _directory(artifact, wanted) if artifact.isdir else _file(artifact, wanted)


def _file(artifact: Artifact, wanted: Set[str]) -> Snapshot | None:
    space, target = artifact.space, artifact.space.target(artifact.path)
    before, checked = space.settled(target)
    oid = unchanged(target, signature(before), partial(_name, artifact, target))
    if oid not in wanted:
        return None
    isexec = is_executable(before)
    content = Content(oid, before.st_size, isexec=isexec, legacy=True)
    return Snapshot(content, BaseEntry(oid, isexec, signature(before), checked, legacy=True))


def _directory(artifact: Artifact, wanted: Set[str]) -> Snapshot | None:
    space, target = artifact.space, artifact.space.target(artifact.path)
    if artifact.listing.newest >= artifact.look.before:
        # What is written in this tick once more would not be seen.
        space.clock.past(artifact.listing.newest)
        artifact = Artifact.at(space, artifact.path)
    listing, known = artifact.listing, artifact.known(legacy=True)
    oids = bytearray(known.oids.data)
    for at, name in zip(known.unread, listing.names.pick(known.unread), strict=True):
        oid = unchanged(target / name, listing.signature(at), partial(_name, artifact, target / name))
        if not oid:
            return None
        oids[OID_BYTES * at : OID_BYTES * (at + 1)] = bytes.fromhex(oid)
    tree = Tree(listing, HashColumn(oids))
    oid = dir_oid(dir_object_bytes(tree.rows()))
    if oid not in wanted:
        return None
    content = Content(oid, listing.size, nfiles=len(listing), legacy=True)
    entry = BaseEntry(oid, checked=artifact.look.before, plain=space.is_plain(artifact.path), legacy=True)
    return Snapshot(content, entry, tree)


def _name(artifact: Artifact, path: Path) -> str:
    """DVC 2's hash of a file; empty where the object of that name has other line ends."""
    hashes = both_hashes(path, artifact.space.advance)
    same = artifact.space.cache.by(legacy=True).is_same(path, hashes, hashes[1])
    return hashes[1] if same else ""


def _hold(artifact: Artifact, found: Snapshot) -> None:
    """Let the cache have what was found, under the names of DVC 2."""
    space, target = artifact.space, artifact.space.target(artifact.path)
    cache = space.cache.by(legacy=True)
    files = found.tree.contents() if found.tree is not None else {"": found.content.oid}
    for name, oid in files.items():
        path = target / name
        if not cache.has_own(oid) and cache.add_file(path)[0] != oid:
            raise BeingWritten(path)
    if found.tree is not None:
        cache.add_bytes(found.content.oid, dir_object_bytes(files.items()))
