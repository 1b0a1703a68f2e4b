"""A host's entry in `~/.ssh/config`: a block of our own between two comments; every other byte stays as it is.

The file's format is that of ssh_config(5): for each option the first value that ssh finds counts, `Host` and `Match`
open a section that lasts to the next one, and what stands before the first section is for all hosts.
"""

from __future__ import annotations

import glob
import os
import re
import shlex
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cpv_hooks.accounts.git_host import client
from cpv_hooks.console.plan import Effect, Step
from cpv_hooks.errors import CPVError, shell_path, shell_word
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import write_atomic

FILE_MODE = 0o600
_SECTION = re.compile(rb"[ \t]*(?:host|match)(?:[ \t]*=|[ \t]+)", re.IGNORECASE)
_COMMENT = re.compile(rb"[ \t]*#")
_OPTION = re.compile(r"\s*(host|include)(?:\s*=\s*|\s+)(.*)", re.IGNORECASE)
_INCLUDES = 16
"""How deeply files may include one another (ssh's own limit)."""


class HostEntry(NamedTuple):
    """What ssh is to do for a host. `port` is for URLs that do not say one; None where they do.

    The user's name is left to the URL, so that other logins on the same machine stay what they are.
    """

    host: str
    key: Path
    port: int | None = None

    def block(self, newline: bytes = b"\n") -> bytes:
        """The entry as it stands in the file, with its comments."""
        lines = [
            _begin(self.host),
            "# Made by `dvc cpv bitbucket-config`, which may change it. It stands before every Host and Match, for",
            "# ssh takes the first value it finds, and after the options for all hosts, which a Host would end.",
            f"Host {self.host}",
            *([f"    Port {self.port}"] if self.port else []),
            # A % would begin one of ssh's tokens.
            f'    IdentityFile "{str(self.key).replace("%", "%%")}"',
            "    IdentitiesOnly yes",
            _end(self.host),
        ]
        return b"".join(os.fsencode(line) + newline for line in lines)


def _begin(host: str) -> str:
    return f"# >>> dvc cpv: {host} >>>"


def _end(host: str) -> str:
    return f"# <<< dvc cpv: {host} <<<"


def with_entry(text: bytes, entry: HostEntry) -> bytes:
    """The file's text with this entry: changed where it stands, or put before the first `Host` or `Match`."""
    lines = _lines(text)
    block = entry.block(_newline(lines))
    span = _span(lines, entry.host)
    if span is None:
        at = _first_section(lines)
        before, after = b"".join(lines[:at]), b"".join(lines[at:])
    else:
        before, after = b"".join(lines[: span[0]]), b"".join(lines[span[1] :])
    if before and not before.endswith(b"\n"):
        # A last line without an end: the block takes that place over, so that `without_entry` can give it back.
        return before + _newline(lines) + block.rstrip(b"\r\n")
    if span is not None and not after and not text.endswith(b"\n"):
        block = block.rstrip(b"\r\n")
    return before + block + after


def without_entry(text: bytes, host: str) -> bytes:
    """The file's text without our entry for a host; the rest as it was before the entry came."""
    lines = _lines(text)
    span = _span(lines, host)
    if span is None:
        return text
    before, after = b"".join(lines[: span[0]]), b"".join(lines[span[1] :])
    return before + after if after or text.endswith(b"\n") else before.removesuffix(_newline(lines))


def _lines(text: bytes) -> list[bytes]:
    return re.findall(rb"[^\n]*\n|[^\n]+", text)


def _newline(lines: list[bytes]) -> bytes:
    return b"\r\n" if lines and lines[0].endswith(b"\r\n") else b"\n"


def _first_section(lines: list[bytes]) -> int:
    """Where the first section begins, with the comments right above it; the end where there is none."""
    at = next((number for number, line in enumerate(lines) if _SECTION.match(line)), len(lines))
    while 0 < at < len(lines) and _COMMENT.match(lines[at - 1]):
        at -= 1
    return at


def _span(lines: list[bytes], host: str) -> tuple[int, int] | None:
    """From where to where our block for a host reaches, or None where there is none."""
    plain = [line.strip() for line in lines]
    begin, end = os.fsencode(_begin(host)), os.fsencode(_end(host))
    if begin not in plain:
        return None
    first = plain.index(begin)
    rest = plain[first + 1 :]
    if end not in rest or begin in rest[: rest.index(end)]:
        where = f"{client.config_file()}:{first + 1}"
        raise CPVError(f"CPV's entry has no line {_end(host)!r}", where=where, fix="delete the entry")
    return first, first + 1 + rest.index(end) + 1


def read_ssh_config() -> bytes:
    """The user's configuration; empty where there is none."""
    path = client.config_file()
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise CPVError(
            f"cannot be read ({error.strerror})",
            where=str(path),
            fix=f"mv {shell_path(path)} {shell_path(f'{path}.old')}",
        ) from error


def write_ssh_config(text: bytes) -> None:
    """Replace the user's configuration in one step, through a symbolic link too; only the user may read it (0600)."""
    client.replace_file(client.config_file(), text, FILE_MODE)


def ssh_config_steps(entry: HostEntry, user: str | None = None) -> list[Step]:
    """What has to be done so that ssh uses the key for the host; nothing where it does already.

    An entry that the user has written for the host is left alone. Raises `CPVError` where ssh would not use the key, as
    `ssh -G` tells.
    """
    before = read_ssh_config()
    path = client.config_file()
    theirs = own_entry(entry.host)
    ours = _span(_lines(before), entry.host) is not None
    if theirs is not None and not ours:
        if not uses_key(entry, user, before):
            fix = f"put IdentityFile {shell_path(entry.key)} below it, or name its key with --keygen-filename"
            raise CPVError(f"your entry for {entry.host} does not use {entry.key}", where=theirs, fix=fix)
        return _mode_steps(path)
    after = with_entry(before, entry)
    if not uses_key(entry, user, after):
        fix = f"ssh -G {shell_word(entry.host)} | grep identityfile"
        raise CPVError(f"another setting keeps ssh from using {entry.key} for {entry.host}", where=str(path), fix=fix)
    if after == before:
        return _mode_steps(path)
    verb = "change" if ours else "add"
    text = f"{verb} the entry `Host {entry.host}` {'in' if ours else 'to'} {path} (with IdentityFile {entry.key})"
    return [Step(Effect("file", text), lambda: write_ssh_config(with_entry(read_ssh_config(), entry)))]


def remove_entry_steps(host: str) -> list[Step]:
    """What has to be done so that our entry for a host is gone."""
    if without_entry(read_ssh_config(), host) == read_ssh_config():
        return []
    text = f"remove the entry `Host {host}` from {client.config_file()}"
    return [Step(Effect("file", text), lambda: write_ssh_config(without_entry(read_ssh_config(), host)))]


def _mode_steps(path: Path) -> list[Step]:
    """ssh refuses a configuration that others may write."""
    if not path.exists() or not (now := stat.S_IMODE(path.stat().st_mode)) & 0o022:
        return []
    return [Step(Effect("file", f"chmod 0600 {shell_path(path)} (it is {now:04o})"), lambda: path.chmod(FILE_MODE))]


def uses_key(entry: HostEntry, user: str | None, text: bytes) -> bool:
    """Whether ssh would offer the key to the host, if this were the user's configuration."""
    with tempfile.TemporaryDirectory(prefix="cpv-ssh-") as folder:
        path = Path(folder, "config")
        write_atomic(path, text, mode=FILE_MODE)
        found = client.effective(entry.host, entry.port, user, config=path)
    files = [client.expand_path(name.strip('"'), entry.host) for name in found.get("identityfile", [])]
    return os.path.realpath(entry.key) in [os.path.realpath(file) for file in files]


def own_entry(host: str) -> str | None:
    """`FILE:LINE` of the first entry that the user has written for exactly this host, in included files too."""
    return next(_entries(client.config_file(), host.lower(), 0), None)


def own_key(host: str, port: int | None, user: str | None) -> Path | None:
    """The first key that the user's own entry for a host has ssh use, if there is such an entry and such a file."""
    if own_entry(host) is None:
        return None
    files = [
        client.expand_path(name.strip('"'), host) for name in client.effective(host, port, user).get("identityfile", [])
    ]
    return next((file for file in files if file.is_file()), None)


def _entries(path: Path, host: str, depth: int) -> Iterator[str]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return
    inside = False
    for number, line in enumerate(lines, 1):
        if line.strip() in (_begin(host), _end(host)):
            inside = line.strip() == _begin(host)
        found = _OPTION.match(line)
        if found is None or inside:
            continue
        words = _words(found[2])
        if found[1].lower() == "host" and host in words:
            yield f"{path}:{number}"
        elif found[1].lower() == "include" and depth < _INCLUDES:
            for name in words:
                # Relative names start in ~/.ssh, whatever file they stand in.
                pattern = client.ssh_folder() / os.path.expanduser(name)
                for included in sorted(glob.glob(str(pattern))):
                    yield from _entries(Path(included), host, depth + 1)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()
