"""Programs that put hooks of their own into a repository; each of those hooks notes that it ran, and can refuse.

Real ones where PyPI has them. Of husky 9 and Overcommit, which are for Node and Ruby, there are the files that they
write, in the words of this project.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from support.shell import Shell

HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-checkout", "post-merge", "pre-push")
_NOTE = """#!/bin/sh
cd "${0%/*}" || exit
{ echo "$@"; [ "$1" != pre-push ] || sed 's/^/stdin: /'; } >>notes
[ ! -e refuse ] || [ "$(cat refuse)" != "$1" ]
"""
_HUSKY = """#!/usr/bin/env sh
script=${0%/*/*}/${0##*/}
[ -f "$script" ] || exit 0
PATH=node_modules/.bin:$PATH
export PATH
sh -e "$script" "$@"
"""
OVERCOMMIT = "# Entrypoint for Overcommit"
_OVERCOMMIT = f"""#!/bin/sh
{OVERCOMMIT}: which hook it is, it knows by the name that it was started by
case ${{0##*/}} in
overcommit-hook) echo "not to be run by this name" >&2; exit 65 ;;
esac
"""


@dataclass(frozen=True)
class Notes:
    """A folder with the program that hooks call, what they said, and which of them is to refuse."""

    folder: Path

    @property
    def program(self) -> Path:
        path = self.folder / "note"
        if not path.exists():
            path.write_text(_NOTE)
            path.chmod(0o755)
        return path

    def take(self) -> list[str]:
        """The lines since the last time: a hook and its arguments, or a line of its standard input."""
        path = self.folder / "notes"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def refuse(self, hook: str) -> None:
        """Let one hook refuse; `""`: none."""
        (self.folder / "refuse").write_text(f"{hook}\n")


@dataclass(frozen=True)
class Manager:
    """`files` are committed; `install` is run in a clone, and again for a newer version; `remove` undoes it."""

    files: Callable[[Path], Mapping[str, str]]
    install: Callable[[Shell, Path], None]
    remove: Callable[[Shell], None]


def _no_files(note: Path) -> Mapping[str, str]:
    return {}


def _script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def _hooks(repo: Shell) -> Path:
    """Git's own folder of hooks, of whatever work tree."""
    return repo.path / repo.git("rev-parse", "--git-common-dir").out.strip() / "hooks"


# Hand-written


def _write_hooks(repo: Shell, note: Path) -> None:
    for name in HOOKS:
        _script(_hooks(repo) / name, f'#!/bin/sh\nexec {note} {name} "$@"\n')


def _remove_hooks(repo: Shell) -> None:
    for name in HOOKS:
        (_hooks(repo) / name).unlink()


def _write_global(repo: Shell, note: Path) -> None:
    folder = note.parent / "hooks of all"
    for name in HOOKS:
        _script(folder / name, f'#!/bin/sh\nexec {note} {name} "$@"\n')
    repo.git("config", "--global", "core.hooksPath", folder)


def _remove_global(repo: Shell) -> None:
    repo.git("config", "--global", "--unset", "core.hooksPath")


# pre-commit and prek


def _framework_files(note: Path) -> Mapping[str, str]:
    template = Path(__file__).parents[2] / "hook-templates/pre-commit-config.yaml"
    stages = template.read_text().replace("  - pre-push\n", "  - pre-push\n  - commit-msg\n", 1)
    entries = "".join(
        f"      - {{id: note-{name}, name: note, language: system, entry: '{note} {name}', stages: [{name}], "
        f"always_run: true, pass_filenames: {str('msg' in name).lower()}}}\n"
        for name in HOOKS
    )
    return {".pre-commit-config.yaml": f"{stages}  - repo: local\n    hooks:\n{entries}"}


def _pre_commit(repo: Shell, note: Path) -> None:
    repo.python("-m", "pre_commit", "install")


def _remove_pre_commit(repo: Shell) -> None:
    repo.python("-m", "pre_commit", "uninstall")


def _prek(repo: Shell, note: Path) -> None:
    repo.run("prek", "install")


def _remove_prek(repo: Shell) -> None:
    repo.run("prek", "uninstall")


# lefthook


def _lefthook_files(note: Path) -> Mapping[str, str]:
    lines = [f"{name}:\n  commands:\n    note: {{run: '{note} {name} {{0}}', use_stdin: true}}\n" for name in HOOKS]
    return {"lefthook.yml": "".join((f"lefthook: {_lefthook_program()}\n", *lines))}


def _lefthook_program() -> Path:
    """The program itself: what PyPI's package puts on the PATH is a Python script that starts it."""
    spec = find_spec("lefthook")
    assert spec is not None and spec.origin is not None
    (found,) = Path(spec.origin).parent.glob("bin/lefthook-*/lefthook")
    return found


def _lefthook(repo: Shell, note: Path) -> None:
    repo.run(_lefthook_program(), "install")


def _remove_lefthook(repo: Shell) -> None:
    repo.run(_lefthook_program(), "uninstall")


# husky


def _husky_files(note: Path) -> Mapping[str, str]:
    return {f".husky/{name}": f'{note} {name} "$@"\n' for name in HOOKS}


def _husky(repo: Shell, note: Path) -> None:
    for name in (*HOOKS, "pre-merge-commit", "post-rewrite", "pre-rebase", "pre-auto-gc", "applypatch-msg"):
        _script(repo.path / ".husky/_" / name, '#!/usr/bin/env sh\n. "$(dirname "$0")/h"\n')
    repo.write(".husky/_/h", _HUSKY)
    repo.write(".husky/_/.gitignore", "*")
    repo.git("config", "core.hooksPath", ".husky/_")


def _remove_husky(repo: Shell) -> None:
    repo.git("config", "--unset", "core.hooksPath")


# Overcommit


def _overcommit(repo: Shell, note: Path) -> None:
    hooks = _hooks(repo)
    text = f'{_OVERCOMMIT}exec {note} "${{0##*/}}" "$@"\n'
    _script(hooks / "overcommit-hook", text)
    for name in HOOKS:
        found = hooks / name
        if found.exists() and OVERCOMMIT not in found.read_text():
            (hooks / "old-hooks").mkdir(exist_ok=True)
            found.rename(hooks / "old-hooks" / name)
        _script(found, text)


def _remove_overcommit(repo: Shell) -> None:
    hooks = _hooks(repo)
    for hook in (hooks / "overcommit-hook", *(hooks / name for name in HOOKS)):
        if hook.exists() and OVERCOMMIT in hook.read_text():
            hook.unlink()
    for old in (hooks / "old-hooks").glob("*"):
        shutil.move(old, hooks / old.name)


MANAGERS = {
    "hand-written hooks": Manager(_no_files, _write_hooks, _remove_hooks),
    "pre-commit": Manager(_framework_files, _pre_commit, _remove_pre_commit),
    "prek": Manager(_framework_files, _prek, _remove_prek),
    "lefthook 2": Manager(_lefthook_files, _lefthook, _remove_lefthook),
    "husky 9": Manager(_husky_files, _husky, _remove_husky),
    "Overcommit's layout": Manager(_no_files, _overcommit, _remove_overcommit),
    "`core.hooksPath` for all repositories of a user": Manager(_no_files, _write_global, _remove_global),
}
