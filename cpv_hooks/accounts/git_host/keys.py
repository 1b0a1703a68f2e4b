"""The SSH key with which Git reaches its host: one that is there, or a new ed25519 key; none is ever overwritten."""

from __future__ import annotations

import getpass
import os
import socket
import stat
import subprocess
from pathlib import Path

from cpv_hooks.accounts.git_host import client
from cpv_hooks.console.output import say, warn
from cpv_hooks.console.plan import Effect, Step
from cpv_hooks.errors import CPVError, shell_path, shell_word, shell_words
from cpv_hooks.git.repo import environment
from cpv_hooks.system.atomic_files import write_atomic

DEFAULT = "id_ed25519"
RSA_BITS = 2048
"""The shortest RSA key that Bitbucket takes (support.atlassian.com, "Supported SSH key formats")."""
FOLDER_MODE, FILE_MODE = 0o700, 0o600
_COMMAND = "dvc cpv bitbucket-config --keygen-filename"
_KINDS = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-", "sk-")


def key_path(name: str | os.PathLike[str], base: Path | None = None) -> Path:
    """The private key's absolute path: a bare name is one in `~/.ssh`, a path is taken as it is (from `base`)."""
    text = os.fspath(name)
    if not text.strip() or not text.isprintable() or any(mark in text for mark in ('"', "\\", "${")):
        what = f"{text!r} is not a name for a key (no quotes, backslashes, ${{ or control characters)"
        raise CPVError(what, fix=f"{_COMMAND} {DEFAULT}")
    if text.endswith(".pub"):
        fix = f"{_COMMAND} {shell_word(text[:-4])}"
        raise CPVError("a public key's name; the private key's is needed", where=text, fix=fix)
    if "/" not in text and text not in ("~", ".", ".."):
        return client.ssh_folder() / text
    path = Path(os.path.abspath((base or Path.cwd()) / os.path.expanduser(text)))
    if text.endswith("/") or path.is_dir():
        raise CPVError("a folder, not a key", where=str(path), fix=f"{_COMMAND} {shell_path(path / DEFAULT)}")
    return path


def public_file(path: Path) -> Path:
    """The file of a private key's public half."""
    return path.with_name(path.name + ".pub")


def comment() -> str:
    """What a new key is called in a list of keys."""
    return f"{getpass.getuser()}@{socket.gethostname()} cpv"


def key_steps(path: Path) -> list[Step]:
    """What has to be done for a usable key at `path`; nothing where all is well.

    Raises `CPVError` for what is no key, one that Bitbucket does not take, a public key without its private one, and a
    passphrase that nobody is there to type.
    """
    public = public_file(path)
    if not os.path.lexists(path):
        if os.path.lexists(public):
            raise CPVError(
                "a public key without its private key",
                where=str(public),
                fix=f"mv {shell_path(public)} {shell_path(f'{public}.old')}",
            )
        if path.parent.exists() and not path.parent.is_dir():
            raise CPVError("not a folder", where=str(path.parent), fix=f"{_COMMAND} {DEFAULT}")
        return [*folder_steps(path.parent), _make(path)]
    derived = _public_half(path)
    found = [*folder_steps(path.parent), *_mode_steps(path)]
    if public.exists():
        _check_pair(path, derived)
    else:
        if derived is None and not client.has_terminal():
            fix = f"ssh-keygen -y -f {shell_path(path)} > {shell_path(public)}"
            raise CPVError("its public half is missing, and it has a passphrase", where=str(path), fix=fix)
        text = f"write {public}, the public half of {path}"
        found.append(Step(Effect("file", text), lambda: _write_public(path, derived)))
    return found


def public_key(path: Path) -> str:
    """The public half of a private key, as its file has it: one line to paste."""
    lines = public_file(path).read_text(errors="replace").strip().splitlines()
    return lines[0].strip() if lines else ""


def is_locked(path: Path) -> bool:
    """Whether a key has a passphrase, and no agent holds the key open."""
    if _public_half(path) is not None:
        return False
    held = client.run_openssh(["ssh-add", "-L"]).stdout
    return public_key(path).split()[1] not in held.split()


def _make(path: Path) -> Step:
    how = "ssh-keygen asks for its passphrase" if client.has_terminal() else "without a passphrase"
    text = f"make the ed25519 key {path} and {public_file(path).name} ({how})"

    def do() -> None:
        asked = client.has_terminal()
        # An empty passphrase is no secret; one that is typed goes from the terminal to ssh-keygen alone.
        passphrase = [] if asked else ["-N", ""]
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-C", comment(), *passphrase, "-f", str(path)]
        failed = _ask(command) if asked else client.run_openssh(command).returncode
        if failed or not path.exists():
            raise CPVError("ssh-keygen made no key", where=str(path), fix=shell_words(command))
        say(f"made the key {path}")
        if not asked:
            warn(f"{path} has no passphrase; to give it one: ssh-keygen -p -f {shell_path(path)}")

    return Step(Effect("file", text), do)


def _ask(command: list[str]) -> int:
    """Run ssh-keygen on the user's terminal."""
    return subprocess.run(command, env=environment(), check=False).returncode


def folder_steps(folder: Path) -> list[Step]:
    """What has to be done so that keys can be in a folder. `~/.ssh` is the user's alone; another folder's mode is the
    user's own affair."""
    if not folder.exists():
        text = f"make the folder {folder} (mode 0700)"
        return [Step(Effect("file", text), lambda: folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE))]
    return _mode_steps(folder, FOLDER_MODE) if folder == client.ssh_folder() else []


def _mode_steps(path: Path, mode: int = FILE_MODE) -> list[Step]:
    now = stat.S_IMODE(path.stat().st_mode)
    if not now & 0o077:
        return []
    return [Step(Effect("file", f"chmod {mode:04o} {shell_path(path)} (it is {now:04o})"), lambda: path.chmod(mode))]


def _public_half(path: Path) -> str | None:
    """`TYPE BASE64 …` of a private key, or None where that takes a passphrase."""
    fix = f"{_COMMAND} ANOTHER-NAME"
    try:
        content = path.read_bytes()
        # ssh-keygen refuses a file whose mode the plan is about to mend, and takes it through a pipe.
        piped = bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
    except OSError as error:
        raise CPVError(f"cannot be read ({error.strerror})", where=str(path), fix=fix) from error
    source = "/dev/stdin" if piped else path
    done = client.run_openssh(["ssh-keygen", "-y", "-P", "", "-f", source], data=content if piped else None)
    if done.returncode == 0:
        _check_kind(path, done.stdout)
        return done.stdout.strip()
    # From a pipe it cannot tell a passphrase from nonsense.
    if "incorrect passphrase" in done.stderr or (piped and b"PRIVATE KEY-----" in content[:100]):
        return None
    raise CPVError("not a private SSH key", where=str(path), fix=fix)


def _check_kind(path: Path, public: str) -> None:
    kind = public.split()[0]
    fix = f"{_COMMAND} {DEFAULT}_bitbucket"
    if not kind.startswith(_KINDS):
        raise CPVError(f"Bitbucket takes no {kind} keys", where=str(path), fix=fix)
    if kind == "ssh-rsa":
        told = client.run_openssh(["ssh-keygen", "-l", "-f", "/dev/stdin"], data=public.encode()).stdout.split()
        if told and told[0].isdigit() and int(told[0]) < RSA_BITS:
            what = f"an RSA key of {told[0]} bits; Bitbucket takes none below {RSA_BITS}"
            raise CPVError(what, where=str(path), fix=fix)


def _check_pair(path: Path, derived: str | None) -> None:
    public = public_file(path)
    words = public_key(path).split()
    # ssh offers what the .pub file says, so a wrong one would keep the right key from ever being tried.
    if len(words) < 2 or (derived is not None and derived.split()[:2] != words[:2]):
        fix = f"ssh-keygen -y -f {shell_path(path)} > {shell_path(public)}"
        raise CPVError(f"not the public half of {path.name}", where=str(public), fix=fix)


def _write_public(path: Path, derived: str | None) -> None:
    if derived is None:
        done = subprocess.run(
            ["ssh-keygen", "-y", "-f", path], env=environment(), check=False, stdout=subprocess.PIPE, text=True
        )
        if done.returncode:
            raise CPVError("ssh-keygen could not read it", where=str(path), fix="type its passphrase")
        derived = done.stdout.strip()
    named = derived if len(derived.split()) > 2 else f"{derived} {comment()}"
    write_atomic(public_file(path), f"{named}\n".encode(), mode=0o644)
