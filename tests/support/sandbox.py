"""An environment in which nothing of the user's can be read or changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

REAL_HOME = Path.home()
# What a mistake would reach for. Folders that other programs write all the time (caches) are left out.
WATCHED = tuple(
    REAL_HOME / name
    for name in (".cpv", ".gitconfig", ".config/git", ".config/dvc", ".aws", ".ssh", ".local/share/dvc", ".netrc")
)
SCRUBBED = ("GIT_", "AWS_", "PRE_COMMIT", "_PRE_COMMIT", "DVC_", "CPV_", "XDG_", "BOTO", "PYTHONPATH", "PYTHONHOME")
KEPT = frozenset({"CPV_TEST_SHARED"})
GITCONFIG = """[user]
\tname = Ada Lovelace
\temail = ada@example.com
[init]
\tdefaultBranch = main
[protocol "file"]
\tallow = always
[gc]
\tauto = 0
"""

_opened: list[str] = []


def _audit(event: str, args: tuple[object, ...]) -> None:
    if event == "open" and isinstance(args[0], str) and args[0].startswith(_PREFIXES):
        _opened.append(args[0])


_PREFIXES = tuple(str(path) for path in WATCHED)


def watch() -> None:
    """Note from now on each opening, in this process, of a watched path."""
    sys.addaudithook(_audit)


def opened() -> list[str]:
    """What was opened of the watched paths since the last call."""
    found = _opened.copy()
    _opened.clear()
    return found


def signature() -> dict[str, tuple[int, int]]:
    """Size and modification time of what is watched, so that a subprocess's writes are seen too."""
    return {str(path): (stat.st_size, stat.st_mtime_ns) for path, stat in _stats()}


def _stats() -> Iterator[tuple[Path, os.stat_result]]:
    for top in WATCHED:
        for path in [top, *(top.rglob("*") if top.is_dir() else ())]:
            try:
                yield path, path.lstat()
            except OSError:
                continue


def scrubbed() -> dict[str, str]:
    """The process's environment without what would reach into a test."""
    return {key: value for key, value in os.environ.items() if key in KEPT or not key.startswith(SCRUBBED)}


def environment(folder: Path) -> dict[str, str]:
    """An empty home in `folder`, and the variables that lead every tool to it."""
    home = folder / "home"
    home.mkdir(parents=True)
    gitconfig = home / ".gitconfig"
    gitconfig.write_text(GITCONFIG)
    bin_folder = str(Path(sys.executable).parent)
    return {
        "HOME": str(home),
        "CPV_HOME": str(home / ".cpv"),
        # Repositories of tests name the test's own S3 server; the tests of the question ask without this.
        "CPV_TRUST": "all",
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "XDG_STATE_HOME": str(home / ".local/state"),
        "GIT_CONFIG_GLOBAL": str(gitconfig),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "AWS_EC2_METADATA_DISABLED": "true",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(home / "dvc-site-cache"),
        "DVC_SYSTEM_CONFIG_DIR": str(home / "dvc-system"),
        "PATH": os.pathsep.join([bin_folder, *_other_folders(bin_folder)]),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "COLUMNS": "160",
    }


def _other_folders(bin_folder: str) -> list[str]:
    return [folder for folder in os.environ["PATH"].split(os.pathsep) if folder != bin_folder]
