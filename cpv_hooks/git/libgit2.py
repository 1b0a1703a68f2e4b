"""Git's objects through libgit2, in this process, for reading a whole history.

libgit2 does not open a repository with an extension that it does not know (SHA-256, reftable), and knows nothing of
replaced objects (`git replace`): there, and for an object that it does not find, Git itself is asked.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cpv_hooks.git.objects import Object, Reads, objects_of
from cpv_hooks.git.refs import REPLACED, refs_below

if TYPE_CHECKING:
    import pygit2

    from cpv_hooks.git.repo import Repo

MANY = 1000
"""Objects of a kind to be read; of fewer, Git's own process has told all before libgit2's module is loaded."""
_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}


class LibGit2:
    """The objects of one repository, by their full ids."""

    def __init__(self, repo: Repo, opened: pygit2.Repository) -> None:
        self._repo = repo
        # The library ends with the object that opened it.
        self._opened = opened
        self._objects = opened.odb

    def read(self, name: str, most: int = sys.maxsize) -> Object | None:
        """See `Reads.read`; the name must be a full id."""
        try:
            kind, data = self._objects.read(name)
        except Exception:  # noqa: BLE001 - it raises five types; Git fetches what a partial clone lacks, or says what is wrong
            return objects_of(self._repo).read(name, most)
        return Object(name, _KINDS[kind], data if len(data) <= most else None)

    def read_all(self, oids: Iterable[str], most: int = sys.maxsize) -> Iterator[Object | None]:
        read = self._objects.read
        with _trusting():
            for oid in oids:
                try:
                    kind, data = read(oid)
                    found = len(data) <= most
                except Exception:  # noqa: BLE001 - see `read`
                    found = False
                yield tuple.__new__(Object, (oid, _KINDS[kind], data)) if found else self.read(oid, most)


def open_repository(repo: Repo) -> LibGit2 | None:
    """None where libgit2 cannot open the repository, or would not see in it what Git does."""
    if refs_below(repo, REPLACED):
        return None
    try:
        import pygit2
    except ImportError:  # a platform without a wheel
        return None
    try:
        return LibGit2(repo, pygit2.Repository(str(repo.git_dir)))
    except Exception:  # noqa: BLE001 - GitError, KeyError, OSError and ValueError among them; Git's own words follow
        return None


def reads_of(repo: Repo, count: int) -> Reads:
    """What reads so many objects, by their full ids, the fastest."""
    return (open_repository(repo) if count > MANY else None) or objects_of(repo)


@contextmanager
def _trusting() -> Iterator[None]:
    """Read as Git itself does, and each object once.

    Without hashing it once more, which takes as long as reading it; without looking each time whether its pack has a
    `.keep`; and without keeping it for the next who asks.
    """
    from pygit2 import option
    from pygit2.enums import Option

    usual = {
        Option.ENABLE_STRICT_HASH_VERIFICATION: True,
        Option.DISABLE_PACK_KEEP_FILE_CHECKS: False,
        Option.ENABLE_CACHING: True,
    }
    for name, value in usual.items():
        option(name, not value)
    try:
        yield
    finally:
        for name, value in usual.items():
            option(name, value)
