"""How CPV calls OpenSSH's programs, and what they make of the user's configuration."""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cpv_hooks.console.trace import emit_trace, is_heard
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import environment
from cpv_hooks.state_files import user_home
from cpv_hooks.system.atomic_files import write_atomic

SECONDS = 10
"""How long a connection may take to be made."""


def ssh_folder() -> Path:
    """The user's folder of SSH keys and settings, `~/.ssh`."""
    return user_home() / ".ssh"


def replace_file(path: Path, text: bytes, mode: int) -> None:
    """Replace a file of that folder in one step, where a symbolic link leads; what it takes is there afterwards."""
    ssh_folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomic(Path(os.path.realpath(path)), text, mode=mode, durable=True)


def config_file() -> Path:
    """The user's SSH configuration; it need not exist."""
    return ssh_folder() / "config"


def home_of_ssh() -> Path:
    """Where OpenSSH itself looks for `.ssh`: it asks the user database and does not heed `HOME`."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return user_home()


def reads_our_folder() -> bool:
    """Whether ssh finds `folder()` by itself."""
    return os.path.realpath(home_of_ssh() / ".ssh") == os.path.realpath(ssh_folder())


def options() -> list[str]:
    """The options that lead ssh to `folder()`: none where it looks there anyway, so that nothing else changes."""
    if reads_our_folder():
        return []
    config = config_file()
    return [
        "-F",
        str(config) if config.exists() else "none",
        "-o",
        f'UserKnownHostsFile="{ssh_folder() / "known_hosts"}"',
    ]


def batch(seconds: float = SECONDS) -> list[str]:
    """The options with which ssh asks nothing, accepts no unknown host and gives up after some seconds."""
    return ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", f"ConnectTimeout={max(1, round(seconds))}"]


def git_environment(seconds: float = SECONDS, *, configured: str | None = None) -> dict[str, str]:
    """The variable with which Git calls ssh as CPV does; `configured` is the repository's `core.sshCommand`."""
    theirs = os.environ.get("GIT_SSH_COMMAND") or configured
    base = theirs or shlex.join(["ssh", *options()])
    return {"GIT_SSH_COMMAND": f"{base} {shlex.join(batch(seconds))}"}


def has_terminal() -> bool:
    """Whether somebody is there to answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask_person(question: str) -> bool:
    """Ask the person at the terminal."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def run_openssh(
    args: Sequence[str | Path], *, data: bytes | None = None, seconds: float | None = None, env: Mapping[str, str] = {}
) -> subprocess.CompletedProcess[str]:
    """Run one of OpenSSH's programs, or Git over it, without a terminal; its words are English.

    Raises `CPVError` where the program is missing, and `subprocess.TimeoutExpired` after `seconds`.
    """
    words = [str(arg) for arg in args]
    if is_heard():
        emit_trace("debug", shlex.join(words))
    try:
        done = subprocess.run(
            words, env=environment(env), input=data or b"", capture_output=True, check=False, timeout=seconds
        )
    except FileNotFoundError as error:
        raise CPVError(f"{words[0]} is not on the PATH", fix="install OpenSSH's client") from error
    texts = (done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
    return subprocess.CompletedProcess(words, done.returncode, *texts)


def effective(host: str, port: int | None, user: str | None, config: Path | None = None) -> dict[str, list[str]]:
    """What ssh's configuration says about a host: keyword (lower case) -> its values, by `ssh -G`.

    `config` is read instead of the user's file. Raises `CPVError` where ssh cannot read the configuration.
    """
    where = ["-F", str(config)] if config is not None else []
    known = options()
    # The first -F counts in no version of ssh, so ours is left out where another is wanted.
    rest = [*where, *(known[2:] if where else known)]
    target = [*(["-p", str(port)] if port else []), *(["-l", user] if user else []), "--", host]
    done = run_openssh(["ssh", "-G", *rest, *target])
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["exit status " + str(done.returncode)])[0]
        raise CPVError(f"ssh cannot read its configuration: {said}", where=str(config_file()), fix="edit it")
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key.lower(), []).append(value)
    return found


def expand_path(text: str, host: str = "") -> Path:
    """A file name of ssh's configuration as a path: `~`, `%d`, `%h`, `%u` and `%%` as ssh replaces them."""
    home = str(home_of_ssh())
    text = home + text[1:] if text.startswith("~/") else text
    names = {"%%": "%", "%d": home, "%h": host, "%u": pwd.getpwuid(os.getuid()).pw_name if "%u" in text else ""}
    out, at = "", 0
    while at < len(text):
        found = names.get(text[at : at + 2])
        out += text[at] if found is None else found
        at += 1 if found is None else 2
    return Path(out)
