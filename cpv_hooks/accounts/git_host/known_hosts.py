"""The keys by which a host proves who it is. An unknown one is never accepted unseen, a changed one not at all.

Bitbucket Cloud publishes its keys; they are below. For another host somebody has to compare the fingerprint.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from cpv_hooks.accounts.git_host import client
from cpv_hooks.accounts.git_host.pattern import SSH, SSH_PORT
from cpv_hooks.console.plan import Effect, Step
from cpv_hooks.errors import CPVError, shell_path, shell_word
from cpv_hooks.named_tuple import NamedTuple

Confirm = Callable[[str], bool]
SCAN_SECONDS = 10
FILE_MODE = 0o600
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
# Best first; the order in which one is chosen.
_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")


class HostKey(NamedTuple):
    """A host's public key; `blob` is base64."""

    kind: str
    blob: str

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as ssh and a host's web page show it."""
        try:
            digest = hashlib.sha256(base64.b64decode(self.blob, validate=True)).digest()
        except binascii.Error:
            return "SHA256:?"
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


PINNED: Mapping[str, tuple[HostKey, ...]] = {
    # https://bitbucket.org/site/ssh, since 20 June 2023 (https://bitbucket.org/blog/ssh-host-key-changes). Their
    # fingerprints are on support.atlassian.com, "Configure SSH and two-step verification"; a test compares.
    "bitbucket.org": (
        HostKey("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO"),
        HostKey(
            "ecdsa-sha2-nistp256",
            "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPIQmuzMBuKdWeF4+a2sjSSpBK0iqitSQ+5BM9KhpexuGt20JpTVM7u5"
            "BDZngncgrqDMbWdxMWWOGtZ9UgbqgZE=",
        ),
        HostKey(
            "ssh-rsa",
            "AAAAB3NzaC1yc2EAAAADAQABAAABgQDQeJzhupRu0u0cdegZIa8e86EG2qOCsIsD1Xw0xSeiPDlCr7kq97NLmMbpKTX6Esc30NuoqEEHCuc7"
            "yWtwp8dI76EEEB1VqY9QJq6vk+aySyboD5QF61I/1WeTwu+deCbgKMGbUijeXhtfbxSxm6JwGrXrhBdofTsbKRUsrN1WoNgUa8uqN1Vx6WAJ"
            "w1JHPhglEGGHea6QICwJOAr/6mrui/oB7pkaWKHj3z7d1IC4KWLtY47elvjbaTlkN04Kc/5LFEirorGYVbt15kAUlqGM65pk6ZBxtaO3+30L"
            "VlORZkxOh+LKL/BvbZ/iRNhItLqNyieoQj/uh/7Iv4uyH/cV/0b4WDSd3DptigWq84lJubb9t/DnZlrJazxyDCulTmKdOR7vs9gMTo+uoIrP"
            "Sb8ScTtvw65+odKAlBj59dhnVp9zd7QUojOpXlL62Aw56U4oO+FALuevvMjiWeavKhJqlR7i5n9srYcrNV7ttmDw7kf/97P5zauIhxcjX+xH"
            "v4M=",
        ),
    ),
}


class HostPlace(NamedTuple):
    """Where ssh looks a host up: under which name, and in which files. New keys go into `own`."""

    name: str
    host: str
    port: int
    files: tuple[Path, ...]
    own: Path

    @classmethod
    def of(cls, address: SSH) -> HostPlace:
        """By ssh's own configuration, which may rename hosts and files."""
        found = client.effective(address.host, address.port, address.user)
        host, port = found["hostname"][0], int(found["port"][0])
        alias = found.get("hostkeyalias", ["none"])[0]
        name = alias if alias != "none" else host if port == SSH_PORT else f"[{host}]:{port}"
        users = _files(found, "userknownhostsfile", host)
        own = next((path for path in users if path.is_file() or not path.exists()), client.ssh_folder() / "known_hosts")
        return cls(name, host, port, (*users, *_files(found, "globalknownhostsfile", host)), own)


def _files(found: Mapping[str, list[str]], key: str, host: str) -> tuple[Path, ...]:
    names = shlex.split(found.get(key, [""])[0])
    return tuple(client.expand_path(name, host) for name in names if name != "none")


def check_fingerprint(text: str) -> str:
    """Return a fingerprint as ssh writes it, or raise `CPVError`."""
    if not _FINGERPRINT.fullmatch(text):
        fix = "--host-fingerprint SHA256:… as the host's administrator publishes it"
        raise CPVError(f"{text!r} is not a SHA256 fingerprint", fix=fix)
    return text.rstrip("=")


def known_hosts_steps(address: SSH, *, fingerprint: str | None = None, confirm: Confirm | None = None) -> list[Step]:
    """What has to be done so that ssh knows the host; nothing where it does.

    `fingerprint` is what the user says the key has. Without it `confirm` is asked about an unknown key, when the first
    step is done. Raises `CPVError` where nobody can confirm, a key is not the right one, or no host answers.
    """
    wanted = check_fingerprint(fingerprint) if fingerprint is not None else None
    place = HostPlace.of(address)
    known = _known(place)
    pinned = PINNED.get(place.name)
    if pinned:
        return _pinned_steps(place, pinned, known, wanted)
    if known:
        if wanted is not None and wanted not in [key.fingerprint for key in known]:
            told = ", ".join(key.fingerprint for key in known)
            raise _changed(place, f"the key that this machine knows for {place.name} is {told}, not {wanted}")
        return []
    offered = scan(place)
    if wanted is not None:
        found = [key for key in offered if key.fingerprint == wanted]
        if not found:
            told = ", ".join(key.fingerprint for key in offered)
            what = f"{place.name} has the key {told}, not {wanted}: it may be another machine in its place"
            raise CPVError(what, fix="compare with what the host's administrator publishes")
        return [_add(place, found[0])]
    key = offered[0]
    if confirm is None:
        what = f"the key of {place.name} is not known; it shows {key.kind} {key.fingerprint}"
        port = f" --port {address.port}" if address.port else ""
        command = (
            f"dvc cpv bitbucket-config --host {shell_word(address.host)}{port} --host-fingerprint {key.fingerprint}"
        )
        raise CPVError(what, fix=f"compare that with what its administrator publishes, then {command}")
    return [_add(place, key, confirm)]


def _pinned_steps(
    place: HostPlace, pinned: tuple[HostKey, ...], known: list[HostKey], wanted: str | None
) -> list[Step]:
    if wanted is not None and wanted not in [key.fingerprint for key in pinned]:
        told = ", ".join(key.fingerprint for key in pinned)
        raise CPVError(f"{place.name} publishes the keys {told}, not {wanted}", fix="leave --host-fingerprint out")
    if any(key in pinned for key in known):
        return []
    if known:
        told = ", ".join(key.fingerprint for key in known)
        raise _changed(place, f"this machine knows {place.name} by {told}, which is not what it publishes")
    return [_add(place, key) for key in pinned]


def _changed(place: HostPlace, what: str) -> CPVError:
    fix = f"find out why, then ssh-keygen -R {shell_word(place.name)} -f {shell_path(place.own)} and again"
    return CPVError(f"{what}; somebody may be listening in", where=str(place.own), fix=fix)


def _known(place: HostPlace) -> list[HostKey]:
    """The keys that ssh's files have for the host; `ssh-keygen -F` reads hashed names too."""
    found = []
    for path in place.files:
        if not path.is_file():
            continue
        for line in client.run_openssh(["ssh-keygen", "-F", place.name, "-f", path]).stdout.splitlines():
            words = line.split()
            if words[:1] == ["@revoked"]:
                raise CPVError(f"a key of {place.name} is marked as revoked", where=str(path), fix=f"edit {path}")
            words = words[1:] if words[:1] == ["@cert-authority"] else words
            if len(words) >= 3 and not line.startswith("#"):
                found.append(HostKey(words[1], words[2]))
    return found


def scan(place: HostPlace) -> list[HostKey]:
    """The keys that whoever answers for the host shows, best kind first. `CPVError` where nobody does."""
    command = ["ssh-keyscan", "-T", str(SCAN_SECONDS), "-p", str(place.port), "--", place.host]
    try:
        done = client.run_openssh(command, seconds=3 * SCAN_SECONDS)
    except subprocess.TimeoutExpired:
        done = subprocess.CompletedProcess(command, 1, "", "")
    lines = [line.split() for line in done.stdout.splitlines() if not line.startswith("#")]
    found = [HostKey(words[1], words[2]) for words in lines if len(words) == 3 and words[1] in _KINDS]
    if not found:
        what = f"no SSH server answers at {place.host}, port {place.port}"
        reason = " (there is no host of that name)" if _unresolved(done.stderr) else ""
        raise CPVError(what + reason, fix="check the network, --host and --port")
    return sorted(found, key=lambda key: _KINDS.index(key.kind))


def _unresolved(said: str) -> bool:
    return any(words in said for words in ("not known", "No address", "name resolution", "nodename"))


def _add(place: HostPlace, key: HostKey, confirm: Confirm | None = None) -> Step:
    asked = ", if you confirm it" if confirm else ""
    text = f"add the {key.kind} key {key.fingerprint} of {place.name} to {place.own}{asked}"

    def do() -> None:
        if confirm is not None and not confirm(
            f"{place.name} shows the {key.kind} key {key.fingerprint}. Is it right?"
        ):
            raise CPVError(f"the key of {place.name} was not confirmed", fix="ask the host's administrator for it")
        _append(place.own, f"{place.name} {key.kind} {key.blob}")

    return Step(Effect("file", text), do)


def _append(path: Path, line: str) -> None:
    """Add a line to a file of known hosts, through a symbolic link too; its mode and its other bytes stay."""
    before, mode = b"", FILE_MODE
    if path.exists():
        before, mode = path.read_bytes(), path.stat().st_mode & 0o777
    if before and not before.endswith(b"\n"):
        before += b"\n"
    client.replace_file(path, before + line.encode() + b"\n", mode)
