"""Whether the Git host lets the user in and has the repository; each way in which it may not has a line of its own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Literal

from cpv_hooks.accounts.git_host import client, keys
from cpv_hooks.accounts.git_host.pattern import CLOUD, SSH, parse_ssh_url
from cpv_hooks.accounts.git_host.transport import HostError, Unreachable, explain_ssh
from cpv_hooks.errors import CPVError, shell_path, shell_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple

_COMMAND = "dvc cpv bitbucket-config"
_CLOUD_REPLY = re.compile(r"authenticated via (?:ssh|deploy) key|logged in as (?P<user>[^\s.]+)")
_NO_SHELL = "shell request failed on channel"
_NOT_SSH = ("kex_exchange_identification", "invalid characters", "Bad remote protocol version", "Protocol mismatch")


class KeyNotAdded(HostError):
    """The host answers, and does not know the user's key."""


class Welcome(NamedTuple):
    """The host let the key in. `user` is whom it took the key's owner for, where it says so."""

    kind: Literal["cloud", "data center"]
    user: str | None = None


def page_for_keys(host: str) -> str:
    """Where a user pastes the public key: Bitbucket Cloud's page, or Data Center's."""
    if host == CLOUD:
        return f"https://{host}/account/settings/ssh-keys/"
    return f"https://{host}/plugins/servlet/ssh/account/keys"


def greet(address: SSH, *, key: Path | None = None, seconds: float = client.SECONDS) -> Welcome:
    """Log in to the host as Git would, without asking anybody anything.

    `key` is the user's private key, for the message. Raises `KeyNotAdded`, `Unreachable` and `HostError`, which say
    what is wrong: an unknown or changed host key, no such host, no answer, no SSH server, no Bitbucket.
    """
    shell = _ssh(address, seconds)
    reply = _CLOUD_REPLY.search(shell.stdout + shell.stderr)
    if reply:
        return Welcome("cloud", reply["user"])
    if shell.returncode == 255 and _NO_SHELL not in shell.stderr:
        raise _refusal(shell.stderr, address, key)
    # Data Center has a command for this; a login shell would name the account that everybody shares
    # (developer.atlassian.com, "SSH Request Handler").
    who = _ssh(address, seconds, "whoami")
    name = who.stdout.strip()
    if who.returncode == 0 and name and " " not in name and name != address.user:
        return Welcome("data center", name)
    fix = f"{_COMMAND} --host {shell_word(address.host)} --port 7999, or --no-test for another kind of Git host"
    raise HostError("it lets the key in, but does not answer as Bitbucket does", where=_shown(address), fix=fix)


def check_repository(url: str, repo: Repo | None = None, *, seconds: float = client.SECONDS) -> None:
    """Raise `HostError` where the repository is not there, or not for this user; what to create where ends the line."""
    configured = repo.config("core.sshCommand") if repo else None
    env = client.git_environment(seconds, configured=configured) | {"GIT_TERMINAL_PROMPT": "0"}
    command = ["git", "ls-remote", "--quiet", "--", url, "HEAD"]
    try:
        done = client.run_openssh(command, seconds=6 * seconds, env=env)
    except subprocess.TimeoutExpired:
        raise Unreachable("it does not answer", where=url, fix="check the network, and try again") from None
    address = parse_ssh_url(url)
    if not done.returncode:
        return
    if address is None:
        raise explain_ssh(done.stderr, url)
    if _is_refusal(done.stderr):
        raise _refusal(done.stderr, address, None)
    project, _, name = address.path.rpartition("/")
    fix = f"create the repository {name} in {project} on https://{address.host}, or have its owner give you access"
    raise HostError("there is no such repository, or you have no access to it", where=url, fix=fix)


def _ssh(address: SSH, seconds: float, *command: str) -> subprocess.CompletedProcess[str]:
    target = [*(["-p", str(address.port)] if address.port else []), *(["-l", address.user] if address.user else [])]
    args = ["ssh", "-T", *client.options(), *client.batch(seconds), *target, "--", address.host, *command]
    try:
        # ssh's own limit is for the connection; a server may fall silent later.
        return client.run_openssh(args, seconds=3 * seconds)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(args, 255, "", "Connection timed out")


def _is_refusal(said: str) -> bool:
    """Whether ssh itself failed, before any repository was looked for."""
    words = ("Permission denied (", "Host key verification failed", "ssh: ", "Connection closed by", "timed out")
    return any(word in said for word in (*words, "Connection reset by", *_NOT_SSH))


def _refusal(said: str, address: SSH, key: Path | None) -> CPVError:
    where = _shown(address)
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in said:
        return _changed(said, where)
    if "Host key verification failed" in said:
        fix = f"{_COMMAND} --host {shell_word(address.host)}"
        return HostError("its host key is not known to this machine", where=where, fix=fix)
    if "Permission denied" in said or "Too many authentication failures" in said:
        return _not_added(address, where, key)
    if any(words in said for words in _NOT_SSH):
        return Unreachable("no SSH server answers there", where=where, fix="check --host and --port")
    if "Bad configuration option" in said or "Bad owner or permissions" in said:
        line = next(line for line in said.splitlines() if "Bad " in line)
        return HostError(f"ssh refuses its configuration: {line}", where=where, fix=f"edit {client.config_file()}")
    return explain_ssh(said, f"ssh://{where}/")


def _changed(said: str, where: str) -> CPVError:
    shown = re.search(r"SHA256:[A-Za-z0-9+/]+", said)
    known = re.search(r"in (\S+):(\d+)", said)
    what = f"its host key has CHANGED, to {shown[0] if shown else 'another one'}: somebody may be in its place"
    place = f", then delete line {known[2]} of {known[1]}" if known else ""
    return HostError(what, where=where, fix=f"ask its administrator whether that is so{place}, and {_COMMAND}")


def _not_added(address: SSH, where: str, key: Path | None) -> CPVError:
    page = page_for_keys(address.host)
    if key is None or not keys.public_file(key).exists():
        return KeyNotAdded("it does not know your key", where=where, fix=f"add it at {page}, or {_COMMAND}")
    if keys.is_locked(key):
        what = "your key has a passphrase, and no agent holds it"
        return HostError(what, where=where, fix=f"ssh-add {shell_path(key)}")
    fix = f"paste the line {keys.public_key(key)!r} at {page}, then {_COMMAND} again"
    return KeyNotAdded("it does not know your key yet", where=where, fix=fix)


def _shown(address: SSH) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}" if address.port else host
