"""What is still to be uploaded, and what is known to be on a remote.

One SQLite file for all work trees of a repository. It is a memory, not the truth: a pending commit that it forgets is
found again by the next push, and an object that it forgets is looked up on the remote.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError, disk_error
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.locks import locked
from cpv_hooks.system.own_files import open_own

if TYPE_CHECKING:
    import sqlite3


BUSY_SECONDS = 30.0
_BATCH = 500
_SCHEMA = """
create table if not exists pending (
    root text not null, commit_id text not null, why text not null, since real not null,
    tried real, error text, primary key (root, commit_id)
) without rowid;
create table if not exists verified (
    remote text not null, oid text not null, size integer, seen real not null, primary key (remote, oid)
) without rowid;
create table if not exists complete (
    root text not null, remote text not null, commit_id text not null, seen real not null,
    primary key (root, remote, commit_id)
) without rowid;
"""
COMPLETE_DAYS = 90.0
"""For so long a commit that no ref of a Git remote names any more is remembered as complete."""
T = TypeVar("T")


class Pending(NamedTuple):
    """A commit whose data is not known to be on the remote. Times are seconds since the epoch.

    `root` is the DVC root relative to the top of the work tree (`.` for the top), so that work trees share it.
    """

    root: str
    commit: str
    why: str
    since: float
    tried: float | None = None
    error: str | None = None


class Queue:
    """The queue and the record of one repository. Several processes may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, repo: Repo) -> Queue:
        """The queue of a repository, shared by its work trees."""
        return cls(repo.shared / state_files.QUEUE)

    def add(self, root: str, commits: Collection[str], why: str) -> None:
        """Note that the data of commits must get to the remote; durable when this returns."""
        rows = [(root, commit, why, time.time()) for commit in commits]
        command = "insert or ignore into pending (root, commit_id, why, since) values (?, ?, ?, ?)"
        if rows:
            self._do(lambda db: db.executemany(command, rows))

    def done(self, root: str, commits: Collection[str]) -> None:
        """Forget commits whose data is there."""
        if not self.path.exists():
            return
        rows = [(root, commit) for commit in commits]
        self._do(lambda db: db.executemany("delete from pending where root = ? and commit_id = ?", rows))

    def failed(self, root: str, commits: Collection[str], error: str) -> None:
        """Note that an upload was tried in vain."""
        rows = [(time.time(), error, root, commit) for commit in commits]
        command = "update pending set tried = ?, error = ? where root = ? and commit_id = ?"
        self._do(lambda db: db.executemany(command, rows))

    def pending(self, root: str | None = None) -> list[Pending]:
        """The commits that wait, oldest first; of one DVC root or of all."""
        if not self.path.exists():
            return []
        columns = "root, commit_id, why, since, tried, error"
        query = f"select {columns} from pending where root = coalesce(?, root) order by since"  # noqa: S608
        rows = self._do(lambda db: db.execute(query, (root,)).fetchall())
        return [Pending(*row) for row in rows]

    def verified(self, remote: str, oids: Collection[str], *, since: float = 0.0) -> set[str]:
        """Which of these objects were seen, whole, on a remote; of a directory object, with all its files.

        `since` is a time in seconds since the epoch: what was last seen before it does not count.
        """
        if not oids or not self.path.exists():
            return set()

        def ask(db: sqlite3.Connection) -> set[str]:
            found: set[str] = set()
            for batch in _batches(list(oids)):
                marks = ",".join("?" * len(batch))
                query = f"select oid from verified where remote = ? and seen >= ? and oid in ({marks})"  # noqa: S608 - only "?"
                found.update(row[0] for row in db.execute(query, (remote, since, *batch)))
            return found

        return self._do(ask)

    def knows(self, remote: str) -> bool:
        """Whether anything was ever seen on a remote, and not forgotten."""
        query = "select 1 from verified where remote = ? limit 1"
        return self._do(lambda db: db.execute(query, (remote,)).fetchone()) is not None

    def record(self, remote: str, sizes: Mapping[str, int | None]) -> None:
        """Note objects that are on a remote, verified; sizes in bytes."""
        if not sizes:
            return
        now = time.time()
        rows = [(remote, oid, size, now) for oid, size in sizes.items()]
        self._do(lambda db: db.executemany("insert or replace into verified values (?, ?, ?, ?)", rows))

    def forget(self, remote: str, oids: Collection[str] | None = None) -> None:
        """Forget objects of a remote (all by default), so that the remote is asked again."""
        if oids is None:
            self._do(lambda db: db.execute("delete from verified where remote = ?", (remote,)))
        else:
            rows = [(remote, oid) for oid in oids]
            self._do(lambda db: db.executemany("delete from verified where remote = ? and oid = ?", rows))

    def forget_all(self) -> None:
        """Forget the objects of every remote."""
        self._do(lambda db: db.execute("delete from verified"))

    def complete(self, root: str, remote: str) -> set[str]:
        """The commits noted as complete on a remote: all that they and their ancestors name is there."""
        if not self.path.exists():
            return set()
        query = "select commit_id from complete where root = ? and remote = ?"
        return {row[0] for row in self._do(lambda db: db.execute(query, (root, remote)).fetchall())}

    def note_complete(self, root: str, remote: str, commits: Collection[str]) -> None:
        """Note commits as complete on a remote."""
        now = time.time()
        rows = [(root, remote, commit, now) for commit in commits]

        def note(db: sqlite3.Connection) -> None:
            db.executemany("insert or replace into complete values (?, ?, ?, ?)", rows)
            db.execute("delete from complete where seen < ?", (now - COMPLETE_DAYS * 86400,))

        if rows:
            self._do(note)

    def _do(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Run one transaction; a file that is damaged is moved aside and begun anew, once."""
        import sqlite3

        try:
            with self._open() as db:
                return action(db)
        except sqlite3.OperationalError as error:
            raise self._fault(error) from error
        except sqlite3.DatabaseError:
            self._set_aside()
        try:
            with self._open() as db:
                return action(db)
        except sqlite3.DatabaseError as error:
            raise self._fault(error) from error

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        import sqlite3

        try:
            # SQLite follows links, and makes its other files as this one is.
            os.close(open_own(self.path, os.O_RDWR | os.O_CREAT))
        except OSError as error:
            raise self._fault(error) from error
        with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)) as db:
            db.execute("pragma synchronous = full")
            if not db.execute("select 1 from sqlite_master where name = 'complete'").fetchone():
                db.executescript(f"begin immediate; {_SCHEMA} commit;")
            db.execute("begin immediate")
            try:
                yield db
            except BaseException:
                if db.in_transaction:
                    db.execute("rollback")
                raise
            db.execute("commit")

    def _set_aside(self) -> None:
        import sqlite3

        from cpv_hooks.console.output import warn

        # One process at a time, and each looks again: another one may have begun the new file already.
        with locked(self.path.with_name(state_files.QUEUE_LOCK), wait=True, say="looking at the upload queue"):
            try:
                with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS)) as db:
                    if db.execute("pragma quick_check").fetchone() == ("ok",):
                        return
            except sqlite3.DatabaseError:
                pass
            aside = self.path.with_name(f"{state_files.QUEUE}.damaged-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}")
            os.replace(self.path, aside)
            self.path.with_name(f"{state_files.QUEUE}-journal").unlink(missing_ok=True)
        warn(
            f"{self.path}: the upload queue is damaged; kept as {aside.name}, the next push finds what is not uploaded"
        )

    def _fault(self, error: Exception) -> CPVError:
        cause = error if isinstance(error, OSError) else self._cause(error)
        if cause is not None:
            plain = disk_error(cause, Path(cause.filename or self.path))
            return CPVError(f"upload queue: {plain.what}", where=plain.where or str(self.path), fix=plain.fix)
        first = "wait for the other process" if "locked" in str(error) else "look at the disk (sudo dmesg | tail)"
        return CPVError(f"upload queue: {error}", where=str(self.path), fix=f"{first}, then dvc cpv sync")

    def _cause(self, error: Exception) -> OSError | None:
        """What the system says, where SQLite says only that it could not."""
        if "locked" in str(error):
            return None
        if "full" in str(error):
            return OSError(errno.ENOSPC, str(error), str(self.path))
        for place in (self.path.parent, self.path):
            if place.exists() and not os.access(place, os.W_OK):
                return PermissionError(errno.EACCES, str(error), str(place))
        try:
            # Not the file itself: to close it would end the locks that other threads have on it (fcntl(2)).
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as found:
            return found
        return None


def _batches(items: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]
