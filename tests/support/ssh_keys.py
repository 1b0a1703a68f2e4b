"""Keys, and a home's `.ssh`, for tests of SSH."""

from __future__ import annotations

import shlex
import stat
import subprocess
from pathlib import Path


def ssh_folder() -> Path:
    """The `.ssh` of the test's home; it need not exist."""
    return Path.home() / ".ssh"


def make_key(path: Path, *, kind: str = "ed25519", bits: int | None = None, passphrase: str = "") -> Path:
    """Make a key pair and return the private key's path."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    size = ["-b", str(bits)] if bits else []
    command = ["ssh-keygen", "-q", "-t", kind, *size, "-N", passphrase, "-C", "test", "-f", path]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def mode(path: Path) -> int:
    """A path's permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def listing(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder and its bytes (None for folders)."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def lead_git_home() -> None:
    """Let the user's Git have ssh read the test's home: ssh itself ignores HOME, as CPV's warning says."""
    folder = ssh_folder()
    command = shlex.join(["ssh", "-F", str(folder / "config"), "-o", f'UserKnownHostsFile="{folder / "known_hosts"}"'])
    subprocess.run(["git", "config", "--global", "core.sshCommand", command], check=True)
