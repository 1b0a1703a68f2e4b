"""Git's command line, as small named calls.

Every call is silenced: no fsmonitor query, no hook of ours (`CPV_RUNNING`), and none of the `GIT_*` variables that
a hook inherits, because they would point a command at another index or another repository.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.console.trace import emit_trace, is_heard
from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import git_folders, work_trees

# `git rev-parse --local-env-vars`, and the variables that change what a command prints or where it looks.
# fmt: off
_LOCAL_VARIABLES = frozenset((
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_OBJECT_DIRECTORY", "GIT_DIR", "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE", "GIT_GRAFT_FILE", "GIT_INDEX_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE",
    "GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_COMMON_DIR", "GIT_INTERNAL_SUPER_PREFIX", "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS", "GIT_QUARANTINE_PATH", "GIT_EXTERNAL_DIFF",
    "GIT_REFLOG_ACTION", "GIT_EDITOR",
))
_SILENCED = (
    "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-c", "advice.detachedHead=false", "-c", "gc.auto=0",
)
# fmt: on

inherited: set[int] = set()
"""Open files that Git processes keep open too: the lock of a transaction's journal, which they must not outlive."""


def environment(extra: Mapping[str, str] | None = None, *, keep_index: bool = False) -> dict[str, str]:
    """The environment for a Git (or chained) process of ours.

    `keep_index` keeps `GIT_INDEX_FILE`: inside a commit hook that is the index which the commit is made from.
    """
    env = {key: value for key, value in os.environ.items() if key not in _LOCAL_VARIABLES}
    if keep_index and "GIT_INDEX_FILE" in os.environ:
        env["GIT_INDEX_FILE"] = os.path.abspath(os.environ["GIT_INDEX_FILE"])
    env["CPV_RUNNING"] = "1"
    env["GIT_OPTIONAL_LOCKS"] = "0"
    env["LC_ALL"] = "C"
    env.update(extra or {})
    return env


def _execute(
    args: list[str], cwd: Path | None, data: bytes | None, env: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    if is_heard():
        emit_trace("debug", shlex.join(arg for arg in args if arg not in _SILENCED))
    try:
        # Without input the process must not eat the standard input of the hook that we are.
        return subprocess.run(
            args,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL if data is None else None,
            input=data,
            capture_output=True,
            check=False,
            pass_fds=tuple(inherited),
        )
    except FileNotFoundError as error:
        if cwd is not None and not cwd.exists():
            raise CPVError("no such folder", where=str(cwd), fix="cd to an existing folder") from error
        raise CPVError("git is not on the PATH", fix="install Git 2.28 or later") from error


def _is_plain(top: str, git_dir: str) -> bool:
    """Whether Git takes this folder for the Git directory of the work tree around it, and its user for the owner of
    both; no setting says that the work tree, or half of the settings, lie elsewhere."""
    try:
        folders = [os.lstat(path) for path in (git_dir, f"{git_dir}/objects", f"{git_dir}/refs")]
        with open(f"{git_dir}/config", "rb") as stream:
            settings = stream.read().lower()
        return (
            all(stat.S_ISDIR(folder.st_mode) for folder in folders)
            and os.geteuid() == folders[0].st_uid == os.stat(top).st_uid
            and not os.path.lexists(f"{git_dir}/commondir")
            and not any(word in settings for word in (b"worktree", b"include"))
            and re.search(rb"bare\s*=\s*false", settings) is not None
        )
    except OSError:
        return False


class _Places(NamedTuple):
    top: Path
    git_dir: Path
    common_dir: Path


def is_null(oid: str) -> bool:
    """Whether an object id stands for "no object"; see `Repo.null_oid`."""
    return not oid.strip("0")


class Repo(_Places):
    """A work tree and its Git directories; the paths are absolute."""

    @classmethod
    def discover(cls, cwd: Path | None = None) -> Repo:
        """Find the work tree around `cwd` (the current folder by default).

        In a hook `GIT_DIR` may be set; the search starts from the folder all the same, because Git runs hooks at the
        top of the work tree.
        """
        found = cls._ask(cwd, environment())
        if cwd is None and "GIT_DIR" in os.environ:
            git_dir = os.path.realpath(os.environ["GIT_DIR"])
            if not isinstance(found, Repo) or os.path.realpath(found.git_dir) != git_dir:
                # A repository whose Git directory lies elsewhere (`git --git-dir --work-tree`).
                found = cls._ask(None, environment({"GIT_DIR": git_dir, "GIT_WORK_TREE": os.getcwd()}))
        if isinstance(found, CPVError):
            raise found
        return found

    @classmethod
    def of_hook(cls) -> Repo:
        """The work tree at whose top Git has started this process, without asking Git where that is plain to see."""
        top = os.getcwd()
        git_dir = f"{top}/.git"
        if {"GIT_DIR", "GIT_WORK_TREE"}.isdisjoint(os.environ) and _is_plain(top, git_dir):
            return cls._at(top, git_dir, Path(git_dir))
        return cls.discover()

    @classmethod
    def _at(cls, top: str, git_dir: str, common_dir: Path) -> Repo:
        found = cls(Path(top), Path(git_dir), common_dir)
        for folder in (found.git_dir, common_dir):
            git_folders.setdefault(str(folder), found._sharing)
        work_trees[top] = str(found.state)
        return found

    @classmethod
    def _ask(cls, cwd: Path | None, env: Mapping[str, str]) -> Repo | CPVError:
        names = ["--show-toplevel", "--absolute-git-dir", "--git-common-dir"]
        done = _execute(["git", *_SILENCED, "rev-parse", *names], cwd, None, env)
        lines = os.fsdecode(done.stdout).splitlines()
        if done.returncode or len(lines) != 3:
            from cpv_hooks.git.no_repository import why_not

            return why_not(cwd or Path.cwd(), os.fsdecode(done.stderr), done.returncode)
        # --git-common-dir is relative to the folder where the command ran, perhaps a link; Git resolves the others.
        common_dir = Path(os.path.realpath(os.path.join(cwd or Path.cwd(), lines[2])))
        return cls._at(lines[0], lines[1], common_dir)

    @cached_property
    def state(self) -> Path:
        """CPV's folder for this work tree: index, stamp, detour."""
        return self.git_dir / state_files.FOLDER

    @cached_property
    def shared(self) -> Path:
        """CPV's folder for all work trees of the repository: queue, rescues, published tags."""
        return self.common_dir / state_files.FOLDER

    @cached_property
    def null_oid(self) -> str:
        """What stands for "no object", as long as the ids of this repository are."""
        return "0" * (64 if self.run("rev-parse", "--show-object-format").strip() == "sha256" else 40)

    def head(self) -> str:
        """The commit at HEAD. `CPVError` where there is none yet."""
        commit = self.resolve("HEAD")
        if commit is None:
            raise CPVError("there is no commit yet", where=str(self.top), fix="git add -A && git commit -m 'Start'")
        return commit

    def _sharing(self) -> str:
        return self.run("config", "--get", "core.sharedRepository", check=False)

    @property
    def linked(self) -> bool:
        """Whether this is a linked work tree (`git worktree add`)."""
        return self.git_dir != self.common_dir

    @property
    def is_submodule(self) -> bool:
        """Whether a repository around this work tree names it in `.gitmodules`; starts no process: each sync asks."""
        for folder in self.top.parents:
            try:
                text = (folder / ".gitmodules").read_text(encoding="utf-8", errors="surrogateescape")
            except OSError:
                continue
            # Git quotes a path with a `"`, `#` or `;` in it; one that is named by chance loses nothing by being moved.
            bare = text.replace("\\", "").replace('"', "")
            return f"path = {self.top.relative_to(folder)}".replace('"', "") in bare
        return False

    def run(
        self,
        *args: str,
        input: str | bytes | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        index: bool = False,
        nothing: int = 0,
    ) -> str:
        """Run Git at the top of the work tree and return what it prints.

        With `index` the call works on the index of the commit under way (`GIT_INDEX_FILE`). A failure is a
        `CPVError` with the line that says why, unless `check` is false; `nothing` is an exit status that says that
        nothing was found.
        """
        data = os.fsencode(input) if isinstance(input, str) else input
        # `git config` would answer with our own -c settings; it runs no hook and asks no fsmonitor.
        silenced = () if args[:1] == ("config",) else _SILENCED
        done = _execute(["git", *silenced, *args], self.top, data, self._environment(env, index))
        if check and done.returncode not in (0, nothing):
            from cpv_hooks.git.reason import advised, reason

            printed = os.fsdecode(done.stderr)
            what = f"git {args[0]} failed: {reason(printed, done.returncode)}"
            raise CPVError(what, where=str(self.top), fix=advised(printed))
        return os.fsdecode(done.stdout)

    def ok(self, *args: str, index: bool = False) -> bool:
        """Whether the Git command exits with status 0."""
        return _execute(["git", *_SILENCED, *args], self.top, None, self._environment(None, index)).returncode == 0

    def _environment(self, extra: Mapping[str, str] | None, index: bool) -> dict[str, str]:
        """Named outright, so that a Git directory which lies elsewhere is found too, and no other one is."""
        here = {"GIT_DIR": str(self.git_dir), "GIT_WORK_TREE": str(self.top)}
        return environment(here | dict(extra or {}), keep_index=index)

    def resolve(self, rev: str) -> str | None:
        """The full id of the commit that `rev` names, or None."""
        found = self.run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}", check=False
        ).strip()
        # Of a range (`A..B`, `^A`) Git says more, and what is none.
        return found if found.isalnum() else None

    def batch_check(
        self, revs: Sequence[str], fields: str = "%(objectname)", env: Mapping[str, str] | None = None
    ) -> list[str | None]:
        """What `git cat-file --batch-check` says of each object, in one process; None where it is not there."""
        if not revs:
            return []
        asked = "".join(f"{rev}\n" for rev in revs)
        answers = self.run("cat-file", f"--batch-check={fields}", input=asked, env=env).splitlines()
        return [None if answer.endswith(" missing") else answer for answer in answers]

    def config(self, key: str) -> str | None:
        """A configuration value, or None where it is not set."""
        return self.run("config", "--get", key, check=False).rstrip("\n") or None

    def under_way(self) -> str | None:
        """The operation that this work tree is in the middle of: rebase, merge, cherry-pick, revert; or None."""
        marks = {
            "rebase-merge": "rebase",
            "rebase-apply": "rebase",
            "MERGE_HEAD": "merge",
            "CHERRY_PICK_HEAD": "cherry-pick",
            "REVERT_HEAD": "revert",
        }
        return next((name for mark, name in marks.items() if (self.git_dir / mark).exists()), None)
