"""Several people at one machine: commands that real users run, each with a home and a group in common. Needs root."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from support import sandbox
from support.shell import Result, Shell

TEAM = 47110
"""The id of the group that all are members of."""


@dataclass(frozen=True)
class Person:
    """A user who works in a folder; `mask` is the umask, as the shell writes it."""

    folder: Path
    home: Path
    uid: int
    mask: str = "022"

    @classmethod
    def new(cls, room: Path, folder: Path, uid: int, mask: str = "022") -> Person:
        """A user with an empty home in `room`."""
        home = room / f"user{uid}"
        home.mkdir()
        person = cls(folder, home, uid, mask)
        config = Path(person.environment["GIT_CONFIG_GLOBAL"])
        with config.open("a") as stream:
            stream.write("[safe]\n\tdirectory = *\n")
        for path in [home, *home.rglob("*")]:
            os.chown(path, uid, uid)
        return person

    @property
    def environment(self) -> dict[str, str]:
        if not (self.home / "home").exists():
            sandbox.environment(self.home)
        kept = {key: os.environ[key] for key in ("GIT_CONFIG_NOSYSTEM", "PATH", "LC_ALL", "CPV_TRUST")}
        home = self.home / "home"
        return kept | {
            "HOME": str(home),
            "CPV_HOME": str(home / ".cpv"),
            "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "DVC_SITE_CACHE_DIR": str(home / "dvc-site-cache"),
            "DVC_SYSTEM_CONFIG_DIR": str(home / "dvc-system"),
            "DVC_NO_ANALYTICS": "1",
        }

    def run(self, *command: str | Path, status: int | None = 0) -> Result:
        """Run a command as this user, with this umask."""
        who = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", f"--groups={TEAM}", "--inh-caps=-all"]
        who += ["sh", "-c", 'umask "$0" && exec "$@"', self.mask]
        variables = [f"{key}={value}" for key, value in self.environment.items()]
        whole = ["env", "-i", *variables, *_opened(self.home.parent), *who, *map(str, command)]
        return Shell(self.folder).run(*whole, status=status)

    def git(self, *args: str | Path, status: int | None = 0) -> Result:
        return self.run("git", *args, status=status)

    def cpv(self, *args: str | Path, status: int | None = 0) -> Result:
        return self.run("cpv", *args, status=status)

    def put(self, name: str, content: str) -> None:
        """Write a file, as a training job does."""
        self.run("sh", "-c", 'mkdir -p "$(dirname "$0")" && printf %s "$1" >"$0"', name, content)


def _opened(room: Path) -> list[str]:
    """What lets a command reach the interpreter of the tests and its packages, where they lie in closed folders.

    Only in the mount namespace of the command, and these folders alone.
    """
    hidden: dict[Path, list[Path]] = {}
    for real in dict.fromkeys((Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve())):
        closed = [folder for folder in real.parents if not folder.stat().st_mode & stat.S_IXOTH]
        if closed:
            hidden.setdefault(closed[-1], []).append(real)
    if not hidden:
        return []
    first, last = ["set -e"], []
    for number, (outer, folders) in enumerate(hidden.items()):
        for position, real in enumerate(folders):
            aside = room / f"interpreter-{number}-{position}"
            aside.mkdir(exist_ok=True)
            first.append(shlex.join(["mount", "--bind", str(real), str(aside)]))
            last += [shlex.join(["mkdir", "-p", str(real)]), shlex.join(["mount", "--bind", str(aside), str(real)])]
        last.insert(0, shlex.join(["mount", "-t", "tmpfs", "-o", "mode=755", "cpv-test", str(outer)]))
    return ["unshare", "--mount", "sh", "-c", "\n".join([*first, *last, 'exec "$@"']), "sh"]
