"""Which settings of a DVC remote came with the clone, and which files they may name.

A value is the user's own where the user's or the system's DVC configuration says it, or a `.dvc/config.local` that Git
does not track. A path is judged as whoever opens it understands it: variables, `~` and links resolved.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from cpv_hooks.dvcformat.dvc_config_files import remotes_of, user_files
from cpv_hooks.dvcformat.remote_references import base_of
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.state_files import cpv_home

# Files of AWS's own, in which it may be told to run a program (`credential_process`).
PROGRAMS = ("configpath", "credentialpath")
_ROUNDS = 8


def aws_path(text: str) -> str:
    """The file that botocore opens for this text (`botocore.configloader.raw_config_parse`)."""
    for _ in range(_ROUNDS):
        expanded = os.path.expanduser(os.path.expandvars(text))
        if expanded == text:
            break
        text = expanded
    return os.path.abspath(text)


class CloneSettings:
    """What the files of a clone say of one remote; `options` are DVC's merged ones."""

    def __init__(self, repo: Repo, root: Path, remote: str, options: Mapping[str, str]) -> None:
        self._repo = repo
        self._root = root
        self._remote = remote
        self._options = options

    def brought(self, key: str) -> str | None:
        """The value of an option that came with the clone; None where it is not set, or the user's own."""
        value = self._options.get(key)
        if not value:
            return None
        # Of a URL that refers to another remote, that one's says who answers.
        for remote in self._remotes if key != "url" else self._remotes[-1:]:
            for said, is_own in self._said:
                if key in said.get(remote, {}):
                    return None if is_own else value
        return None

    @cached_property
    def _remotes(self) -> list[str]:
        """The remote, and those that its URL refers to: what one says hides what the next one says."""
        found, following = list[str](), self._remote.lower()
        while following and following not in found:
            found.append(following)
            urls = (said.get(following, {}).get("url") for said, _ in self._said)
            following = base_of(next(filter(None, urls), "")) or ""
        return found

    @cached_property
    def _said(self) -> list[tuple[Mapping[str, Mapping[str, str]], bool]]:
        """What each file of DVC's configuration says of each remote, and whether it is the user's; the first one that
        names an option decides."""
        local = remotes_of(f"{self._root}/.dvc/config.local")
        shared = remotes_of(f"{self._root}/.dvc/config")
        own = [(remotes_of(file), True) for file in reversed(user_files())]
        return [(local, bool(local) and self.has_own_local_file), (shared, False), *own]

    @cached_property
    def has_own_local_file(self) -> bool:
        """Whether `.dvc/config.local` is this user's: it did not come with the clone, and nobody else owns it."""
        path = os.path.realpath(self._root / ".dvc" / "config.local")
        return _is_owned(path) and not is_from_clone(self._repo, path) and not self._is_behind_a_link_of_the_clone()

    def _is_behind_a_link_of_the_clone(self) -> bool:
        top = os.path.realpath(self._repo.top)
        links = [path for path in (self._root / ".dvc", self._root / ".dvc" / "config.local") if path.is_symlink()]
        return any(is_tracked(self._repo, os.path.relpath(path.parent.resolve() / path.name, top)) for path in links)

    def check_files(self) -> None:
        """Refuse files of settings that the clone brings, or that somebody else may have written."""
        for key in PROGRAMS:
            if value := self._options.get(key):
                self._check_settings(key, value)

    def _check_settings(self, key: str, value: str) -> None:
        path = aws_path(value)
        why = self._mistrusted(path, is_brought=self.brought(key) is not None)
        if why is not None:
            what = f"{key} of remote {self._remote} {why}, and could make AWS run a program"
            raise self._refusal(key, "A-FILE-OF-YOUR-OWN-ELSEWHERE", what, path)

    def _mistrusted(self, path: str, *, is_brought: bool) -> str | None:
        """Why a file of AWS's settings is not used; None where it may be."""
        is_lexical = ".." not in path.split(os.sep)  # else a link could lead anywhere from there
        if is_lexical and any(path.startswith(f"{home}{os.sep}") for home in _own_folders()):
            return None
        real = Path(os.path.realpath(path))
        if real.is_relative_to(os.path.realpath(self._repo.top)):
            return "lies in the repository"
        if not is_brought:
            return None
        home = Path(os.path.realpath(os.path.expanduser("~")))
        if any((folder / ".git").exists() for folder in real.parents if folder != home):
            return "lies in a Git repository"
        return None if _is_owned(real) else "belongs to another user"

    def check_certificates(self) -> None:
        """Whoever names the certificates that are believed could read what goes over https."""
        value = self.brought("ssl_verify")
        if value is None or value.lower() in ("true", "yes", "1", "on"):
            return
        path = os.path.realpath(value)  # opened as it is written, from the current folder
        is_off = value.lower() in ("false", "no", "0", "off")
        if not is_off and os.path.isabs(value) and self._mistrusted(value, is_brought=True) is None:
            return
        what = f"ssl_verify of remote {self._remote} comes with the repository, so nothing proves who the server is"
        setting = "false" if is_off else path
        raise self._refusal("ssl_verify", setting, what, f"{self._root}/.dvc/config")

    def _refusal(self, key: str, value: str, what: str, where: str) -> CPVError:
        fix = f"dvc remote modify --local {shell_word(self._remote)} {key} {shell_word(value)}"
        return CPVError(what, where=where, fix=fix)


def _own_folders() -> list[str]:
    return [os.path.abspath(os.path.expanduser("~/.aws")), os.path.abspath(cpv_home())]


def _is_owned(path: str | Path) -> bool:
    """Whether a file is this user's or root's, and nobody else may write to it; one that is not there is."""
    try:
        status = os.stat(path)
    except OSError:
        return True
    return status.st_uid in (os.geteuid(), 0) and not status.st_mode & stat.S_IWOTH


def is_from_clone(repo: Repo, path: str) -> bool:
    """Whether Git brought a file of the work tree: this repository tracks it, or one inside it may."""
    top = Path(os.path.realpath(repo.top))
    if not Path(path).is_relative_to(top):
        return False
    inner = [folder for folder in Path(path).parents if folder != top and folder.is_relative_to(top)]
    if any((folder / ".git").exists() for folder in inner):
        return True
    return is_tracked(repo, os.path.relpath(path, top))


def is_tracked(repo: Repo, path: str) -> bool:
    """Whether Git's index has a file or link, by its path from the top."""
    return repo.ok("--literal-pathspecs", "ls-files", "--error-unmatch", "--", path)
