"""`~/.cpv`, the personal folder: what stands in it is the user's alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError, disk_errors, shell_path
from cpv_hooks.state_files import cpv_home

FOLDER_MODE, FILE_MODE = 0o700, 0o600


def private_folder(path: Path) -> Path:
    """Make a folder, or tighten the one that is there, so that only the user can look into it (0700)."""
    path.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    if path.stat().st_mode & 0o7777 != FOLDER_MODE:
        path.chmod(FOLDER_MODE)
    return path


@contextmanager
def changing(say: str) -> Iterator[Path]:
    """Hold the lock on the personal folder, and give the folder."""
    from cpv_hooks.system.locks import locked

    with disk_errors(cpv_home(), by_name=True):
        folder = private_folder(cpv_home())
        with locked(folder / state_files.CONFIG_LOCK, wait=True, say=say):
            yield folder


def link_credentials(path: str | os.PathLike[str]) -> Path:
    """Let `~/.cpv/aws_credentials` be a symbolic link to a credentials file, and return the link.

    A link that is there is replaced in one step. Raises `CPVError` where something else stands in its place, or `path`
    is no file that can be read.
    """
    target = Path(os.path.abspath(os.path.expanduser(path)))
    with changing("linking the AWS credentials") as folder:
        link = folder / state_files.CREDENTIALS
        if os.path.lexists(link) and not link.is_symlink():
            what = "not a symbolic link; CPV does not overwrite it"
            raise CPVError(what, where=str(link), fix=f"mv {shell_path(link)} elsewhere")
        _check_target(target, link)
        from cpv_hooks.system.atomic_files import beside

        temporary = beside(folder / state_files.CREDENTIALS)
        os.symlink(target, temporary)
        try:
            os.replace(temporary, link)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    return link


def _check_target(target: Path, link: Path) -> None:
    fix = "name the file that has your AWS access keys"
    if target == link:
        raise CPVError("a link to itself", where=str(target), fix=fix)
    if not target.exists():
        raise CPVError("no such file", where=str(target), fix=fix)
    if not target.is_file():
        raise CPVError("not a file", where=str(target), fix=fix)
    if not os.access(target, os.R_OK):
        raise CPVError("cannot be read", where=str(target), fix=f"chmod u+r {shell_path(target)}")
