"""Installing CPV into a repository's Git, beside what is there, and taking it out again without a trace.

Everything that is changed is written to a manifest (`install.json` in CPV's shared state) before it is changed, with
what stood there before; `uninstall` works from the manifest alone, and so does the `uninstall` shell script beside
it, for the day when CPV itself is gone.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cpv_hooks.durable import write_atomic
from cpv_hooks.errors import CPVError
from cpv_hooks.git import Repo
from cpv_hooks.project import Project
from cpv_hooks.shims import FSMONITOR, HOOKS, STAGES, Interpreter, is_ours, is_pre_commits, render

CHAINED = ".cpv-chained"
PRE_COMMIT_CONFIG = ".pre-commit-config.yaml"
_EXCLUDED = ("/.dvc/cache", "/.dvc/tmp", "/.dvc/config.local")


@dataclass
class Manifest:
    """What an installation changed. `config` maps a key to its former value, `files` a file to its former text."""

    identity: str = field(default_factory=lambda: secrets.token_hex(8))
    hooks_dir: str = ""
    hooks: list[str] = field(default_factory=list)
    chained: list[str] = field(default_factory=list)
    config: dict[str, str | None] = field(default_factory=dict)
    files: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def load(cls, repo: Repo) -> Manifest | None:
        """The manifest of this repository; None where CPV is not installed."""
        try:
            return cls(**json.loads((repo.shared / "install.json").read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            where = str(repo.shared / "install.json")
            raise CPVError(
                "the record of the installation is damaged", where=where, fix=f"rm {where} && dvc cpv install"
            ) from error

    def save(self, repo: Repo) -> None:
        """Write the manifest, and the script that undoes it without CPV."""
        write_atomic(repo.shared / "install.json", json.dumps(asdict(self), indent=1).encode(), durable=True)
        write_atomic(repo.shared / "uninstall", _script(repo, self).encode(), mode=0o777)


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
    _add_lines(repo, manifest, repo.common_dir / "info" / "attributes", ["*.dvc merge=dvc"])
    _add_lines(repo, manifest, repo.common_dir / "info" / "exclude", [_under(repo, line) for line in _EXCLUDED])
    manifest.save(repo)
    repo.state.mkdir(parents=True, exist_ok=True)
    note_stages(repo)
    return lines


def uninstall(repo: Repo) -> list[str]:
    """Take CPV out of the repository's Git; what was there before is there again, byte for byte."""
    manifest = Manifest.load(repo)
    if manifest is None:
        return ["CPV is not installed in this repository"]
    hooks = Path(manifest.hooks_dir)
    for name in manifest.hooks:
        if is_ours(hooks / name):
            (hooks / name).unlink()
    for name in manifest.chained:
        if (hooks / (name + CHAINED)).exists() and not (hooks / name).exists():
            os.replace(hooks / (name + CHAINED), hooks / name)
    for key, former in manifest.config.items():
        repo.run(
            "config",
            "--local",
            *(["--unset-all", key] if former is None else ["--replace-all", key, former]),
            check=False,
        )
    repo.run("config", "--local", "--remove-section", "merge.dvc", check=False) if not repo.config(
        "merge.dvc.driver"
    ) else None
    for name, text in manifest.files.items():
        _restore(Path(name), text)
    return [f"hooks removed from {hooks}", *_clear_state(repo)]


def _clear_state(repo: Repo) -> list[str]:
    """Remove CPV's files, but never a rescue or an upload that waits."""
    from cpv_hooks.queue import Queue
    from cpv_hooks.rescue import rescues

    kept = [
        name
        for name, waiting in (("rescues", any(rescues(repo))), ("queued uploads", bool(Queue.of(repo).pending())))
        if waiting
    ]
    if kept:
        for name in ("install.json", "uninstall"):
            (repo.shared / name).unlink(missing_ok=True)
        for name in ("stamp", "watch", "index.json", "projects.json", "only-cpv"):
            (repo.state / name).unlink(missing_ok=True)
        return [f"kept {repo.shared}: it holds {' and '.join(kept)}"]
    for folder in {repo.state, repo.shared}:
        shutil.rmtree(folder, ignore_errors=True)
    return []


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
        _set_config(repo, manifest, "core.hooksPath", str(own))
    return [f"hooks installed in {folder}", *lines]


FSMONITOR_FILE = "cpv-fsmonitor"


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


def _restore(path: Path, text: str | None) -> None:
    """Put a file back; where the user has added lines since, only ours go."""
    if not path.exists():
        return
    ours = {
        "*.dvc merge=dvc",
        *(line for line in path.read_text(encoding="utf-8").splitlines() if line.endswith(_EXCLUDED)),
    }
    former = (text or "").splitlines()
    left = [line for line in path.read_text(encoding="utf-8").splitlines() if line not in ours or line in former]
    if left == former:
        path.unlink() if text is None else write_atomic(path, text.encode())
    else:
        write_atomic(path, "".join(f"{line}\n" for line in left).encode())


def _under(repo: Repo, line: str) -> str:
    """An exclude pattern for every DVC root, wherever it lies in the work tree."""
    return line if (repo.top / ".dvc").is_dir() else "**" + line


def note_stages(repo: Repo) -> None:
    """Note for the shims in which stages the pre-commit configuration holds nothing but CPV's own hooks.

    Running pre-commit there would cost 200 ms to find that out.
    """
    path = repo.top / PRE_COMMIT_CONFIG
    mark = repo.state / "only-cpv"
    if not path.is_file():
        mark.unlink(missing_ok=True)
        return
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        table = YAML(typ="safe").load(path.read_text(encoding="utf-8")) or {}
        hooks = [hook for source in table.get("repos", []) for hook in source.get("hooks", [])]
        default = table.get("default_stages") or list(STAGES)
        foreign = {stage for hook in hooks if not _is_own(hook) for stage in hook.get("stages") or default}
    except (YAMLError, AttributeError, TypeError, UnicodeDecodeError):
        foreign = set(STAGES)
    if "commit" in foreign or ("manual" not in foreign and not foreign <= set(STAGES)):
        foreign |= set(STAGES)  # names of before pre-commit 3.2; be safe
    write_atomic(mark, (" ".join(stage for stage in STAGES if stage not in foreign) + "\n").encode())


def _is_own(hook: dict[str, object]) -> bool:
    return str(hook.get("id", "")).startswith("cpv-")


def _script(repo: Repo, manifest: Manifest) -> str:
    """Shell commands that undo the installation, for when CPV is gone."""
    quote = shlex.quote
    lines = [
        "#!/bin/sh",
        "# Removes CPV's hooks from this repository and puts back what was there.",
        f"cd {quote(str(repo.top))} || exit",
    ]
    hooks = Path(manifest.hooks_dir)
    for name in manifest.hooks:
        lines.append(
            f"grep -q 'CPV hook shim' {quote(str(hooks / name))} 2>/dev/null && rm -f {quote(str(hooks / name))}"
        )
    for name in manifest.chained:
        lines.append(
            f"[ -e {quote(str(hooks / name))} ] || mv {quote(str(hooks / (name + CHAINED)))} {quote(str(hooks / name))}"
        )
    for key, former in manifest.config.items():
        change = f"--unset-all {quote(key)}" if former is None else f"--replace-all {quote(key)} {quote(former)}"
        lines.append(f"git config --local {change}")
    for name in manifest.files:
        # `grep -v` fails where nothing is left, and the file is then empty, as it should be.
        lines.append(
            f"grep -vxF -e '*.dvc merge=dvc' -e '/.dvc/cache' -e '/.dvc/tmp' -e '/.dvc/config.local' {quote(name)} >{quote(name)}.new; mv {quote(name)}.new {quote(name)}"
        )
    lines.append(
        f"rm -f {quote(str(repo.shared / 'install.json'))} {quote(str(repo.state / 'watch'))} {quote(str(repo.state / 'stamp'))}"
    )
    lines.append("echo 'CPV is removed from this repository'")
    return "\n".join(lines) + "\n"
