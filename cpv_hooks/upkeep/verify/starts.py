"""The commits from which history is kept: every ref, young reflog entries, and what is under way."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Literal

from cpv_hooks import state_files
from cpv_hooks.console.times import DAY
from cpv_hooks.git.refs import TAGS, refs_below
from cpv_hooks.git.repo import Repo, is_null
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.transfer.objects.upload_queue import Queue

GRACE = 30 * DAY
"""Seconds for which reflogs and the remote protect, unless the user says otherwise."""
# Of these Git itself never expires an entry: a stash below the topmost is in its reflog alone.
_STASHES = re.compile(r"refs/(stash|exps/.*)")
# By SHA-1 or by SHA-256.
_ID = re.compile(rb"(?<![0-9a-f])(?:[0-9a-f]{40}|[0-9a-f]{64})(?![0-9a-f])")
_ENTRY = re.compile(rb"([0-9a-f]{40,64}) ([0-9a-f]{40,64}) .*> (\d+) [-+]\d{4}", re.DOTALL)
_UNDER_WAY = (
    "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "BISECT_START", "rebase-merge", "rebase-apply",
    "sequencer", f"{state_files.FOLDER}/{state_files.DETOUR}",
)  # fmt: skip
_FOR_A_WHILE = ("ORIG_HEAD", "FETCH_HEAD")


class Starts(NamedTuple):
    """Ids of commits, tags and trees.

    `kept` is all; `here` are those whose own content stays in the cache in any case: local branches, HEADs, stashes,
    and what is under way or queued. `stashes` count with their parents. `refs` are what refs name, which must be there.
    `each_start` says what names each.
    """

    kept: frozenset[str]
    here: frozenset[str]
    stashes: frozenset[str]
    refs: frozenset[str]
    every: tuple[Start, ...]


class Start(NamedTuple):
    """One of them: what names it, and how that protects it."""

    name: str
    oid: str
    role: Literal["ref", "theirs", "here", "stash", "while"]

    @property
    def is_experiment(self) -> bool:
        """Whether DVC keeps it for itself: `dvc exp push` is what publishes it."""
        return self.name.startswith("refs/exps/")


class HostRef(NamedTuple):
    """A ref as a Git remote has it now."""

    host: str
    ref: str
    oid: str


def find_starts(repo: Repo, grace: float, theirs: Iterable[HostRef] = ()) -> Starts:
    """Look for them; `grace` is in seconds, `theirs` are kept besides. Raises `CPVError` where Git fails."""
    found = list(each_start(repo, grace))
    on_hosts = [Start(item.ref, item.oid, "theirs") for item in theirs]
    stashes = {start.oid for start in found if start.role == "stash"}
    here = {start.oid for start in found if start.role in ("ref", "here")} | stashes
    kept = {start.oid for start in [*found, *on_hosts]}
    refs = {start.oid for start in found if start.name.startswith("refs/")}
    return Starts(frozenset(kept), frozenset(here), frozenset(stashes), frozenset(refs), (*found, *on_hosts))


def each_start(repo: Repo, grace: float) -> Iterator[Start]:
    """Each of them, as often as something names it; `grace` is in seconds. Raises `CPVError` where Git fails."""
    return (start for start in _each(repo, grace) if not is_null(start.oid))


def _each(repo: Repo, grace: float) -> Iterator[Start]:
    since = time.time() - grace
    yield from (Start("an upload that is queued", item.commit, "here") for item in Queue.of(repo).pending())
    yield from (Start("an operation under way", oid, "here") for oid in _in_files([repo.shared / state_files.JOURNAL]))
    for git_dir in git_dirs(repo):
        for ref, oid in refs_below(repo, git_dir=git_dir).items():
            is_tag_or_theirs = ref.startswith((TAGS, "refs/remotes/"))
            yield Start(ref, oid, "theirs" if is_tag_or_theirs else "stash" if _STASHES.fullmatch(ref) else "ref")
        if head := _head(repo, git_dir):
            yield Start("HEAD", head, "here")
        for name in _UNDER_WAY:
            yield from (Start(name, oid, "here") for oid in _in_files([git_dir / name]))
        for name in _FOR_A_WHILE:
            if _is_young(git_dir / name, since):
                yield from (Start(name, oid, "while") for oid in _in_files([git_dir / name]))
        for ref, oid, moment in _reflogs(repo, git_dir):
            if _STASHES.fullmatch(ref):
                yield Start(f"the reflog of {ref}", oid, "stash")
            elif moment >= since:
                yield Start(f"the reflog of {ref or 'a ref'}", oid, "while")


def git_dirs(repo: Repo) -> list[Path]:
    """The Git directory of every work tree, those included whose folder is gone."""
    linked = repo.common_dir / "worktrees"
    return [repo.common_dir, *sorted(path for path in linked.glob("*") if path.is_dir())]


def work_tree_environment(git_dir: Path) -> dict[str, str]:
    """The environment of a Git command about another work tree of the repository, which may be gone."""
    # A replaced commit is needed as it is, and its replacement is a ref.
    return {"GIT_DIR": str(git_dir), "GIT_NO_REPLACE_OBJECTS": "1"}


def _head(repo: Repo, git_dir: Path) -> str | None:
    return (
        repo.run("rev-parse", "--verify", "--quiet", "HEAD", env=work_tree_environment(git_dir), check=False).strip()
        or None
    )


def _in_files(paths: Iterable[Path]) -> Iterator[str]:
    """Every id that is written in files, or in the files of folders."""
    for path in paths:
        for file in path.rglob("*") if path.is_dir() else [path]:
            try:
                data = state_files.read_bytes(file)
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
        for oid in repo.run("rev-list", "-g", "--all", env=work_tree_environment(git_dir), check=False).split():
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


def peel(repo: Repo, ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Id -> the id and the kind (`commit`, `tree`) of what it stands for, of those that are there."""
    found: dict[str, tuple[str, str]] = {}
    rest = sorted(ids)
    for kind in ("commit", "tree"):
        asked = [f"{oid}^{{{kind}}}" for oid in rest]
        answers = repo.batch_check(asked, env=work_tree_environment(repo.common_dir))
        found |= {oid: (peeled, kind) for oid, peeled in zip(rest, answers, strict=True) if peeled}
        rest = [oid for oid in rest if oid not in found]
    return found
