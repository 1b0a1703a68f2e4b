"""Taking CPV out of a repository's Git again: by CPV, or by the shell script that is left for when CPV is gone."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from cpv_hooks.durable import write_atomic
from cpv_hooks.git import Repo
from cpv_hooks.manifest import CHAINED, EXCLUDED, Manifest
from cpv_hooks.shims import is_ours


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
        change = ("--unset-all", key) if former is None else ("--replace-all", key, former)
        repo.run("config", "--local", *change, check=False)
    if _made_section(manifest) and not repo.config("merge.dvc.driver"):
        repo.run("config", "--local", "--remove-section", "merge.dvc", check=False)
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


def _restore(path: Path, text: str | None) -> None:
    """Put a file back; where the user has added lines since, only ours go."""
    if not path.exists():
        return
    ours = {
        "*.dvc merge=dvc",
        *(line for line in path.read_text(encoding="utf-8").splitlines() if line.endswith(EXCLUDED)),
    }
    former = (text or "").splitlines()
    left = [line for line in path.read_text(encoding="utf-8").splitlines() if line not in ours or line in former]
    if left == former:
        path.unlink() if text is None else write_atomic(path, text.encode())
    else:
        write_atomic(path, "".join(f"{line}\n" for line in left).encode())


def write_script(repo: Repo, manifest: Manifest) -> None:
    """Write shell commands that undo the installation, for when CPV is gone."""
    quote = shlex.quote
    hooks = Path(manifest.hooks_dir)
    lines = [
        "#!/bin/sh",
        "# Removes CPV's hooks from this repository and puts back what was there.",
        f"cd {quote(str(repo.top))} || exit",
    ]
    for name in manifest.hooks:
        shim = quote(str(hooks / name))
        lines.append(f"grep -q 'CPV hook shim' {shim} 2>/dev/null && rm -f {shim}")
    for name in manifest.chained:
        hook, aside = quote(str(hooks / name)), quote(str(hooks / (name + CHAINED)))
        lines.append(f"[ -e {hook} ] || mv {aside} {hook}")
    for key, former in manifest.config.items():
        change = f"--unset-all {quote(key)}" if former is None else f"--replace-all {quote(key)} {quote(former)}"
        lines.append(f"git config --local {change}")
    for number, (name, former) in enumerate(manifest.files.items()):
        lines += _restoring_lines(repo, Path(name), former, number)
    left = [repo.shared / "install.json", repo.state / "watch", repo.state / "stamp"]
    lines.append(f"rm -f {' '.join(quote(str(path)) for path in left)}")
    if _made_section(manifest):
        lines.append("git config --local --remove-section merge.dvc 2>/dev/null")
    lines.append("echo 'CPV is removed from this repository'")
    write_atomic(repo.shared / "uninstall", ("\n".join(lines) + "\n").encode(), mode=0o777)


def _made_section(manifest: Manifest) -> bool:
    """Whether the section of the merge driver is ours alone."""
    keys = ("merge.dvc.name", "merge.dvc.driver")
    return all(key in manifest.config and manifest.config[key] is None for key in keys)


def _restoring_lines(repo: Repo, path: Path, former: str | None, number: int) -> list[str]:
    """Shell lines that put a file back from a copy, or take out only what was added where the user has added more."""
    now = path.read_text(encoding="utf-8") if path.exists() else ""
    write_atomic(repo.shared / f"installed-{number}", now.encode())
    write_atomic(repo.shared / f"original-{number}", (former or "").encode())
    file, installed = shlex.quote(str(path)), shlex.quote(str(repo.shared / f"installed-{number}"))
    original, new = shlex.quote(str(repo.shared / f"original-{number}")), shlex.quote(f"{path}.cpv-new")
    added = [line for line in now.splitlines() if line not in (former or "").splitlines()]
    patterns = " ".join(f"-e {shlex.quote(line)}" for line in added) or "-e ''"
    back = f"rm -f {file}" if former is None else f"cp {original} {file}"
    return [
        f"if cmp -s {installed} {file}; then {back}",
        f"elif [ -f {file} ]; then grep -vxF {patterns} {file} >{new}; mv {new} {file}; fi",
        f"rm -f {installed} {original}",
    ]
