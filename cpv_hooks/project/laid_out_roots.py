"""DVC roots that a commit has and the work tree lacks, laid out below CPV's state for as long as a push looks at them.

Each push has a folder and a lock of its own. DVC's private settings are among what is laid out, so the folder goes as
soon as the push has ended; that of a push which was killed goes at the next sync.
"""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.dvcformat.dvc_config_files import as_meant_at, dvc_config_text, private_settings
from cpv_hooks.errors import CPVError, shell_path
from cpv_hooks.git.objects import objects_of
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.config import FILE
from cpv_hooks.project.left_out import SETTINGS
from cpv_hooks.project.project import Project
from cpv_hooks.system.atomic_files import make_folder, write_atomic
from cpv_hooks.system.locks import lock_at_once

_MOST = 64
"""As many pushes of one work tree at once."""


@contextmanager
def laid_out(repo: Repo, tips: Iterable[str], prefixes: Sequence[str]) -> Iterator[list[Project]]:
    """The managed roots that these commits have in these places.

    They publish what the commits say, with the cache and the private settings that lie where the root has its place.
    """
    clear(repo)
    found: dict[str, Project] = {}
    with ExitStack() as stack:
        top: Path | None = None
        for tip in tips:
            for prefix in (prefix for prefix in prefixes if prefix not in found):
                texts = [_blob_text(repo, f"{tip}:{prefix}{name}") for name in SETTINGS]
                if all(texts):
                    top = top or stack.enter_context(_folder(repo))
                    found[prefix] = _lay_out(repo, top, prefix, *texts)
        yield list(found.values())


def _blob_text(repo: Repo, name: str) -> str:
    found = objects_of(repo).read(name)
    return os.fsdecode(found.data or b"") if found is not None and found.kind == "blob" else ""


def clear(repo: Repo) -> None:
    """Remove what pushes left that were killed."""
    folder = repo.state / state_files.ROOTS
    with suppress(FileNotFoundError):
        for path in sorted(folder.iterdir()):
            name = path.name.removesuffix(state_files.LOCKED)
            if not name.isdigit():
                # Of an older CPV, which had them here itself.
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
            elif (descriptor := lock_at_once(folder / f"{name}{state_files.LOCKED}")) is not None:
                _remove(folder / name)
                os.close(descriptor)
        folder.rmdir() if not any(folder.iterdir()) else None


def _remove(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.with_name(f"{place.name}{state_files.LOCKED}").unlink(missing_ok=True)


@contextmanager
def _folder(repo: Repo) -> Iterator[Path]:
    """A folder that no other process has; the lock says that somebody does."""
    folder = repo.state / state_files.ROOTS
    for number in range(_MOST):
        make_folder(folder)
        descriptor = lock_at_once(folder / f"{number}{state_files.LOCKED}")
        if descriptor is not None:
            break
    else:
        raise CPVError("no file in it can be locked", where=str(folder), fix=f"rm -r {shell_path(folder)}")
    # Should this process be killed, no shim may pass over what it leaves.
    (repo.state / state_files.STAMP).unlink(missing_ok=True)
    try:
        yield folder / str(number)
    finally:
        _remove(folder / str(number))
        os.close(descriptor)
        with suppress(OSError):  # another push has one
            folder.rmdir()


def _lay_out(repo: Repo, top: Path, prefix: str, settings: str, config: str) -> Project:
    from configobj import ConfigObj  # type: ignore[import-untyped]

    home = repo.top / prefix / ".dvc"
    there = Repo(top, repo.git_dir, repo.common_dir)
    root = top / posixpath.normpath(prefix) if prefix else top
    write_atomic(root / FILE, os.fsencode(settings))
    public = as_meant_at(home, ConfigObj(config.splitlines(), encoding="utf-8"))
    private = private_settings(home)
    if not any("dir" in table.get("cache", {}) for table in (public, private)):
        private.setdefault("cache", {})["dir"] = str(home / "cache")
    for name, table in (("config", public), ("config.local", private)):
        write_atomic(root / ".dvc" / name, dvc_config_text(table), mode=0o600)
    return Project.open(there, root)
