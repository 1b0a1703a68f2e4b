"""The code that a run's job started with: the commit, and what of it was changed and not committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cpv_hooks.dvcformat.pointer import is_pointer_file
from cpv_hooks.git.index import scratch_index, set_index_entries
from cpv_hooks.git.trees import tree_changes
from cpv_hooks.named_tuple import NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from cpv_hooks.git.repo import Repo


class Code(NamedTuple):
    """`base` is the commit at HEAD, `changes` a commit on it with the tracked files as they were, where they differ.

    Files that Git does not track are not in it: nobody said that they may go into a repository.
    """

    base: str
    changes: str | None


def capture(repo: Repo, index: Path) -> Code:
    """The code of this work tree as it is now; `index` names an index of our own. `CPVError` without a commit."""
    base = repo.head()
    with scratch_index(index, repo.git_dir / "index") as env:
        repo.run("add", "--update", "--", ".", env=env)
        tree = repo.run("write-tree", env=env).strip()
        # Pointers are the run's own business: they are as at HEAD here.
        changes = tree_changes(repo, base, tree)
        pointers = {path: old for path, (old, _) in changes.items() if is_pointer_file(path)}
        if len(pointers) == len(changes):
            return Code(base, None)
        set_index_entries(repo, pointers, env)
        tree = repo.run("write-tree", env=env).strip()
    message = "Code of a training run that was not committed\n"
    return Code(base, repo.run("commit-tree", tree, "-p", base, input=message, env=author(repo)).strip())


def author(repo: Repo) -> dict[str, str]:
    """What lets Git commit on a machine where nobody has said who commits, as a cluster's nodes often are."""
    if repo.ok("var", "GIT_COMMITTER_IDENT") and repo.ok("var", "GIT_AUTHOR_IDENT"):
        return {}
    names = {f"GIT_{who}_NAME": "CPV run" for who in ("AUTHOR", "COMMITTER")}
    return names | {f"GIT_{who}_EMAIL": "cpv-run@localhost" for who in ("AUTHOR", "COMMITTER")}
