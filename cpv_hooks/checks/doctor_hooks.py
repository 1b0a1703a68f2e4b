"""The part of `dvc cpv doctor` that looks at what `dvc cpv install` put into the repository."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.console.check_result import Check
from cpv_hooks.errors import CPVError
from cpv_hooks.git import hooks_in_place
from cpv_hooks.git.hook_names import HOOKS
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.setup.install.shims import FSMONITOR_FILE, is_daemon, is_fsmonitor, is_off, is_our_shim, stamped

INSTALL = "dvc cpv install"


def hooks(repo: Repo) -> Iterator[Check]:
    """Where Git looks for hooks, and whether each one is CPV's."""
    folder = hooks_in_place.hooks_folder(repo)
    path = repo.config("core.hooksPath")
    if path:
        yield _hooks_path(repo, path)
    for name in HOOKS:
        hook = folder / name
        if is_our_shim(hook) and not os.access(hook, os.X_OK):
            yield Check(f"hook {name}", "fail", f"{hook} is not executable, so Git ignores it", INSTALL)
        elif is_our_shim(hook):
            yield Check(f"hook {name}", "ok", "installed")
        elif hooks_in_place.runs_cpv(hook) or hooks_in_place.by_framework(repo, hook):
            yield Check(f"hook {name}", "warn", "run by pre-commit, which is slower", INSTALL)
        elif os.path.lexists(hook):
            yield Check(f"hook {name}", "fail", f"{hook} is another tool's and does not run CPV", INSTALL)
        else:
            yield Check(f"hook {name}", "fail", "missing", INSTALL)


def _hooks_path(repo: Repo, path: str) -> Check:
    folder, own = hooks_in_place.hooks_folder(repo), hooks_in_place.installed_in(repo)
    if folder == repo.shared / state_files.HOOKS:
        return Check("core.hooksPath", "ok", "CPV's folder, which calls the hooks that were there")
    if not folder.is_relative_to(repo.top) and not folder.is_relative_to(repo.common_dir):
        return Check("core.hooksPath", "warn", f"{path} is outside this repository, other repositories use it", INSTALL)
    if own is not None and os.path.realpath(folder) != os.path.realpath(own):
        shown = os.path.relpath(own, repo.top) if own.is_relative_to(repo.top) else own
        return Check("core.hooksPath", "fail", f"{path} (CPV's hooks are in {shown})", INSTALL)
    return Check("core.hooksPath", "ok", path)


def interpreter(repo: Repo) -> Iterator[Check]:
    """Whether the Python and the package that the shims name still exist."""
    folder = hooks_in_place.hooks_folder(repo)
    stamps = {stamp for name in (*HOOKS, FSMONITOR_FILE) if (stamp := stamped(folder / name)) is not None}
    for stamp in sorted(stamps, key=lambda stamp: (stamp.python, stamp.package)):
        if not os.access(stamp.python, os.X_OK):
            yield Check("interpreter", "fail", f"the hooks start {stamp.python}, which is gone", INSTALL)
        elif not (Path(stamp.package) / "__main__.py").is_file():
            yield Check("interpreter", "fail", f"the hooks need {stamp.package}, which is gone", INSTALL)
        else:
            yield Check("interpreter", "ok", stamp.python)


def live_status(repo: Repo) -> Iterator[Check]:
    """`core.fsmonitor`, which makes `git status` see artifacts."""
    name = "live status"
    present = _fsmonitor(repo)
    try:
        wanted = all(project.config.live for project in Project.find_all(repo))
    except CPVError:
        return  # the settings' own check tells
    if is_fsmonitor(present):
        by_path = os.path.basename(present) == FSMONITOR_FILE
        own = hooks_in_place.installed_in(repo) or hooks_in_place.hooks_folder(repo)
        path = Path(os.path.normpath(repo.top / present)) if by_path else own / FSMONITOR_FILE
        sound = is_our_shim(path) and os.access(path, os.X_OK)
        yield (
            Check(name, "ok", "on")
            if sound
            else Check(name, "fail", f"core.fsmonitor names {path}, which is gone", INSTALL)
        )
    elif not wanted:
        yield Check(name, "ok", "off, as [status] live says")
    elif is_off(present):
        yield Check(name, "warn", "off: git status does not see artifacts until a commit", INSTALL)
    else:
        # A hook is asked by CPV's; Git's own daemon is not.
        fix = f"git config core.fsmonitor false && {INSTALL}" if is_daemon(present) else INSTALL
        yield Check(name, "warn", f"off: core.fsmonitor is another tool's ({present})", fix)


def _fsmonitor(repo: Repo) -> str:
    """What the files say; our own calls switch it off on their command line."""
    values = repo.run("config", "--show-scope", "--get-all", "core.fsmonitor", check=False).splitlines()
    return next(
        (value for scope, _, value in (line.partition("\t") for line in reversed(values)) if scope != "command"), ""
    )
