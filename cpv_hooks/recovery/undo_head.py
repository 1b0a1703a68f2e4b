"""Undoing a commit or a checkout: HEAD, its branch, the index and the files go back, and so do the reflogs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from cpv_hooks.errors import CPVError
from cpv_hooks.git.commit import REFLOG_ACTION
from cpv_hooks.git.index import index_entries, set_index_entries
from cpv_hooks.git.repo import Repo
from cpv_hooks.git.trees import tree_changes
from cpv_hooks.recovery.undo_git import BuiltUpon


def branch_of(repo: Repo) -> str | None:
    """The full name of the branch that HEAD names; None where it is detached."""
    return repo.run("symbolic-ref", "--quiet", "HEAD", check=False).strip() or None


def coming_commit(repo: Repo, old: str, when: int, index: Mapping[str, str | None]) -> Mapping[str, Any]:
    """The commit that `git commit` is about to make on `old`, the commit at HEAD.

    It will be known by its one parent, its committer's time `when` (seconds since the epoch) and, where reflogs are
    kept, by its line there (`REFLOG_ACTION`). `index` are the entries (`MODE OID`, or None) that the paths which it is
    sure to change have in the index now.
    """
    return {"do": "commit", "branch": branch_of(repo), "old": old, "when": when, "index": dict(index)}


def undo_head(repo: Repo, action: Mapping[str, Any]) -> None:
    """Carry out the undo of a commit or a checkout."""
    if action["do"] == "commit":
        _undo_commit(repo, action)
    else:
        _undo_checkout(repo, action)


def _undo_commit(repo: Repo, action: Mapping[str, Any]) -> None:
    old, branch = action["old"], action["branch"]
    ref = branch or "HEAD"
    now = repo.resolve(ref)
    if now in (None, old) or (branch is None and branch_of(repo)):
        return
    if not _is_ours(repo, now, action):
        above = repo.run("rev-list", "--first-parent", "--reverse", f"{old}..{now}", check=False).split()
        if above and _is_ours(repo, above[0], action):
            raise BuiltUpon
        return
    if repo.run("for-each-ref", "--count=1", f"--contains={now}", "refs/remotes", check=False):
        raise BuiltUpon
    if branch_of(repo) == branch:
        _index_back(repo, old, now, action["index"])
    repo.run("update-ref", "--no-deref", ref, old, now)
    for log in dict.fromkeys([ref, "HEAD"]):
        _trim_reflog(repo, log, [old, now])


def _is_ours(repo: Repo, commit: str | None, action: Mapping[str, Any]) -> bool:
    header = repo.run("cat-file", "commit", str(commit)).partition("\n\n")[0].split("\n")
    parents = [line.split()[1] for line in header if line.startswith("parent ")]
    committers = [line for line in header if line.startswith("committer ")]
    when = committers[0].rsplit(" ", 2)[1] if committers else ""
    if parents != [action["old"]] or when != str(action["when"]):
        return False
    lines = repo.run("log", "--walk-reflogs", "--format=%H %gs", action["branch"] or "HEAD", "--", check=False)
    said = [line.split(" ", 1)[1] for line in lines.splitlines() if line.startswith(f"{commit} ")]
    return not said or said[-1].startswith(f"{REFLOG_ACTION}: ")


def _index_back(repo: Repo, old: str, new: str, recorded: Mapping[str, str | None]) -> None:
    """Entries that say what the commit says go back to what they were: recorded for ours, the parent's for others."""
    changed = tree_changes(repo, old, new)
    now = index_entries(repo, list(changed))
    before = {path: recorded.get(path, was) for path, (was, _) in changed.items()}
    set_index_entries(
        repo, {path: before[path] for path, (_, new_entry) in changed.items() if now.get(path) == new_entry}
    )


def _trim_reflog(repo: Repo, log: str, top: Sequence[str]) -> None:
    """Drop the newest lines of a reflog where they are these ids, newest first: the step and its undo."""
    seen = repo.run("log", "--walk-reflogs", "--format=%H", f"-{len(top)}", log, "--", check=False).split()
    if seen == list(top):
        for _ in top:
            with suppress(CPVError):
                repo.run("reflog", "delete", f"{log}@{{0}}")


def _trim_checkout(repo: Repo, top: Sequence[tuple[str, str]]) -> None:
    """Likewise in HEAD's, by ids and by how the messages begin; Git may have left out the newest."""
    printed = repo.run("log", "--walk-reflogs", "--format=%H %gs", f"-{len(top)}", "HEAD", "--", check=False)
    seen = [tuple(line.split(" ", 1)) for line in printed.splitlines()]
    for wanted in (top, top[1:]):
        found = seen[: len(wanted)]
        if [oid for oid, _ in found] == [oid for oid, _ in wanted] and found[-1][1].startswith(wanted[-1][1]):
            for _ in wanted:
                repo.run("reflog", "delete", "HEAD@{0}")
            return


_MOVING = "checkout: moving from "


def checkout(repo: Repo, new: str) -> Mapping[str, Any]:
    """The `git checkout` that is about to detach HEAD at `new`; no file in which the two differ may be dirty."""
    return {"do": "checkout", "branch": branch_of(repo), "old": repo.resolve("HEAD"), "new": new}


def _undo_checkout(repo: Repo, action: Mapping[str, Any]) -> None:
    old, new, branch = action["old"], action["new"], action["branch"]
    moved = branch_of(repo) is None and repo.resolve("HEAD") == new and (branch is not None or old != new)
    if not moved and not (branch_of(repo) == branch and repo.resolve("HEAD") == old):
        raise BuiltUpon
    _files_back(repo, old, new)
    if not moved:
        return
    if branch is None:
        repo.run("update-ref", "--no-deref", "HEAD", old, new)
        _trim_reflog(repo, "HEAD", [old, new])
    else:
        repo.run("symbolic-ref", "HEAD", branch)
        _trim_checkout(repo, [(old, ""), (new, _MOVING)])


def _files_back(repo: Repo, old: str, new: str) -> None:
    """Files and entries that are the new version's become the old one's."""
    changes = tree_changes(repo, old, new)
    indexed = index_entries(repo, list(changes))
    set_index_entries(repo, {path: was for path, (was, now) in changes.items() if indexed.get(path) == now})
    there = [path for path in changes if (repo.top / path).is_file() and not (repo.top / path).is_symlink()]
    hashes = repo.run("hash-object", "--stdin-paths", input="".join(f"{path}\n" for path in there)).split()
    standing = dict(zip(there, hashes, strict=True))
    back = []
    for path, (_, now) in changes.items():
        found, wanted = standing.get(path), now.split()[1] if now else None
        if found == wanted or (found is None and not (repo.top / path).is_symlink()):
            back.append(path)
    for path in back:
        if changes[path][0] is None:
            (repo.top / path).unlink(missing_ok=True)
    restored = [path for path in back if changes[path][0] is not None]
    if restored:
        repo.run("checkout-index", "-f", "-z", "--stdin", input="".join(f"{path}\0" for path in restored))
