"""Whether Git still runs CPV's hooks: another hook manager, or the user, may have put something else in their place.

Husky sets `core.hooksPath` again at every `npm install`, lefthook renames the hooks that it finds. Nothing of ours runs
then but the fsmonitor query, `dvc cpv`, and the hooks that were left. Each of them says so, and a mark stays until what
was missed is made up for (`sync`, `install`, or the next commit whose hooks run).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.console.output import warn
from cpv_hooks.errors import CPVError
from cpv_hooks.git.hook_names import FRAMEWORKS, HOOKS, MARK, STAGES
from cpv_hooks.git.repo import Repo
from cpv_hooks.system.atomic_files import write_atomic

INSTALL = "dvc cpv install"
OURS = ("cpv-hook ", "id: cpv-", 'id = "cpv-')
"""How a configuration of pre-commit's or prek's runs CPV: as a local hook, or from CPV as a source of hooks."""


def check_hooks(repo: Repo) -> bool:
    """Say it where Git does not run CPV's hooks, or did not and nobody has made up for it; whether all is well.

    As long as nothing has changed this is a few calls of `stat`.
    """
    installed = installed_in(repo)
    if installed is None:
        return True
    mark, before = repo.shared / state_files.BYPASSED, _signature(repo, installed)
    if not mark.exists() and read_small_file(repo.shared / state_files.HOOKS_SEEN) == before:
        return True
    faults = list(_faults(repo, installed))
    for fault in faults:
        warn(str(fault))
    if faults:
        write_atomic(mark, b"")
        return False
    if mark.exists():
        what = "CPV's hooks did not run for a while: versions may lack their tag, and pushes their data"
        warn(str(CPVError(what, where=str(repo.top), fix="dvc cpv sync")))
        return False
    write_atomic(repo.shared / state_files.HOOKS_SEEN, os.fsencode(before))
    return True


def note_in_place(repo: Repo) -> None:
    """Note, after an installation, what the files are that decide which hooks run."""
    installed = installed_in(repo)
    if installed is not None and not were_bypassed(repo):
        write_atomic(repo.shared / state_files.HOOKS_SEEN, os.fsencode(_signature(repo, installed)))


def in_place(repo: Repo) -> bool:
    """Whether Git runs CPV's hooks now."""
    installed = installed_in(repo)
    return installed is None or not any(True for _ in _faults(repo, installed))


def were_bypassed(repo: Repo) -> bool:
    """Whether hooks are, or were, bypassed and nobody has made up for it."""
    return (repo.shared / state_files.BYPASSED).exists()


def note_bypassed(repo: Repo) -> None:
    """Note, before hooks are put in place again, that Git did not run them."""
    if not in_place(repo):
        write_atomic(repo.shared / state_files.BYPASSED, b"")


def made_up(repo: Repo) -> None:
    """Forget that hooks were bypassed, where they are in place again."""
    if in_place(repo):
        (repo.shared / state_files.BYPASSED).unlink(missing_ok=True)


def runs_cpv(hook: Path) -> bool:
    """Whether a hook file is CPV's, or that of pre-commit or prek, which call CPV's."""
    head = head_of_file(hook)
    if MARK in head:
        return is_shim(hook)
    if hook.name not in STAGES or not any(mark in head for mark in FRAMEWORKS):
        return False
    legacy = hook.with_name(f"{hook.name}.legacy")
    return MARK in head_of_file(legacy) and os.access(legacy, os.X_OK)


def is_shim(hook: Path) -> bool:
    """Whether a hook file is CPV's own, and Git can run it."""
    return MARK in head_of_file(hook) and os.access(hook, os.X_OK)


def hooks_folder(repo: Repo) -> Path:
    """Where Git looks for hooks now."""
    return Path(os.path.normpath(repo.top / repo.run("rev-parse", "--git-path", "hooks").strip()))


def _faults(repo: Repo, installed: Path) -> Iterator[CPVError]:
    now = hooks_folder(repo)
    lost = [name for name in HOOKS if not runs_cpv(now / name) and not by_framework(repo, now / name)]
    if not lost:
        return
    if os.path.realpath(now) != os.path.realpath(installed):
        what = "Git runs the hooks of this folder (core.hooksPath) and not CPV's"
        where = os.path.relpath(now, repo.top) if now.is_relative_to(repo.top) else str(now)
        yield CPVError(f"{what}: commits are not versioned and pushes not checked", where=where, fix=INSTALL)
        return
    others = [name for name in lost if MARK not in head_of_file(now / name)]
    dead = [name for name in lost if name not in others]
    gone = [name for name in others if not os.path.lexists(now / name)]
    for names, why in (
        ([name for name in others if name not in gone], "another tool's hook took its place"),
        (gone, "the hook was removed"),
        (dead, "the hook is not executable"),
    ):
        if names:
            yield CPVError(f"CPV does not run at {', '.join(names)}: {why}", where=str(now), fix=INSTALL)


def by_framework(repo: Repo, hook: Path) -> Path | None:
    """The configuration by which pre-commit, or prek, runs CPV for this hook; None where neither does."""
    head = head_of_file(hook) if hook.name in STAGES else ""
    names = next((names for mark, (_, *names) in FRAMEWORKS.items() if mark in head), [])
    config = next((repo.top / name for name in names if (repo.top / name).is_file()), None)
    text = (config and read_small_file(config)) or ""
    return config if any(word in text for word in OURS) else None


def installed_in(repo: Repo) -> Path | None:
    """Where CPV's hooks were put; None where they were not, or nobody can tell."""
    try:
        return repo.common_dir / str(state_files.read_json(repo.shared / state_files.INSTALL)["hooks_dir"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _signature(repo: Repo, installed: Path) -> str:
    return "\n".join(_stamp(path) for path in (*deciding_files(repo), *(installed / name for name in HOOKS)))


def deciding_files(repo: Repo) -> list[Path]:
    """What decides which hooks Git runs: its settings, the record of the installation, the folder of the hooks.

    Whether they exist or not; none where CPV is not installed.
    """
    folder = installed_in(repo)
    if folder is None:
        return []
    home = Path(os.environ.get("HOME", "/"))
    personal = os.environ.get("GIT_CONFIG_GLOBAL")
    other = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config", "git", "config")
    settings = [repo.common_dir / "config", repo.git_dir / "config.worktree", Path("/etc/gitconfig")]
    settings += [Path(personal)] if personal else [home / ".gitconfig", other]
    return [*settings, repo.shared / state_files.INSTALL, folder]


def _stamp(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return f"{path} -"
    return f"{path} {found.st_ino} {found.st_size} {found.st_ctime_ns} {found.st_mode:o}"


def head_of_file(path: Path) -> str:
    """The first 2,000 bytes of a file as text; empty where it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read(2000).decode("utf-8", "replace")
    except OSError:
        return ""


def read_small_file(path: Path) -> str | None:
    """A small file, or None where it cannot be read."""
    try:
        return state_files.read_bytes(path).decode("utf-8", "replace")
    except OSError:
        return None
