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

from cpv_hooks.dvcformat.dvc_config import names_said
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
        if key in self._local_names:
            return None if self.has_own_local_file else value
        return value if key in self._shared_names else None

    @cached_property
    def _local_names(self) -> frozenset[str]:
        return names_said(f"{self._root}/.dvc/config.local", self._remote)

    @cached_property
    def _shared_names(self) -> frozenset[str]:
        return names_said(f"{self._root}/.dvc/config", self._remote)

    @cached_property
    def has_own_local_file(self) -> bool:
        """Whether `.dvc/config.local` is this user's: it did not come with the clone, and nobody else owns it."""
        path = os.path.realpath(self._root / ".dvc" / "config.local")
        return _is_owned(path) and not is_from_clone(self._repo, path)

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
    return repo.ok("--literal-pathspecs", "ls-files", "--error-unmatch", "--", os.path.relpath(path, top))
