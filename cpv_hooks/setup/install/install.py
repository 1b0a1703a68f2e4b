"""Installing CPV into a repository's Git, beside what is there, and taking it out again without a trace.

A transaction (`journal`): a kill at any step is undone by the next command. What stood there before is in a manifest
(`install.json` in CPV's shared state); `uninstall` works from it alone, and so does the `uninstall` shell script beside
it, for the day when CPV itself is gone.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError, one_line
from cpv_hooks.git import hooks_in_place
from cpv_hooks.git.git_version import check_git_version
from cpv_hooks.git.hook_names import FOREIGN_HOOKS, FSMONITOR, HOOKS
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project
from cpv_hooks.setup.install import own_paths
from cpv_hooks.setup.install.foreign_hooks import foreign_hooks_path
from cpv_hooks.setup.install.git_changes import Alterations, altering
from cpv_hooks.setup.install.manifest import (
    ATTRIBUTES,
    CHAINED,
    EXCLUDED,
    LINKS,
    Manifest,
    from_common,
)
from cpv_hooks.setup.install.precommit_config import note_stages
from cpv_hooks.setup.install.shims import (
    FSMONITOR_FILE,
    MERGE_DRIVER,
    Interpreter,
    fsmonitor_command,
    is_daemon,
    is_fsmonitor,
    is_off,
    is_our_shim,
    is_pre_commits,
    is_renewed,
    merge_driver_script,
    pass_through,
    render_shim,
    shims_set_aside,
)
from cpv_hooks.setup.install.uninstall import script_files
from cpv_hooks.system.atomic_files import make_folder


def install(repo: Repo) -> list[str]:
    """Install hooks, live status, the merge driver and `push.followTags`; returns lines that say what was done.

    Repeating it changes nothing but brings shims up to date. Raises `CPVError` where a foreign hook cannot be chained;
    then, and after a kill, all is as it was.
    """
    check_git_version(repo.top)
    with altering(repo, "installation") as alterations:
        lines = _Installation(repo, alterations, Manifest.load(repo) or Manifest()).run()
    make_folder(repo.state)
    note_stages(repo)
    hooks_in_place.note_in_place(repo)
    return lines


class _Installation(NamedTuple):
    """One installation: what it changes goes into the manifest, and is written ahead."""

    repo: Repo
    alterations: Alterations
    manifest: Manifest

    def run(self) -> list[str]:
        for key, former in self.manifest.config.items():
            if former:
                self.manifest.config[key] = own_paths.moved(self.repo, self.manifest, former)
        lines = self._hooks() + self._live_status()
        self.alterations.step("hooks")
        self._set("push.followTags", "true", keep=True)
        self._set("merge.dvc.name", "DVC merge driver")
        driver = merge_driver_script(Interpreter.current()).encode()
        self.alterations.write(self.repo.shared / state_files.MERGE_DRIVER, driver, mode=0o777)
        self._set("merge.dvc.driver", MERGE_DRIVER)
        self._add_lines(self.repo.common_dir / "info" / "attributes", ATTRIBUTES)
        self._add_lines(self.repo.common_dir / "info" / "exclude", EXCLUDED)
        self.alterations.step("settings")
        own_paths.note_places(self.repo, self.manifest)
        for name, data in script_files(self.repo, self.manifest).items():
            self.alterations.write(
                self.repo.shared / name, data, mode=0o777 if name == state_files.UNINSTALL else 0o666
            )
        self.alterations.write(self.repo.shared / state_files.UNINSTALLED, None)
        self.alterations.write(self.repo.shared / state_files.INSTALL, self.manifest.data())
        self.alterations.step("record")
        return lines

    def _hooks(self) -> list[str]:
        repo, manifest = self.repo, self.manifest
        named = foreign_hooks_path(repo, manifest, self.alterations.settings.get("core.hooksPath"))
        foreign = Path(os.path.normpath(repo.top / named)) if named else None
        own = repo.shared / state_files.HOOKS
        folder = own if foreign else hooks_in_place.hooks_folder(repo)
        before, manifest.hooks_dir = manifest.hooks_dir, from_common(repo, folder)
        # They serve again when Git looks there again.
        manifest.other_dirs = sorted({*manifest.other_dirs, before} - {"", manifest.hooks_dir})
        # What the shims made of the hooks that were there before; they make it again.
        for name in LINKS:
            shutil.rmtree(repo.common_dir / name, ignore_errors=True)
        manifest.hooks = sorted({*manifest.hooks, *HOOKS, FSMONITOR_FILE})
        make_folder(folder)
        lines = []
        if not foreign:  # the tool that owns that folder rewrites it as it likes; its hooks stay untouched there
            self._take_back(folder)
            for name in HOOKS:
                self._set_aside(folder, name)
        self.alterations.step("set hooks aside")
        for name in HOOKS:
            aside = foreign / name if foreign else folder / (name + CHAINED)
            is_there = os.path.lexists(aside)  # a link may lead to a hook that is set aside too
            if is_there:
                lines.append(f"{name}: also runs {aside}")
            word = self._word(aside, named) if named else f'"${{0%/*}}/{name}{CHAINED}"'
            self._write_shim(folder / name, self._shim(name, aside if foreign or is_there else None, word))
        if named and foreign:
            self._pass_through(foreign, named)
            self._set("core.hooksPath", str(own))
            if os.path.isabs(named) and not foreign.is_dir():
                fix = "git config core.hooksPath FOLDER && dvc cpv install"
                what = f"core.hooksPath named {foreign}, which is not a folder: its hooks do not run"
                lines.append(one_line(what, fix=fix))
        return [f"hooks installed in {folder}", *lines]

    def _shim(self, name: str, chained: Path | None, word: str | None = None) -> str:
        return render_shim(name, chained, Interpreter.current(), self.manifest.identity, word)

    def _word(self, hook: Path, named: str) -> str:
        """How a shim finds a hook of the folder that `core.hooksPath` named: by a relative path in each work tree, at
        whose top Git runs the shim, and by an absolute one in the same place for all of them."""
        top = self.repo.top
        if os.path.isabs(named):
            own = self.repo.shared / state_files.HOOKS
            return own_paths.word_from("0", own, hook) if own_paths.inside(self.repo, named) else shlex.quote(str(hook))
        return shlex.quote(f"./{hook.relative_to(top)}" if hook.is_relative_to(top) else str(hook))

    def _pass_through(self, foreign: Path, named: str) -> None:
        """Let the hooks that CPV does not know run from where they are, now or when the other tool adds them."""
        own = self.repo.shared / state_files.HOOKS
        for name in FOREIGN_HOOKS:
            self._write_shim(own / name, pass_through(self._word(foreign / name, named), self.manifest.identity))
        self.manifest.hooks = sorted({*self.manifest.hooks, *FOREIGN_HOOKS})

    def _take_back(self, folder: Path) -> None:
        """Where a manager was installed over us it keeps us as an older hook; we go in front again."""
        for path in (found for name in HOOKS for found in shims_set_aside(folder, name)):
            self.alterations.write(path, None)
        self.alterations.step("take older hooks back")

    def _set_aside(self, folder: Path, name: str) -> None:
        """Rename a foreign hook so that our shim can take its place and call it."""
        hook, aside = folder / name, folder / (name + CHAINED)
        is_foreign = os.path.lexists(hook) and not is_our_shim(hook)
        if is_foreign:
            if os.path.lexists(aside):
                self._give_up(hook, aside)
            self.alterations.move(hook, aside)
        if is_foreign or os.path.lexists(aside):
            self.manifest.chained = sorted({*self.manifest.chained, name})

    def _give_up(self, hook: Path, aside: Path) -> None:
        """Make room where the hook that stands aside is the new one, or its manager has generated it anew."""
        if not (is_pre_commits(aside) or is_renewed(hook, aside)):
            raise CPVError(
                f"another hook is set aside already, as {aside.name}",
                where=str(hook),
                fix=f"merge the two by hand, remove {aside}",
            )
        self.alterations.write(aside, None)

    def _write_shim(self, path: Path, text: str) -> None:
        self.alterations.write(path, text.encode(), mode=0o777)

    def _live_status(self) -> list[str]:
        """`core.fsmonitor`, unless the repository does not want it or Git's own daemon is there, which no hook can ask.

        Another tool's hook is asked by CPV's.
        """
        path = self.repo.common_dir / self.manifest.hooks_dir / FSMONITOR_FILE
        present = self.alterations.settings.get("core.fsmonitor")
        ours = present is not None and is_fsmonitor(present)
        other = self._former_monitor() if ours else present
        hook = other if other and not is_off(other) and not is_daemon(other) else None
        command = hook or ""
        if own_paths.inside(self.repo, command):
            command = own_paths.word_from("f", path.parent, Path(command))
        self._write_shim(path, self._shim(FSMONITOR, Path(hook) if hook else None, shlex.quote(command)))
        if not all(project.config.live for project in Project.find_all(self.repo)):
            if ours:
                self.alterations.set("core.fsmonitor", self.manifest.config.pop("core.fsmonitor", None))
            return ["live status is off ([status] live = false): artifacts are looked at when you commit"]
        if present and not ours:
            if is_daemon(present):
                return [f"live status is off: core.fsmonitor is {present}; artifacts are looked at when you commit"]
            self.manifest.config.pop("core.fsmonitor", None)
        self._set("core.fsmonitor", fsmonitor_command(path, self.repo.common_dir))
        return [f"live status: also asks {hook}"] if hook else []

    def _former_monitor(self) -> str | None:
        """What `core.fsmonitor` was before CPV, here or for all repositories of this user."""
        local = self.manifest.config.get("core.fsmonitor")
        return local or self.repo.run("config", "--global", "--get", "core.fsmonitor", check=False).strip() or None

    def _set(self, key: str, value: str, *, keep: bool = False) -> None:
        """Set a local key, noting what it was; with `keep` a value that the user chose stays."""
        settings = self.alterations.settings
        local = (settings.local_values(key) or [""])[-1] or None
        if local == value or (keep and settings.get(key) is not None):
            return
        self.manifest.config.setdefault(key, local and own_paths.moved(self.repo, self.manifest, local))
        self.alterations.set(key, value)

    def _add_lines(self, path: Path, wanted: Sequence[str]) -> None:
        text = path.read_text(encoding="utf-8") if path.exists() else None
        missing = [line for line in wanted if line not in (text or "").splitlines()]
        if not missing:
            return
        self.manifest.files.setdefault(from_common(self.repo, path), text)
        gap = "" if not text or text.endswith("\n") else "\n"
        self.alterations.write(path, ((text or "") + gap + "".join(f"{line}\n" for line in missing)).encode())
