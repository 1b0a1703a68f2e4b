"""Tags that a push took along and nobody has confirmed yet.

Git tells a hook what a push is about to send, and never what became of it: without `--atomic` the branch may arrive and
the tag not, or the tag and not the branch. So each tag is noted before it leaves, counts as published meanwhile, and
the next push or rewrite asks the Git host.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError
from cpv_hooks.git.caller import GitProcess, calling_git
from cpv_hooks.git.refs import TAGS
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import write_atomic
from cpv_hooks.versions import tag_records


class Sent(NamedTuple):
    """Tags that left for a remote in one push; `oids` are what the refs named then, `pid` and `process` the Git that
    took them."""

    remote: str
    oids: Mapping[str, str]
    pid: int
    process: str


def note_pushed(repo: Repo, remote: str, oids: Mapping[str, str]) -> None:
    """Remember tags (name to object id) that a push takes along; on the disk when this returns.

    A remote that has no name is not asked later: its URL may hold a password. Its tags count as published for good.
    """
    if repo.config(f"remote.{remote}.url") is None:
        tag_records.mark_published(repo, oids)
        return
    unsettled = {name for sent in _all(repo).values() for name in sent.oids}
    settled = tag_records.published_names(repo) - unsettled
    new = {name: oid for name, oid in oids.items() if name not in settled}
    if not new:
        return
    git = calling_git()
    pid, process = (git.pid, git.identity) if git else (0, "")
    text = json.dumps(Sent(remote, new, pid, process)._asdict())
    key = hashlib.sha256(os.fsencode("\0".join([remote, *sorted(new)]))).hexdigest()[:32]
    write_atomic(repo.shared / state_files.SENT / f"{key}.json", text.encode(), durable=True)


def settle_pushed(repo: Repo, listings: dict[str, Mapping[str, str] | None] | None = None) -> set[str]:
    """Ask each host for the tags that left for it; returns the names that are not there, or are somebody else's.

    Those are unpublished again. Where a host does not answer its tags stay as they are, as do those of pushes that
    still run. `listings` keeps the answers by remote, so that nobody asks twice.
    """
    answers = {} if listings is None else listings
    gone: set[str] = set()
    settled = list[Path]()
    arrived: dict[str, str] = {}
    for path, sent in _all(repo).items():
        if _runs(sent):
            continue
        if sent.remote not in answers:
            answers[sent.remote] = on_host(repo, sent.remote)
        there = answers[sent.remote]
        if there is None:
            continue
        for name, oid in sent.oids.items():
            if there.get(TAGS + name) == oid:
                arrived[name] = oid
            else:
                gone.add(name)
        settled.append(path)
    tag_records.mark_published(repo, arrived)
    for path in settled:
        path.unlink(missing_ok=True)
    return gone - tag_records.published_names(repo)


def on_host(repo: Repo, remote: str) -> Mapping[str, str] | None:
    """Ref to object id of each branch and tag of a remote; None where it does not answer."""
    # What the user gave to `git -c` is for this call too.
    given = {key: os.environ[key] for key in ("GIT_CONFIG_PARAMETERS",) if key in os.environ}
    try:
        text = repo.run("ls-remote", "--refs", "--heads", "--tags", "--", remote, env=given)
    except CPVError:
        return None
    return {ref: oid for oid, _, ref in (line.partition("\t") for line in text.splitlines())}


def _all(repo: Repo) -> dict[Path, Sent]:
    found = {}
    for path in sorted((repo.shared / state_files.SENT).glob("*.json")):
        # One may be torn by a power cut, or settled by another process meanwhile.
        with suppress(OSError, ValueError, TypeError, AttributeError):
            sent = Sent(**state_files.read_json(path))
            found[path] = sent._replace(oids=dict(sent.oids.items()))
    return found


def _runs(sent: Sent) -> bool:
    git = GitProcess(sent.pid, ())
    own = calling_git()
    return sent.pid > 0 and (own is None or own.pid != sent.pid) and git.alive() and git.identity == sent.process
