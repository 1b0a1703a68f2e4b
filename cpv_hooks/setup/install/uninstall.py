"""Taking CPV out of a repository's Git again: by CPV, or by the shell script that is left for when CPV is gone."""

from __future__ import annotations

import os
import shlex
import shutil
from itertools import product
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.errors import one_line, shell_words
from cpv_hooks.git import hooks_in_place
from cpv_hooks.git.hook_names import FRAMEWORKS, STAGES
from cpv_hooks.git.repo import Repo
from cpv_hooks.recovery import journal_file
from cpv_hooks.setup.install import own_paths
from cpv_hooks.setup.install.git_changes import Alterations, altering
from cpv_hooks.setup.install.manifest import CHAINED, EXCLUDED, LINKS, Manifest, from_common
from cpv_hooks.setup.install.precommit_config import cpv_hooks_in, only_cpv
from cpv_hooks.setup.install.shims import hook_generator, is_our_shim, is_renewed, shims_set_aside

_OF_INSTALLATION = (state_files.INSTALL, state_files.UNINSTALL, state_files.UNINSTALLED, state_files.MERGE_DRIVER)
_LOOKED_AT = (state_files.STAMP, state_files.WATCH, state_files.INDEX, state_files.PROJECTS, state_files.ONLY_CPV)


def uninstall(repo: Repo) -> list[str]:
    """Take CPV out of the repository's Git; what was there before is there again, byte for byte.

    After a kill CPV is either still there, once the next command has undone it, or the next call ends it.
    """
    with altering(repo, "removal") as alterations:
        manifest = Manifest.load(repo)
        if manifest is not None:
            _put_back(repo, alterations, manifest)
    if manifest is not None:
        removed = f"hooks removed from {repo.common_dir / manifest.hooks_dir}"
        return [removed, *_clear_state(repo), *_left_to_framework(repo)]
    is_left = (repo.shared / state_files.UNINSTALLED).exists()
    return _clear_state(repo) if is_left else ["CPV is not installed in this repository"]


def _left_to_framework(repo: Repo) -> list[str]:
    """What pre-commit, which was there first, goes on to run of CPV, and how to end that too."""
    hooks = hooks_in_place.hooks_folder(repo)
    configs = {name: config for name in STAGES if (config := hooks_in_place.by_framework(repo, hooks / name))}
    if not configs:
        return []
    stages, config, found = list(configs), next(iter(configs.values())), list[str]()
    program = FRAMEWORKS[hook_generator(hooks / stages[0]) or ""][0]
    alone = set(only_cpv(config))
    if ours := [name for name in stages if name in alone]:
        options = (word for name in ours for word in ("-t", name))
        found.append(one_line(f"{program} still runs CPV", fix=f"{program} uninstall {shell_words(options)}"))
    if hooks_beside := cpv_hooks_in(config, [name for name in stages if name not in alone]):
        ids = ",".join(hooks_beside)
        fix = f"take {ids} out of {config.name} (which everybody has; for you alone: export SKIP={ids})"
        found.append(one_line(f"{program} still runs CPV beside other hooks", fix=fix))
    return found


def _put_back(repo: Repo, alterations: Alterations, manifest: Manifest) -> None:
    folders = [repo.common_dir / folder for folder in manifest.all_dirs]
    for hooks, name in product(folders, manifest.hooks):
        for shim in (hooks / name, *shims_set_aside(hooks, name)):
            if is_our_shim(shim):
                alterations.write(shim, None)
    alterations.step("hooks")
    for hooks, name in product(folders, manifest.chained):
        hook, aside = hooks / name, hooks / (name + CHAINED)
        if os.path.lexists(aside) and not hook.exists():
            alterations.move(aside, hook)
        elif aside.exists() and is_renewed(hook, aside):
            alterations.write(aside, None)
    alterations.step("put hooks back")
    for key, former in manifest.config.items():
        alterations.set(key, former and own_paths.moved(repo, manifest, former))
    for name, text in manifest.files.items():
        _restore(alterations, repo.common_dir / name, text)
    alterations.step("settings")
    if _made_section(manifest) and not repo.config("merge.dvc.driver"):
        repo.run("config", "--local", "--remove-section", "merge.dvc", check=False)
    alterations.move(repo.shared / state_files.INSTALL, repo.shared / state_files.UNINSTALLED)
    alterations.step("record")


def _clear_state(repo: Repo) -> list[str]:
    """Remove CPV's files, but never a rescue, an upload that waits, or what another work tree is in the middle of."""
    from cpv_hooks.transfer.objects.upload_queue import Queue
    from cpv_hooks.worktree.rescue_list import rescues

    found = {
        "rescues": any(rescues(repo)),
        "queued uploads": bool(Queue.of(repo).pending()),
        "an operation under way": journal_file.journal_folder(repo).exists(),
        "a commit under way": any((state / state_files.DETOUR).exists() for state in _states(repo)),
    }
    kept = [name for name, is_there in found.items() if is_there]
    links = [repo.common_dir / name for name in LINKS]
    if kept:
        for folder in links:
            shutil.rmtree(folder, ignore_errors=True)
        for name in _OF_INSTALLATION:
            (repo.shared / name).unlink(missing_ok=True)
        for state in _states(repo):
            for name in _LOOKED_AT:
                (state / name).unlink(missing_ok=True)
        return [f"kept {repo.shared}: it holds {' and '.join(kept)}"]
    for folder in [*links, *_states(repo)]:
        shutil.rmtree(folder, ignore_errors=True)
    return []


def _states(repo: Repo) -> list[Path]:
    """CPV's folders of all work trees, that of the repository among them."""
    linked = repo.common_dir.glob(f"worktrees/*/{state_files.FOLDER}")
    return [repo.shared, *linked]


def _restore(alterations: Alterations, path: Path, text: str | None) -> None:
    """Put a file back; where the user has added lines since, only ours go."""
    if not path.exists():
        return
    now = path.read_text(encoding="utf-8").splitlines()
    ours = {"*.dvc merge=dvc", *(line for line in now if line.endswith(EXCLUDED))}
    former = (text or "").splitlines()
    left = [line for line in now if line not in ours or line in former]
    if left == former:
        alterations.write(path, None if text is None else text.encode())
    else:
        alterations.write(path, "".join(f"{line}\n" for line in left).encode())


def script_files(repo: Repo, manifest: Manifest) -> dict[str, bytes]:
    """The shell script that undoes the installation for when CPV is gone, and what it needs: by name in `shared`."""
    files: dict[str, bytes] = {}
    quote = shlex.quote
    folders = manifest.all_dirs  # from Git's own folder, in which the script works: it may be moved or copied
    lines = [
        "#!/bin/sh",
        "# Removes CPV's hooks from this repository and puts back what was there.",
        'cd "${0%/*}/.." || exit',
        f"rm -rf {' '.join(LINKS)}",
    ]
    is_shim = '[ ! -L "$shim" ] && grep -q \'CPV hook shim\' "$shim" 2>/dev/null'
    for hooks, name in product(folders, manifest.hooks):
        shim, old = quote(str(hooks / name)), quote(str(hooks / "old-hooks" / name))
        lines.append(f'for shim in {shim} {shim}.* {old}; do {is_shim} && rm -f "$shim"; done')
    for hooks, name in product(folders, manifest.chained):
        hook, aside = quote(str(hooks / name)), quote(str(hooks / (name + CHAINED)))
        is_there = f"[ -e {aside} ] || [ -L {aside} ]"
        back = f"if [ ! -e {hook} ]; then mv {aside} {hook}; elif cmp -s {aside} {hook}; then rm {aside}; fi"
        lines.append(f"if {is_there}; then {back}; fi")
    for key, former in manifest.config.items():
        if former is None:
            lines.append(f"git config --local --unset-all {quote(key)}")
        else:
            finding, word = own_paths.lines_of_script(repo, manifest, former)
            lines += [*finding, f"git config --local --replace-all {quote(key)} {word}"]
    for number, (name, former) in enumerate(manifest.files.items()):
        lines += _restoring_lines(repo, name, former, number, files)
    driver = repo.shared / state_files.MERGE_DRIVER
    left = [Path(from_common(repo, path)) for path in (repo.shared / state_files.INSTALL, driver)]
    lines.append(f"rm -f {' '.join(quote(str(path)) for path in left)}")
    for name in (state_files.WATCH, state_files.STAMP):
        lines.append(f"rm -f {state_files.FOLDER}/{name} worktrees/*/{state_files.FOLDER}/{name}")
    if _made_section(manifest):
        lines.append("git config --local --remove-section merge.dvc 2>/dev/null")
    lines.append("echo 'CPV is removed from this repository'")
    ours = " ".join(f"-e {quote(word)}" for word in hooks_in_place.OURS)
    for mark, (program, *names) in FRAMEWORKS.items():
        files_of = " ".join(quote(os.path.relpath(repo.top / name, repo.common_dir)) for name in names)
        runs_cpv = f"grep -qs {quote(mark)} {quote(manifest.hooks_dir)}/* && grep -qs {ours} {files_of}"
        advice = f"{program} still runs CPV; take the hooks cpv-... out of its configuration, or: {program} uninstall"
        lines.append(f"if {runs_cpv}; then echo {quote(advice)}; fi")
    return files | {state_files.UNINSTALL: ("\n".join(lines) + "\n").encode()}


def _made_section(manifest: Manifest) -> bool:
    """Whether the section of the merge driver is ours alone."""
    keys = ("merge.dvc.name", "merge.dvc.driver")
    return all(key in manifest.config and manifest.config[key] is None for key in keys)


def _restoring_lines(repo: Repo, name: str, former: str | None, number: int, files: dict[str, bytes]) -> list[str]:
    """Shell lines that put a file back from a copy, or take out only what was added where the user has added more."""
    path = repo.common_dir / name
    now = path.read_text(encoding="utf-8") if path.exists() else ""
    files |= {
        f"{state_files.INSTALLED}{number}": now.encode(),
        f"{state_files.ORIGINAL}{number}": (former or "").encode(),
    }
    file, installed = (
        shlex.quote(name),
        shlex.quote(from_common(repo, repo.shared / f"{state_files.INSTALLED}{number}")),
    )
    original = shlex.quote(from_common(repo, repo.shared / f"{state_files.ORIGINAL}{number}"))
    new = shlex.quote(f"{name}.cpv-new")
    added = [line for line in now.splitlines() if line not in (former or "").splitlines()]
    patterns = " ".join(f"-e {shlex.quote(line)}" for line in added) or "-e ''"
    back = f"rm -f {file}" if former is None else f"cp {original} {file}"
    return [
        f"if cmp -s {installed} {file}; then {back}",
        f"elif [ -f {file} ]; then grep -vxF {patterns} {file} >{new}; mv {new} {file}; fi",
        f"rm -f {installed} {original}",
    ]
