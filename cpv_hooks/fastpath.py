"""What lets a hook decide in `sh`, without Python, that there is nothing to do.

After a sync that found everything in agreement, two files stand in CPV's state: `stamp`, whose mtime is the file
system's time just before that sync looked, and `watch`, shell functions that ask `find` whether anything which
matters has a ctime after the stamp. A rename, `cp -p` or `touch -d` cannot fake a ctime. Anything else than a clean
answer starts Python.
"""

from __future__ import annotations

import json
import os
import posixpath
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks.artifacts import Found
from cpv_hooks.durable import write_atomic
from cpv_hooks.git import Repo
from cpv_hooks.project import Project

if TYPE_CHECKING:
    from cpv_hooks.sync import Outcome

_GLOB = frozenset("*?[")
_TEMPLATE = """\
# Written by CPV after every sync that found all in agreement; removed when that is no longer sure.
cpv_changed() {{
    find -L {roots} \\( ! -name . -o -prune \\) -cnewer "$1" -print -quit
}}
cpv_unstaged() {{
    git -c core.fsmonitor=false ls-files --modified --others -- {pointers}
}}
cpv_pointers={listing}
"""


def remember(repo: Repo, projects: list[Project], found: Found, outcomes: Iterable[Outcome], started: int) -> None:
    """Note that everything agreed at `started`, in nanoseconds of the file system's clock."""
    absent = {outcome.path for outcome in outcomes if outcome.state in ("absent", "removed")}
    deep = [pointer.path for _, pointer in found.pointers if pointer.path not in absent]
    files = sorted({pointer.file for _, pointer in found.pointers})
    shallow: set[str] = {posixpath.dirname(path) for path in absent}
    for project in projects:
        shallow |= _folders_of_patterns(repo, project)
        deep += _settings(repo, project)
    shallow.discard("")
    roots = [_argument(path) for path in [*deep, *files]]
    roots += [shlex.quote(f"./{folder}/.") for folder in sorted(shallow) if (repo.top / folder).is_dir()]
    if any(not posixpath.dirname(path) for path in absent) or _top_is_watched(projects, repo):
        roots.append("./.")
    literals = [shlex.quote(f":(literal){file}") for file in files] or ["':(literal).cpv.toml'"]
    text = _TEMPLATE.format(roots=" ".join(roots), pointers=" ".join(literals), listing=shlex.quote("\n".join(files)))
    write_atomic(repo.state / "watch", os.fsencode(text))
    stamp = repo.state / "stamp"
    stamp.touch()
    # `find -cnewer` is a strict comparison, and a change in the same tick as `started` must count.
    os.utime(stamp, ns=(started - 1, started - 1))


def forget(repo: Repo) -> None:
    """Let the next hook look again."""
    (repo.state / "stamp").unlink(missing_ok=True)


def known_roots(repo: Repo) -> list[Path]:
    """The DVC roots that were ever synced in this work tree."""
    try:
        return [Path(root) for root in json.loads((repo.state / "projects.json").read_bytes())]
    except (OSError, ValueError):
        return []


def _argument(path: str) -> str:
    return shlex.quote(f"./{path}")


def _settings(repo: Repo, project: Project) -> list[str]:
    """Files whose change may change what the artifacts are; DVC's lock, because every DVC command touches it."""
    names = (".cpv.toml", ".dvcignore", "dvc.yaml", ".dvc/config", ".dvc/config.local", ".dvc/tmp/lock")
    return [project.prefix + name for name in names if (project.root / name).exists()]


def _folders_of_patterns(repo: Repo, project: Project) -> set[str]:
    """Folders in which something that `.cpv.toml` names, and that is not there yet, may appear."""
    found: set[str] = set()
    for patterns in project.config.artifacts.values():
        for pattern in patterns:
            if not _GLOB & set(pattern) and (project.root / pattern).exists():
                continue
            parent = posixpath.dirname(pattern)
            folders = project.root.glob(parent) if _GLOB & set(parent) else [_nearest(project.root, parent)]
            found.update(
                posixpath.join(project.prefix, folder.relative_to(project.root).as_posix())
                for folder in folders
                if folder.is_dir()
            )
    return {folder.removesuffix(".").rstrip("/") for folder in found}


def _nearest(root: Path, folder: str) -> Path:
    """The folder, or the closest one above it that exists."""
    path = root / folder
    while path != root and not path.is_dir():
        path = path.parent
    return path


def _top_is_watched(projects: list[Project], repo: Repo) -> bool:
    return any("" in _folders_of_patterns(repo, project) for project in projects)
