"""The Git command that runs us: the nearest ancestor process that is Git, and its words."""

from __future__ import annotations

import os
import posixpath
import subprocess
from pathlib import Path

from cpv_hooks.named_tuple import NamedTuple

_WITH_VALUE = frozenset(
    {"-c", "-C", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--super-prefix", "--config-env"}
)
_DEPTH = 6  # shell, pre-commit and its children stand between


class GitProcess(NamedTuple):
    """A running Git command: process id, and its words after `git` and Git's own options."""

    pid: int
    words: tuple[str, ...]

    @property
    def command(self) -> str:
        """The subcommand, such as `commit`."""
        return self.words[0] if self.words else ""

    @property
    def identity(self) -> str:
        """The process id and the start time, so that a reused id is another process."""
        try:
            started = Path(f"/proc/{self.pid}/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
        except (OSError, IndexError):
            started = "?"
        return f"{self.pid} {started}"

    def alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return _status_letter(self.pid) != "Z"


def calling_git() -> GitProcess | None:
    """The Git process that this hook serves; None where it cannot be known."""
    return _nearest(os.getppid())


def git_above(git: GitProcess) -> GitProcess | None:
    """The Git process that runs this one, as `git worktree add` runs `git reset --hard`."""
    return _nearest(_read(git.pid)[0])


def _nearest(process: int) -> GitProcess | None:
    for _ in range(_DEPTH):
        if process <= 1:
            return None
        parent, words = _read(process)
        name = posixpath.basename(words[0]) if words else ""
        if name == "git":
            return GitProcess(process, _without_options(words[1:]))
        if name.startswith("git-"):
            return GitProcess(process, (name.removeprefix("git-"), *words[1:]))
        process = parent
    return None


def _without_options(words: list[str]) -> tuple[str, ...]:
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in _WITH_VALUE else 1
    return tuple(words[at:])


def _read(process: int) -> tuple[int, list[str]]:
    """Parent and command line of a process, from /proc or `ps`."""
    try:
        status = Path(f"/proc/{process}/stat").read_bytes()
        command = Path(f"/proc/{process}/cmdline").read_bytes()
        return int(status.rpartition(b")")[2].split()[1]), os.fsdecode(command).split("\0")[:-1]
    except OSError:
        pass
    done = subprocess.run(["ps", "-o", "ppid=,args=", "-p", str(process)], capture_output=True, text=True, check=False)
    fields = done.stdout.split()
    return (int(fields[0]), fields[1:]) if fields else (0, [])


def _status_letter(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[0].decode()
    except (OSError, IndexError):
        return ""
