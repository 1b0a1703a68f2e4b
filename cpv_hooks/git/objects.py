"""Git's object store, read through one `git cat-file --batch` process.

Git itself reads: whatever its ref backend, its hash, its alternates and its partial clones are.
https://git-scm.com/docs/git-cat-file#_batch_output
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import IO, Protocol

from cpv_hooks.errors import CPVError
from cpv_hooks.git.reason import reason
from cpv_hooks.git.repo import Repo, environment
from cpv_hooks.named_tuple import NamedTuple

_CHUNK = 1 << 20
_AHEAD = 512
"""So many ids are less than a pipe holds, so that Git never waits for its answers to be read while it is asked."""
_ROOM = 16 << 20
"""So many bytes of what was asked for ahead are kept; what is more is asked for again in its turn."""
_LINK = b"120000"
FOLDERS = (b"40000", b"040000")
"""The mode of a tree; some old tools wrote a zero in front."""
_KINDS = dict.fromkeys(FOLDERS, "tree") | {b"160000": "commit"}
_ROWS = {width: re.compile(rb"([0-7]+) ([^\0]+)\0(.{%d})" % width, re.DOTALL) for width in (20, 32)}


class Object(NamedTuple):
    """An object: its full id, its kind (`commit`, `tree`, `blob`, `tag`), its bytes (None: more than asked for)."""

    oid: str
    kind: str
    data: bytes | None


class TreeEntry(NamedTuple):
    """What a tree holds under a name; `kind` is the object's, `link` says whether a blob is a symbolic link."""

    name: str
    oid: str
    kind: str
    link: bool


class Reads(Protocol):
    """Git's object store, however it is read."""

    def read(self, name: str, most: int = sys.maxsize) -> Object | None:
        """The object of that name or id, with its bytes where they are not more than `most`; None: no such object."""

    def read_all(self, oids: Iterable[str], most: int = sys.maxsize) -> Iterator[Object | None]:
        """The objects of these full ids, each as `read` would have it, in less time than one after the other."""


class Objects:
    """The objects of a repository. Threads may share it; the process ends with it."""

    def __init__(self, git_dir: Path, top: Path) -> None:
        self._git_dir = git_dir
        self._top = top
        self._lock = threading.Lock()
        self._end: weakref.finalize[..., Objects] | None = None
        self._pipes: tuple[IO[bytes], IO[bytes]] | None = None

    def read(self, name: str, most: int = sys.maxsize) -> Object | None:
        """The object that a name of Git's means, with its bytes where they are not more than `most`; None: no such."""
        if "\n" in name or "\0" in name:
            return None
        with self._lock:
            try:
                return self._read(name, most)
            except (OSError, ValueError) as error:
                self._stop()
                reason = self._reason(name)
                what = f"Git could not read the object {name}: {reason}"
                # A partial clone asks its origin for what it lacks.
                fix = "git fetch" if "promisor" in reason else "git fsck"
                raise CPVError(what, where=str(self._git_dir), fix=fix) from error

    def read_all(self, oids: Iterable[str], most: int = sys.maxsize) -> Iterator[Object | None]:
        """See `Reads.read_all`: many are asked for before the first is read."""
        left = iter(oids)
        while batch := list(islice(left, _AHEAD)):
            try:
                with self._lock:
                    self._ask(*batch)
                    room = _ROOM
                    found = list[Object | None]()
                    for _ in batch:
                        one = self._answer(min(most, room))
                        room -= len(one.data or b"") if one else 0
                        found.append(one)
            except (OSError, ValueError):
                # One at a time, for the words about the one that cannot be read.
                self._stop()
                found = [self.read(oid, most) for oid in batch]
            for oid, one in zip(batch, found, strict=True):
                yield self.read(oid, most) if one is not None and one.data is None else one

    def _read(self, name: str, most: int) -> Object | None:
        self._ask(name)
        return self._answer(most)

    def _ask(self, *names: str) -> None:
        ask, _ = self._pipes or self._start()
        ask.write("".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape"))
        ask.flush()

    def _answer(self, most: int) -> Object | None:
        _, answer = self._pipes or self._start()
        header = answer.readline()
        if not header.endswith(b"\n"):
            raise ValueError("the process ended")
        if header.rstrip().endswith((b" missing", b" ambiguous")):
            return None
        oid, kind, length = header.decode().split()
        size = int(length)
        data = answer.read(size) if size <= most else None
        left = 1 if data is not None else size + 1
        while left:
            skipped = answer.read(min(left, _CHUNK))
            if not skipped:
                raise ValueError("the process ended")
            left -= len(skipped)
        return Object(oid, kind, data)

    def _reason(self, name: str) -> str:
        """What Git says when it is asked once more."""
        ask = ["git", "cat-file", "-t", "--end-of-options", name]
        done = subprocess.run(ask, cwd=self._git_dir, env=self._environment(), capture_output=True, check=False)
        printed = done.stderr.decode("utf-8", "replace")
        return reason(printed, done.returncode) if printed.strip() else "its process ended"

    def _environment(self) -> dict[str, str]:
        return environment({"GIT_DIR": str(self._git_dir), "GIT_WORK_TREE": str(self._top)})

    def _start(self) -> tuple[IO[bytes], IO[bytes]]:
        # Not by `Repo.run`: it outlives the calls, so it must not hold a journal's lock.
        process = subprocess.Popen(
            ["git", "cat-file", "--batch"],
            cwd=self._git_dir,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._end = weakref.finalize(self, _end, process)
        assert process.stdin is not None and process.stdout is not None
        self._pipes = process.stdin, process.stdout
        return self._pipes

    def _stop(self) -> None:
        if self._end is not None:
            self._end()
        self._pipes = None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def rows(tree: Object) -> list[tuple[bytes, bytes, bytes]]:
    """Mode, name and id of all that a tree holds, as Git stores them: `<mode> <name>\\0<id>`."""
    return _ROWS[len(tree.oid) // 2].findall(tree.data or b"")


def entries(tree: Object) -> Iterator[TreeEntry]:
    """What a tree holds. A name that is not UTF-8 is left out: DVC could not read it."""
    for mode, raw, oid in rows(tree):
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError:
            continue
        yield TreeEntry(name, oid.hex(), _KINDS.get(mode, "blob"), mode == _LINK)


def objects_of(repo: Repo) -> Objects:
    """The objects of a repository; one process serves all who ask."""
    return _objects(repo.git_dir, repo.top, (repo.common_dir / "objects").stat().st_ino)


def commit_of(repo: Repo, name: str) -> str | None:
    """The id of the commit that a name of Git's means, or None: `Repo.resolve`'s answer, for those who read objects as
    well. That one starts a process for each name, and a hook that asks for HEAD alone imports nothing for it."""
    found = objects_of(repo).read(f"{name}^{{commit}}", 0)
    return found.oid if found is not None else None


def commits_of(repo: Repo, oids: Iterable[str]) -> dict[str, str]:
    """The commits that ids stand for, tags and tags of tags followed; an id that stands for none is left out."""
    asked = list(dict.fromkeys(oids))
    found = objects_of(repo).read_all([f"{oid}^{{commit}}" for oid in asked], 0)
    return {oid: one.oid for oid, one in zip(asked, found, strict=True) if one is not None}


def ref_commits(repo: Repo, refs: Mapping[str, str]) -> dict[str, str]:
    """The commits that refs stand for, of what each names; one that stands for something else is left out.

    `CPVError` where what one names is not in this clone.
    """
    commits = commits_of(repo, refs.values())
    for ref, oid in refs.items():
        if oid not in commits and objects_of(repo).read(f"{oid}^{{}}", 0) is None:
            fix = "git fsck says what is wrong; git fetch, or delete the ref"
            raise CPVError(f"{ref} names {oid}, which is not in this clone", where=str(repo.common_dir), fix=fix)
    return {ref: commits[oid] for ref, oid in refs.items() if oid in commits}


class RawCommit(NamedTuple):
    """A commit: its id, and those of its parents as they are written in it, whether this clone has them or not."""

    oid: str
    parents: list[str]


def read_commit(repo: Repo, name: str) -> RawCommit | None:
    """The commit that a name of Git's means; None: there is none."""
    found = objects_of(repo).read(f"{name}^{{commit}}")
    if found is None or found.data is None:
        return None
    header = found.data.partition(b"\n\n")[0].decode("utf-8", "replace").split("\n")
    return RawCommit(found.oid, [line.removeprefix("parent ") for line in header if line.startswith("parent ")])


@lru_cache(maxsize=8)
def _objects(git_dir: Path, top: Path, _inode: int) -> Objects:
    return Objects(git_dir, top)
