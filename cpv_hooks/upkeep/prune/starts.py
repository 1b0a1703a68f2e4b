"""The commits from which history is kept: every ref, young reflog entries, and what is under way."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cpv_hooks.git.repo import NULL_OID, Repo
from cpv_hooks.transfer.objects.upload_queue import Queue

# Of these Git itself never expires an entry: a stash below the topmost is in its reflog alone.
_STASHES = re.compile(r"refs/(stash|exps/.*)")
_ID = re.compile(rb"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")
_ENTRY = re.compile(rb"([0-9a-f]{40}) ([0-9a-f]{40}) .*> (\d+) [-+]\d{4}", re.DOTALL)
_UNDER_WAY = (
    "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "BISECT_START", "rebase-merge", "rebase-apply",
    "sequencer", "cpv/detour",
)  # fmt: skip
_FOR_A_WHILE = ("ORIG_HEAD", "FETCH_HEAD")


@dataclass(frozen=True)
class Starts:
    """Ids of commits, tags and trees.

    `kept` is all; `here` are those whose own content stays in the cache in any case: local branches, HEADs, stashes,
    and what is under way or queued. `stashes` count with their parents. `refs` are what refs name, which must be there.
    """

    kept: frozenset[str]
    here: frozenset[str]
    stashes: frozenset[str]
    refs: frozenset[str]


def find(repo: Repo, grace: float, extra: Iterable[str] = ()) -> Starts:
    """Look for them; `grace` is in seconds, `extra` are ids to keep besides. Raises `CPVError` where Git fails."""
    since = time.time() - grace
    here: set[str] = {item.commit for item in Queue.of(repo).pending()}
    here.update(_in_files([repo.shared / "journal"]))
    kept, stashes, refs = set(extra), set[str](), set[str]()
    for git_dir in git_dirs(repo):
        for ref, oid in _refs(repo, git_dir):
            refs.add(oid)
            is_tag_or_theirs = ref.startswith(("refs/tags/", "refs/remotes/"))
            (kept if is_tag_or_theirs else stashes if _STASHES.fullmatch(ref) else here).add(oid)
        here.update(filter(None, [_head(repo, git_dir)]))
        here.update(_in_files(git_dir / name for name in _UNDER_WAY))
        kept.update(_in_files(path for name in _FOR_A_WHILE if _is_young(path := git_dir / name, since)))
        for ref, oid, moment in _reflogs(repo, git_dir):
            if _STASHES.fullmatch(ref):
                stashes.add(oid)
            elif moment >= since:
                kept.add(oid)
    here |= stashes
    return Starts(*(frozenset(ids) - {NULL_OID} for ids in (kept | here, here, stashes, refs)))


def git_dirs(repo: Repo) -> list[Path]:
    """The Git directory of every work tree, those included whose folder is gone."""
    linked = repo.common_dir / "worktrees"
    return [repo.common_dir, *sorted(path for path in linked.glob("*") if path.is_dir())]


def at(git_dir: Path) -> dict[str, str]:
    """The environment of a Git command about another work tree of the repository, which may be gone."""
    # A replaced commit is needed as it is, and its replacement is a ref.
    return {"GIT_DIR": str(git_dir), "GIT_NO_REPLACE_OBJECTS": "1"}


def _refs(repo: Repo, git_dir: Path) -> Iterator[tuple[str, str]]:
    for line in repo.run("for-each-ref", "--format=%(refname) %(objectname)", env=at(git_dir)).splitlines():
        ref, _, oid = line.rpartition(" ")
        yield ref, oid


def _head(repo: Repo, git_dir: Path) -> str | None:
    return repo.run("rev-parse", "--verify", "--quiet", "HEAD", env=at(git_dir), check=False).strip() or None


def _in_files(paths: Iterable[Path]) -> Iterator[str]:
    """Every id that is written in files, or in the files of folders."""
    for path in paths:
        for file in path.rglob("*") if path.is_dir() else [path]:
            try:
                data = file.read_bytes()
            except OSError:
                continue
            yield from (match.decode() for match in _ID.findall(data))


def _is_young(path: Path, since: float) -> bool:
    try:
        return path.stat().st_mtime >= since
    except OSError:
        return False


def _reflogs(repo: Repo, git_dir: Path) -> Iterator[tuple[str, str, float]]:
    """Ref, id and time of every entry: what the ref became, and what it was until then."""
    if (repo.config("extensions.refstorage") or "files") != "files":
        # Their times are not read there: all of them count.
        for oid in repo.run("rev-list", "-g", "--all", env=at(git_dir), check=False).split():
            yield "", oid, time.time()
        return
    logs = git_dir / "logs"
    for file in sorted(logs.rglob("*")):
        if file.is_file():
            ref = file.relative_to(logs).as_posix()
            for line in file.read_bytes().split(b"\n"):
                entry = _ENTRY.match(line)
                if entry:
                    moment = float(entry[3])
                    yield ref, entry[1].decode(), moment
                    yield ref, entry[2].decode(), moment
