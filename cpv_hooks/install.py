"""Installing CPV into a repository's Git, beside what is there, and taking it out again without a trace.

Everything that is changed is written to a manifest (`install.json` in CPV's shared state) before it is changed, with
what stood there before; `uninstall` works from the manifest alone, and so does the `uninstall` shell script beside
it, for the day when CPV itself is gone.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from cpv_hooks.durable import write_atomic
from cpv_hooks.errors import CPVError
from cpv_hooks.git import Repo
from cpv_hooks.manifest import ATTRIBUTES, CHAINED, EXCLUDED, Manifest
from cpv_hooks.precommit import note_stages
from cpv_hooks.project import Project
from cpv_hooks.shims import (
    FOREIGN_HOOKS,
    FSMONITOR,
    FSMONITOR_FILE,
    HOOKS,
    Interpreter,
    is_ours,
    is_pre_commits,
    pass_through,
    render,
)
from cpv_hooks.uninstall import write_script


def install(repo: Repo) -> list[str]:
    """Install hooks, live status, the merge driver and `push.followTags`; returns lines that say what was done.

    Repeating it changes nothing but brings shims up to date. Raises `CPVError` where a foreign hook cannot be chained.
    """
    before = Manifest.load(repo)
    manifest = before or Manifest()
    lines = _install_hooks(repo, manifest)
    lines += _install_live_status(repo, manifest)
    _set_config(repo, manifest, "push.followTags", "true", keep=True)
    _set_config(repo, manifest, "merge.dvc.name", "DVC merge driver")
    python = shlex.quote(sys.executable)
    _set_config(
        repo, manifest, "merge.dvc.driver", f"{python} -m dvc git-hook merge-driver --ancestor %O --our %A --their %B"
    )
    _add_lines(repo, manifest, repo.common_dir / "info" / "attributes", list(ATTRIBUTES))
    _add_lines(repo, manifest, repo.common_dir / "info" / "exclude", list(EXCLUDED))
    manifest.save(repo)
    write_script(repo, manifest)
    repo.state.mkdir(parents=True, exist_ok=True)
    note_stages(repo)
    return lines


def hooks_dir(repo: Repo) -> Path:
    """Where Git looks for hooks now."""
    return Path(os.path.normpath(repo.top / repo.run("rev-parse", "--git-path", "hooks").strip()))


def _install_hooks(repo: Repo, manifest: Manifest) -> list[str]:
    foreign = _foreign_hooks_path(repo, manifest)
    own = repo.shared / "hooks"
    folder = own if foreign else hooks_dir(repo)
    manifest.hooks_dir = str(folder)
    manifest.hooks = sorted({*manifest.hooks, *HOOKS, FSMONITOR_FILE})
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for name in HOOKS:
        # With core.hooksPath the tool that owns that folder rewrites it as it likes; its hooks stay untouched there.
        chained = foreign / name if foreign else _set_aside(folder, name, manifest)
        if chained and chained.exists():
            lines.append(f"{name}: also runs {chained}")
    manifest.save(repo)
    for name in HOOKS:
        aside = foreign / name if foreign else folder / (name + CHAINED)
        _write_shim(
            folder / name,
            render(name, aside if foreign or aside.exists() else None, Interpreter.current(), manifest.identity),
        )
    if foreign:
        _pass_through(own, foreign, manifest)
        _set_config(repo, manifest, "core.hooksPath", str(own))
    return [f"hooks installed in {folder}", *lines]


def _pass_through(own: Path, foreign: Path, manifest: Manifest) -> None:
    """Let the hooks that CPV does not know run from where they are, now or when the other tool adds them."""
    for name in FOREIGN_HOOKS:
        text = pass_through(foreign / name, manifest.identity)
        _write_shim(own / name, text)
    manifest.hooks = sorted({*manifest.hooks, *FOREIGN_HOOKS})


def _foreign_hooks_path(repo: Repo, manifest: Manifest) -> Path | None:
    """The folder that `core.hooksPath` named before us; None where Git uses its own."""
    own = str(repo.shared / "hooks")
    now = repo.config("core.hooksPath")
    if now and os.path.normpath(repo.top / now) != own:
        manifest.config.pop("core.hooksPath", None)
        return Path(os.path.normpath(repo.top / os.path.expanduser(now)))
    former = manifest.config.get("core.hooksPath")
    if now and former is None and "core.hooksPath" in manifest.config:
        # It was set for all repositories of this user; ask what they would have without us.
        former = repo.run("config", "--global", "--get", "core.hooksPath", check=False).strip() or None
    return Path(os.path.normpath(repo.top / os.path.expanduser(former))) if now and former else None


def _set_aside(folder: Path, name: str, manifest: Manifest) -> Path | None:
    """Rename a foreign hook so that our shim can take its place and call it; returns where it is."""
    hook, aside = folder / name, folder / (name + CHAINED)
    legacy = folder / f"{name}.legacy"
    if is_ours(legacy):
        # pre-commit was installed over us and keeps us as its older hook; we go in front again.
        legacy.unlink()
    if os.path.lexists(hook) and not is_ours(hook):
        if os.path.lexists(aside) and not is_pre_commits(aside):
            raise CPVError(
                f"another hook is set aside already, as {aside.name}",
                where=str(hook),
                fix=f"merge the two by hand, remove {aside}",
            )
        os.replace(hook, aside)
    if os.path.lexists(aside):
        manifest.chained = sorted({*manifest.chained, name})
        return aside
    return None


def _write_shim(path: Path, text: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8", errors="replace") == text:
        return
    write_atomic(path, text.encode(), mode=0o777)


def _install_live_status(repo: Repo, manifest: Manifest) -> list[str]:
    """`core.fsmonitor`, unless another one is there or the repository does not want it."""
    path = Path(manifest.hooks_dir) / FSMONITOR_FILE
    _write_shim(path, render(FSMONITOR, None, Interpreter.current(), manifest.identity))
    present = repo.config("core.fsmonitor")
    ours = present is not None and os.path.basename(present) == FSMONITOR_FILE
    if not all(project.config.live for project in Project.find_all(repo)):
        if ours:
            _unset_config(repo, manifest, "core.fsmonitor")
        return ["live status is off ([status] live = false): artifacts are looked at when you commit"]
    if present and not ours and present.lower() not in ("false", "no", "0"):
        return [f"live status is off: core.fsmonitor is {present}; artifacts are looked at when you commit"]
    _set_config(repo, manifest, "core.fsmonitor", str(path))
    return []


def _set_config(repo: Repo, manifest: Manifest, key: str, value: str, *, keep: bool = False) -> None:
    """Set a local key, noting what it was; with `keep` a value that the user chose stays."""
    local = repo.run("config", "--local", "--get", key, check=False).rstrip("\n") or None
    if local == value or (keep and repo.config(key) is not None):
        return
    if key not in manifest.config:
        manifest.config[key] = local
        manifest.save(repo)
    repo.run("config", "--local", "--replace-all", key, value)


def _unset_config(repo: Repo, manifest: Manifest, key: str) -> None:
    former = manifest.config.pop(key, None)
    repo.run(
        "config", "--local", *(["--unset-all", key] if former is None else ["--replace-all", key, former]), check=False
    )


def _add_lines(repo: Repo, manifest: Manifest, path: Path, wanted: list[str]) -> None:
    text = path.read_text(encoding="utf-8") if path.exists() else None
    missing = [line for line in wanted if line not in (text or "").splitlines()]
    if not missing:
        return
    manifest.files.setdefault(str(path), text)
    manifest.save(repo)
    gap = "" if not text or text.endswith("\n") else "\n"
    write_atomic(path, ((text or "") + gap + "".join(f"{line}\n" for line in missing)).encode())
