"""The text of the hook shims, and how to tell one of ours."""

from __future__ import annotations

import os
import re
import shlex
import site
import sys
from pathlib import Path

import cpv_hooks
from cpv_hooks import state_files
from cpv_hooks.git.hook_names import FRAMEWORKS, GENERATED_MARKS, MARK, PRE_COMMIT_MARK
from cpv_hooks.git.hooks_in_place import head_of_file
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.setup.install.templates import templates

FSMONITOR_FILE = "cpv-fsmonitor"
# It is found from where Git runs it, the top of a work tree, also after the repository was moved.
MERGE_DRIVER = f'sh "$(git rev-parse --git-common-dir)/{state_files.FOLDER}/{state_files.MERGE_DRIVER}" %O %A %B %L %P'
_STATE_FILE = re.compile("@([A-Z][A-Z_]*)@")
"""In a template: one of CPV's own files, by the name of its constant."""
_BY_GIT_DIR = 'f="${GIT_DIR:-.git}/'
# Read into the shell that Git has started: the start of another takes as long as what it does. Silent where it leads
# nowhere: DVC copies Git's settings to where an experiment runs (`exp run --temp`).
_FSMONITOR = '{0}"; [ -x "$f" ] || f="$(git rev-parse --git-common-dir)/{0}"; [ -x "$f" ] || exit; . "$f"'


class Interpreter(NamedTuple):
    """The Python that a shim starts, and the package that it must find there."""

    python: str
    package: str
    flags: str

    @classmethod
    def current(cls) -> Interpreter:
        """The one that runs now. Isolated, so that nothing in a repository is imported (`-P` alone for a user site)."""
        package = os.path.dirname(os.path.abspath(cpv_hooks.__file__))
        in_user_site = bool(site.ENABLE_USER_SITE) and package.startswith(site.getusersitepackages())
        return cls(sys.executable, package, "-P" if in_user_site else "-I")


def fsmonitor_command(path: Path, common_dir: Path) -> str:
    """The value of `core.fsmonitor`, which Git gives to a shell: it holds for every work tree, and when it is moved."""
    if path.is_relative_to(common_dir):
        return _BY_GIT_DIR + _FSMONITOR.format(path.relative_to(common_dir).as_posix())
    return f"exec {shlex.quote(str(path))}"


def is_daemon(value: str) -> bool:
    """Whether a value of `core.fsmonitor` means Git's own daemon."""
    return value.lower() in ("true", "yes", "on", "1")


def is_off(value: str) -> bool:
    """Whether a value of `core.fsmonitor` means none."""
    return value.lower() in ("", "false", "no", "off", "0")


def is_fsmonitor(command: str) -> bool:
    """Whether a value of `core.fsmonitor` starts CPV's, by this command or by its path alone."""
    return os.path.basename(command.rstrip("'")) == FSMONITOR_FILE or (
        command.startswith(_BY_GIT_DIR) and f'/{FSMONITOR_FILE}"' in command
    )


def render_shim(
    hook: str, chained: Path | None, interpreter: Interpreter, identity: str, word: str | None = None
) -> str:
    """The shim for a hook, which calls the hook at `chained` as well; `word` is how the shell finds that one."""
    folder = templates()
    early = folder / "hooks" / f"{hook}.early.sh"
    values = {
        "@ID@": identity,
        "@HOOK@": hook,
        "@PYTHON@": shlex.quote(interpreter.python),
        "@PACKAGE@": shlex.quote(interpreter.package),
        "@FLAGS@": interpreter.flags,
        "@CHAINED@": (word or shlex.quote(str(chained))) if chained else "",
        "@CHAINED_BY_PRECOMMIT@": "yes" if chained and is_pre_commits(chained) else "",
        "@CHAINED_BY_FRAMEWORK@": "yes" if chained and hook_generator(chained) in FRAMEWORKS else "",
        # Decided before the rest of the shim is even read.
        "@EARLY@": early.read_text(encoding="utf-8") if early.exists() else "",
        "@BODY@": (folder / "hooks" / f"{hook}.sh").read_text(encoding="utf-8").rstrip("\n"),
    }
    text = (folder / "shim.sh").read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(name, value)
    return _STATE_FILE.sub(lambda found: str(getattr(state_files, found[1])), text)


def merge_driver_script(interpreter: Interpreter) -> str:
    text = (templates() / "merge-driver.sh").read_text(encoding="utf-8")
    return text.replace("@PYTHON@", shlex.quote(interpreter.python))


def pass_through(chained: str, identity: str) -> str:
    """A shim that only runs another tool's hook, a word of the shell's, where there is one."""
    return f"#!/bin/sh\n{MARK} {identity}: runs the hook of the folder that core.hooksPath named before.\n" + (
        f'[ -x {chained} ] || exit 0\nexec {chained} "$@"\n'
    )


def is_our_shim(path: Path) -> bool:
    return MARK in head_of_file(path)


def is_pre_commits(path: Path) -> bool:
    """Whether a hook file is the pre-commit framework's, with no older hook behind it."""
    return PRE_COMMIT_MARK in head_of_file(path) and not path.with_name(f"{path.name.split('.')[0]}.legacy").exists()


def hook_generator(path: Path) -> str | None:
    """The mark of the manager that generates a hook file; None for one that somebody wrote, or that is not there."""
    head = head_of_file(path)
    return next((mark for mark in GENERATED_MARKS if mark in head), None)


def is_renewed(hook: Path, aside: Path) -> bool:
    """Whether a hook is the one that stands aside, or its manager generated it anew, with no older one behind it."""
    new, old = hook_generator(hook), hook_generator(aside)
    if old in FRAMEWORKS:
        # pre-commit and prek run the same configuration.
        return new in FRAMEWORKS and not aside.with_name(f"{hook.name}.legacy").exists()
    if old is not None:
        return new == old
    return hook.is_file() and aside.is_file() and hook.read_bytes() == aside.read_bytes()


def shims_set_aside(folder: Path, name: str) -> list[Path]:
    """Shims of ours that a manager keeps as older hooks since it was installed over us: it would bring them back."""
    found = (*sorted(folder.glob(f"{name}.*")), folder / "old-hooks" / name)
    # A link to a shim is a hook of the user's that was a link to the hook which stood there.
    return [path for path in found if not path.is_symlink() and is_our_shim(path)]


def stamped(path: Path) -> Interpreter | None:
    """The interpreter and the package that a shim of ours names; None where it is not one."""
    if not is_our_shim(path):
        return None
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and name in ("python", "package") and name not in found:
            found[name] = "".join(shlex.split(value))
    return Interpreter(found.get("python", ""), found.get("package", ""), "")
