"""Commits and their trees, as far back as they go, in one walk."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.upkeep.verify.starts import Starts, peel, work_tree_environment

_FORMAT = "%H %T %ct %P"


class KeptCommit(NamedTuple):
    """A commit: its tree, its time in seconds since the epoch, its parents."""

    id: str
    tree: str
    time: float
    parents: tuple[str, ...]


class ReflogHistory(NamedTuple):
    """Every commit that is reachable, by its id, and trees that are named without one."""

    commits: dict[str, KeptCommit]
    trees: frozenset[str]

    @property
    def all_trees(self) -> set[str]:
        """Every tree."""
        return {commit.tree for commit in self.commits.values()} | self.trees

    def trees_of(self, ids: Iterable[str], *, with_parents: Collection[str] = ()) -> set[str]:
        """The trees of some commits; of those in `with_parents` the parents' too."""
        wanted = [self.commits[oid] for oid in ids if oid in self.commits]
        beside = [self.commits[oid] for commit in wanted if commit.id in with_parents for oid in commit.parents]
        return {commit.tree for commit in [*wanted, *beside]} | self.trees


def read_reflog_history(repo: Repo, starts: Starts) -> ReflogHistory:
    """Walk from these ids of commits, tags and trees; those of old reflogs that are not there any more are passed over.

    `CPVError` for a shallow clone, whose history is not known, and for one that lacks a commit.
    """
    if repo.run("rev-parse", "--is-shallow-repository").strip() == "true":
        raise CPVError(
            "this clone is shallow, so what its history needs is not known",
            where=str(repo.top),
            fix="git fetch --unshallow",
        )
    peeled = peel(repo, starts.kept)
    if lost := lacking_ids(repo, starts.refs - peeled.keys()):
        what = f"a ref names {min(lost)}, which is not in this clone, so what it needs is not known"
        raise CPVError(what, where=str(repo.common_dir), fix="git fsck says which one; git fetch, or delete the ref")
    commits = sorted({oid for oid, kind in peeled.values() if kind == "commit"})
    trees = frozenset(oid for oid, kind in peeled.values() if kind == "tree")
    if not commits:
        return ReflogHistory({}, trees)
    args = ("rev-list", f"--format={_FORMAT}", "--stdin")
    printed = repo.run(*args, input="".join(f"{oid}\n" for oid in commits), env=work_tree_environment(repo.common_dir))
    found = [_commit(line) for line in printed.splitlines() if not line.startswith("commit ")]
    return ReflogHistory({commit.id: commit for commit in found}, trees)


def _commit(line: str) -> KeptCommit:
    oid, tree, seconds, *parents = line.split()
    return KeptCommit(oid, tree, float(seconds), tuple(parents))


def lacking_ids(repo: Repo, ids: Collection[str]) -> set[str]:
    """Those of these ids that are not in this clone."""
    asked = sorted(ids)
    answers = repo.batch_check(asked, env=work_tree_environment(repo.common_dir))
    return {oid for oid, answer in zip(asked, answers, strict=True) if answer is None}
