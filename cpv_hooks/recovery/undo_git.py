"""Undoing a change of refs, of index entries or of a small file: plain data, and what carries it out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from cpv_hooks.git.index import index_entries, set_index_entries
from cpv_hooks.git.refs import TAGS
from cpv_hooks.git.repo import Repo
from cpv_hooks.system.atomic_files import write_or_remove

Action = Mapping[str, Any]


class BuiltUpon(Exception):
    """The user has gone on from what the transaction made, so it stays."""


def refs(changes: Mapping[str, tuple[str | None, str | None]]) -> Action:
    """Refs by their full name, each with its old and new id (None: no such ref)."""
    return {"do": "refs", "refs": {name: list(pair) for name, pair in changes.items()}}


def undo_refs(repo: Repo, action: Action) -> None:
    from cpv_hooks.versions import tag_records

    published = {TAGS + name for name in tag_records.published_names(repo)}
    lines = []
    for name, (old, new) in action["refs"].items():
        now = repo.run("rev-parse", "--verify", "--quiet", name, check=False).strip() or None
        if now == new != old:
            if name in published:
                raise BuiltUpon
            lines.append(f"update {name}\0{old or repo.null_oid}\0{new or repo.null_oid}\0")
    if lines:
        repo.run("update-ref", "--stdin", "-z", input="".join(lines))


def index(changes: Mapping[str, tuple[str | None, str | None]]) -> Action:
    """Index entries by path, each as it was and as it became: `MODE OID`, or None for no entry."""
    return {"do": "index", "entries": {path: list(pair) for path, pair in changes.items()}}


def undo_index(repo: Repo, action: Action, moved_on: str | None) -> None:
    changes = {path: pair for path, pair in action["entries"].items() if not _committed(repo, path, pair[1], moved_on)}
    now = index_entries(repo, list(changes))
    set_index_entries(repo, {path: old for path, (old, new) in changes.items() if now.get(path) == new != old})


def _committed(repo: Repo, path: str, entry: str | None, commit: str | None) -> bool:
    if commit is None:
        return False
    oid = repo.run("rev-parse", "--verify", "--quiet", f"{commit}:{path}", check=False).strip()
    return oid == (entry.split()[1] if entry else "")


def file(path: str, before: bytes | None, after: bytes | None) -> Action:
    """A small file, relative to the top: its content before and after (None: no such file)."""
    return {
        "do": "file",
        "path": path,
        "before": None if before is None else base64.b64encode(before).decode("ascii"),
        "after": None if after is None else hashlib.sha256(after).hexdigest(),
    }


def undo_file(repo: Repo, action: Action, moved_on: str | None) -> None:
    path = repo.top / action["path"]
    now = path.read_bytes() if path.is_file() and not path.is_symlink() else None
    if (None if now is None else hashlib.sha256(now).hexdigest()) != action["after"]:
        return
    blob = None if now is None else f"100644 {repo.run('hash-object', '--stdin', input=now).strip()}"
    if _committed(repo, action["path"], blob, moved_on):
        return
    before = action["before"]
    write_or_remove(path, None if before is None else base64.b64decode(before), durable=True)
