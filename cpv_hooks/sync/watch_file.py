"""What lets a hook decide in `sh`, without Python, that there is nothing to do.

After a sync that found everything in agreement, two files stand in CPV's state: `stamp`, whose mtime is the file
system's time just before that sync looked, and `watch`, shell functions that ask `find` whether anything which
matters has a ctime after the stamp. A rename, `cp -p` or `touch -d` cannot fake a ctime. Anything else than a clean
answer starts Python.
"""

from __future__ import annotations

import os
import posixpath
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cpv_hooks import state_files
from cpv_hooks.dvcformat.pointer import Pointer
from cpv_hooks.git.hooks_in_place import deciding_files
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import FILE as CONFIG
from cpv_hooks.project.project import Project, is_pattern
from cpv_hooks.system import signatures
from cpv_hooks.system.atomic_files import is_shared, write_atomic
from cpv_hooks.system.signatures import stamp

if TYPE_CHECKING:
    from cpv_hooks.sync.outcomes import Outcome
    from cpv_hooks.worktree.discovery import Found

_WRITTEN = state_files.STAMP_WRITTEN.removeprefix(state_files.STAMP)
_PATTERN, _ESCAPED = re.compile(r"[*?\[\\]"), r"\\\g<0>"
# What the one half finds makes an end of the look at the other.
_BESIDE = """\
find -L {half} -cnewer "$1" -print -quit &
    found=$(
        find -L {tops} -maxdepth 1 -cnewer "$1" -print -quit || echo failed
        {rest} || echo failed
    )
    [ -z "$found" ] || kill $! || :
    wait $! || found=failed
    printf %s "$found\""""
_TEMPLATE = """\
# Written by CPV after every sync that found all in agreement; removed when that is no longer sure.
cpv_changed() {{
    {{ {absent}; }} || {{ echo appeared; return; }}
    {looks}
}}
cpv_unstaged() {{
    git -c core.fsmonitor=false ls-files --modified --others -- {pointers}
}}
cpv_tracked={tracked}
cpv_added={added}
cpv_absent={restorable}
cpv_stages_all={stages_all}
cpv_id={identity}
"""


class Written(NamedTuple):
    """Pointer files that a sync itself wrote, and the file system's time (ns) at which they still said what it wrote.

    Against that time they are watched, and all else against the sync's own: what it wrote need not be looked at again.
    """

    files: frozenset[str] = frozenset()
    moment: int = 0


NOTHING_WRITTEN = Written()


def note_agreed(
    repo: Repo,
    projects: list[Project],
    found: Found,
    outcomes: Sequence[Outcome],
    started: int,
    written: Written = NOTHING_WRITTEN,
) -> None:
    """Note that everything agreed at `started`, in nanoseconds of the file system's clock.

    Not where hooks were bypassed: each query says so until that is made up for.
    """
    if (repo.shared / state_files.BYPASSED).exists():
        forget(repo)
        return
    text = _watch_text(repo, projects, found, outcomes, written)
    write_atomic(repo.state / state_files.WATCH, os.fsencode(text))
    _make_marks(repo)
    from cpv_hooks.system.network_disks import remembered

    # What another machine wrote so long ago may be seen only now.
    unseen = remembered(repo.top)
    if written.files:
        stamp(repo.state / state_files.STAMP_WRITTEN, written.moment - unseen)
    stamp(repo.state / state_files.STAMP, started - unseen)


def _watch_text(
    repo: Repo, projects: Sequence[Project], found: Found, outcomes: Sequence[Outcome], written: Written
) -> str:
    """The shell functions that ask whether anything of these artifacts has changed since."""
    restorable = any(outcome.state == "absent" and outcome.pointer and outcome.pointer.oid for outcome in outcomes)
    missing = {outcome.path for outcome in outcomes if outcome.state in ("absent", "left out", "removed")}
    files = sorted({pointer.file for _, pointer in found.pointers})
    # A pointer that was removed by hand: a checkout or a reset brings it back, and its artifact must follow.
    missing |= {file for file in set(found.listed.files).difference(files) if not (repo.top / file).exists()}
    tops, here, beside = _split(repo, [pointer for _, pointer in found.pointers if pointer.path not in missing])
    deep = here + files
    folders: set[str] = set()
    for project in projects:
        deep += [project.prefix + name for name in _SETTINGS if (project.root / name).exists()]
        missing |= _absent_names(project) | _absent_settings(project)
        folders |= _folders_of_globs(project)
    roots = [_argument(path) for path in deep] + [_argument(f"{folder}/.") for folder in sorted(folders)]
    deciding = {path: path.exists() for path in deciding_files(repo)}
    roots += [_outside(repo, path) for path, exists in deciding.items() if exists]
    absent = [_argument(path) for path in sorted(missing)]
    absent += [_outside(repo, path) for path, exists in deciding.items() if not exists]
    literals = [shlex.quote(f":(literal){file}") for file in files] or ["':(literal).cpv.toml'"]
    of = " ".join(roots) or "./.cpv.toml"
    look = f'find -L {of} \\( ! -name . -o -prune \\) -cnewer "$1"{_except_written(written, folders)} -print -quit'
    settings = {row for row in found.tracked if posixpath.basename(row[2:]) == CONFIG}
    return _TEMPLATE.format(
        absent=" && ".join([f"[ ! -e {path} ]" for path in absent] or [":"]),
        looks=_BESIDE.format(half=_arguments(beside), tops=_arguments(tops), rest=look) if beside else f"exec {look}",
        pointers=" ".join(literals),
        # What Git lists of its index, now and once all that was found has been added.
        tracked=shlex.quote("\n".join(found.tracked)),
        added=shlex.quote("\n".join(sorted({*(f"H {file}" for file in files), *settings}, key=os.fsencode))),
        restorable="yes" if restorable else "",
        stages_all="yes" if all(project.config.stage == "all" for project in projects) else "",
        # What a shim has found out since holds for this sync alone.
        identity=os.urandom(8).hex(),
    )


def _split(repo: Repo, pointers: Iterable[Pointer]) -> tuple[list[str], list[str], list[str]]:
    """What two processes look at side by side, as `Halves` has it; a large directory is split between them."""
    tops: list[str] = []
    here: list[str] = []
    beside: list[str] = []
    for pointer in pointers:
        files = pointer.nfiles or 0
        if files < signatures.MANY_FILES:
            here.append(pointer.path)
            continue
        from cpv_hooks.system.find_newer import halves

        split = halves(repo.top, pointer.path, files)
        tops += split.tops
        here += split.here
        beside += split.beside
    return tops, here, beside


def _make_marks(repo: Repo) -> None:
    """In a shared clone a shim, which knows no mode but that of its umask, writes into what is there."""
    if is_shared(str(repo.state)):
        for name in state_files.BY_SHIMS:
            if not (repo.state / name).exists():
                write_atomic(repo.state / name, b"")


def _except_written(written: Written, folders: Collection[str]) -> str:
    """What `find` asks of what is newer than the stamp: no pointer of ours, nor the folder of one whose names matter,
    or newer than their own stamp."""
    if not written.files:
        return ""
    above = {posixpath.dirname(file) or "." for file in written.files}
    paths = sorted(written.files) + [f"{folder}/." for folder in sorted(above.intersection(folders))]
    names = " -o ".join(f"-path {_argument(_PATTERN.sub(_ESCAPED, path))}" for path in paths)
    return f' \\( ! \\( {names} \\) -o -cnewer "$1{_WRITTEN}" \\)'


def is_sure(repo: Repo) -> bool:
    """Whether the last sync found, or left, everything in agreement."""
    return (repo.state / state_files.STAMP).exists()


def forget(repo: Repo) -> None:
    """Let the next hook look again."""
    (repo.state / state_files.STAMP).unlink(missing_ok=True)


def known_roots(repo: Repo) -> list[Path]:
    """The DVC roots that were ever synced in this work tree."""
    try:
        return [Path(root) for root in state_files.read_json(repo.state / state_files.PROJECTS)]
    except (OSError, ValueError):
        return []


def _arguments(paths: Sequence[str]) -> str:
    return " ".join(map(_argument, paths))


def _argument(path: str) -> str:
    return shlex.quote(f"./{path}")


def _outside(repo: Repo, path: Path) -> str:
    """A file of Git's own folder, from the top so that a repository can be moved, or one of the user's."""
    if path.is_relative_to(repo.common_dir) or path.is_relative_to(repo.top):
        return _argument(os.path.relpath(path, repo.top))
    return shlex.quote(str(path))


# Files whose change may change what the artifacts are; DVC's lock, because every DVC command touches it.
_SETTINGS = (".cpv.toml", ".dvcignore", "dvc.yaml", ".dvc/config", ".dvc/config.local", ".dvc/tmp/lock")


def _absent_settings(project: Project) -> set[str]:
    return {project.prefix + name for name in _SETTINGS if not (project.root / name).exists()}


def _patterns(project: Project) -> Iterator[str]:
    for patterns in project.config.artifacts.values():
        yield from patterns


def _absent_names(project: Project) -> set[str]:
    """What `.cpv.toml` names in full and is not there yet, and pointers that a stash may bring back."""
    names = (pattern for pattern in _patterns(project) if not is_pattern(pattern))
    files = (file for name in names for file in (name, f"{posixpath.normpath(name)}.dvc"))
    return {project.prefix + file for file in files if not (project.root / file).exists()}


def _folders_of_globs(project: Project) -> set[str]:
    """Folders in which something that a glob of `.cpv.toml` means may appear, and the nearest ones that exist."""
    found: set[Path] = set()
    for pattern in _patterns(project):
        if not is_pattern(pattern):
            continue
        parts = posixpath.dirname(pattern).split("/")
        for count in range(len(parts) + 1):
            parent = "/".join(parts[:count])
            folders = project.root.glob(parent) if is_pattern(parent) else [project.root / parent]
            found.update(folder for folder in folders if folder.is_dir())
    return {posixpath.normpath(project.prefix + folder.relative_to(project.root).as_posix()) for folder in found}
