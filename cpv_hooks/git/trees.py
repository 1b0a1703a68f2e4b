"""What differs between the trees of two commits."""

from __future__ import annotations

from cpv_hooks.git.repo import Repo, is_null


def tree_changes(repo: Repo, old: str, new: str) -> dict[str, tuple[str | None, str | None]]:
    """The files in which two commits differ: path -> `MODE OID` in each (None: not there)."""
    fields = repo.run("diff-tree", "-r", "-z", "--no-renames", "--no-commit-id", old, new).split("\0")
    found = {}
    for head, path in zip(fields[0::2], fields[1::2], strict=False):
        if head:
            old_mode, new_mode, old_oid, new_oid, _ = head.lstrip(":").split()
            found[path] = (_entry(old_mode, old_oid), _entry(new_mode, new_oid))
    return found


def _entry(mode: str, oid: str) -> str | None:
    return None if is_null(oid) else f"{mode} {oid}"
