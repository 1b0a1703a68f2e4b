"""How each Git event may treat the artifacts: the columns of the sync."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cpv_hooks.named_tuple import NamedTuple

if TYPE_CHECKING:
    from cpv_hooks.project.fetch_rule import FetchRule


class SyncPolicy(NamedTuple):
    """What a sync may do.

    `patient`: wait for locks, and stop at an artifact that is being written (otherwise it is passed over).
    `fetch`: use the network for what the cache lacks. `restore`: bring back artifacts that are absent.
    `follow`: Git has just changed pointers, so a pointer wins over an artifact (whose content is rescued first), and
    an artifact whose pointer is gone goes too. `budget`: bytes that may be hashed, None for any number.
    `only`: pointer files that may be written, None for all.
    `committing`: Git's index is that of the commit under way, and what the user must settle stops it with a line.
    `merging`: that commit is a merge's, whose pointers no commit has yet.
    `adding`: pointer files that `git add` names, which settles a conflict in them.
    `goes`: Git is about to remove artifacts with their pointers, so their content is saved.
    `complete`: bring what was left out and is wanted by now; with `asked` what that names, whatever the settings say.
    `thorough`: look at each file of a large directory, not only at what its ctime shows to be changed.
    """

    name: str
    patient: bool = True
    fetch: bool = False
    restore: bool = False
    follow: bool = False
    budget: int | None = None
    only: frozenset[str] | None = None
    committing: bool = False
    merging: bool = False
    adding: frozenset[str] = frozenset()
    thorough: bool = False
    goes: bool = False
    complete: bool = False
    asked: FetchRule | None = None

    @property
    def work(self) -> str:
        """What a progress bar says."""
        return f"{self.name}: artifacts"


QUERY = SyncPolicy("fsmonitor")
PRE_COMMIT = SyncPolicy("pre-commit", committing=True)
PRE_MERGE = PRE_COMMIT._replace(merging=True)
INDEX_CHANGE = SyncPolicy("post-index-change", follow=True, restore=True)
SPARSE_CHECKOUT = SyncPolicy("sparse-checkout", fetch=True, goes=True)
CHECKOUT = SyncPolicy("post-checkout", fetch=True, follow=True, restore=True)
MERGE = SyncPolicy("post-merge", fetch=True, follow=True, restore=True)
REWRITE = SyncPolicy("post-rewrite", fetch=True, follow=True, restore=True)
COMMIT = SyncPolicy("post-commit")
SYNC = SyncPolicy("sync", fetch=True, restore=True, thorough=True, complete=True)
