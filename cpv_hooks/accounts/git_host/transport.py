"""Git talking to a host: which URLs it may use, without ever asking anybody, and its failures as one line."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from cpv_hooks.accounts.git_host import client
from cpv_hooks.console.redact import redact
from cpv_hooks.console.trace import emit_trace
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.git.repo import Repo, environment

_PROTOCOLS = ("ssh", "https", "file")
# [user@]host:path, as in scp(1); a colon behind a slash is part of a local path (git-clone(1), GIT URLS).
_SCP = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>\[[^\]/]+\]|[^@/:]+):(?!:)(?P<path>.+)")
_UNATTENDED = ("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=30", "-c", "core.askPass=")

# What OpenSSH, libcurl and the hosts say; the first that fits names the cause.
_CHANGED_KEY = ("REMOTE HOST IDENTIFICATION HAS CHANGED",)
_UNKNOWN_KEY = ("Host key verification failed",)
_UNKNOWN_HOST = ("Could not resolve host", "Name or service not known", "Temporary failure in name resolution")
_OFFLINE = (
    "Connection refused", "Connection timed out", "Connection reset", "Connection closed by", "Network is unreachable",
    "No route to host", "Failed to connect", "Couldn't connect to server", "Operation timed out", "Operation too slow",
    "kex_exchange_identification",
)  # fmt: skip
_DENIED = (
    "Permission denied", "Authentication failed", "could not read Username", "could not read Password",
    "Access denied", "Forbidden", "returned error: 403", "returned error: 401",
)  # fmt: skip
_NO_REPOSITORY = (
    "not appear to be a git repository", "Repository not found", "repository not found", "not found", "does not exist",
    "No such file or directory", "could not be found",
)  # fmt: skip


class HostError(CPVError):
    """The Git host did not do what was asked."""


class Unreachable(HostError):
    """The Git host could not be reached at all: no network, or no such host."""


def check_url(url: str) -> None:
    """Raise `CPVError` for a URL that Git must not be given: another protocol, an option, a password in it."""
    pattern = "dvc cpv config set bitbucket.url_pattern URL"
    try:
        parts = urlsplit(url) if "://" in url else None
        host = (parts.hostname or "") if parts else _host(url)
    except ValueError:
        parts, host = None, "-"
    if not url or url.startswith("-") or host.startswith("-") or not url.isprintable():
        raise CPVError(f"{url!r} is not a repository's URL", fix=pattern)
    if parts and parts.password:
        what = "the repository's URL holds a password, which other users of this machine could see"
        raise CPVError(what, where=redact(url), fix="git config --global credential.helper store, and a URL without it")
    if (parts and parts.scheme not in _PROTOCOLS) or re.match(r"[A-Za-z0-9+.-]+::", url):
        kind = url.partition(":")[0]
        raise CPVError(f"{kind} is not a protocol for repositories (ssh, https, file)", where=url, fix=pattern)


def is_local(url: str) -> bool:
    """Whether a URL names a folder of this machine."""
    return url.startswith("file://") or ("://" not in url and not _SCP.fullmatch(url))


def talk(repo: Repo, url: str, *args: str) -> None:
    """Run a Git command that talks to the host of `url`; `HostError` with the cause where it fails.

    Nobody is asked for a password, a passphrase or a host key; no protocol but ssh, https and file is spoken, whatever
    the user's configuration turns the URL into.
    """
    command = ["git", "-c", "core.fsmonitor=false", "-c", "gc.auto=0", *_UNATTENDED, *args]
    emit_trace("debug", shlex.join(command))
    here = {"GIT_DIR": str(repo.git_dir), "GIT_WORK_TREE": str(repo.top)}
    done = subprocess.run(
        command,
        cwd=repo.top,
        env=environment(here | _unattended(repo)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise explain_ssh(done.stderr.decode("utf-8", "replace"), url)


def _unattended(repo: Repo) -> dict[str, str]:
    found = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_ALLOW_PROTOCOL": ":".join(_PROTOCOLS),
        "GIT_LFS_SKIP_SMUDGE": "1",
    }
    if "GIT_SSH" not in os.environ or "GIT_SSH_COMMAND" in os.environ:
        # The user's own program may be another than OpenSSH (GIT_SSH), whose options are not known.
        found |= client.git_environment(configured=repo.config("core.sshCommand"))
    return found


def explain_ssh(printed: str, url: str) -> HostError:
    """The one line for what Git and ssh printed."""
    host, shown = _host(url), redact(url)
    if _says(printed, _CHANGED_KEY):
        fix = f"ask whoever runs the host why, then ssh-keygen -R {shell_word(host)}"
        return HostError(f"the key of {host} is not the one that this machine knows", where=shown, fix=fix)
    if _says(printed, _UNKNOWN_KEY):
        what = f"the key of {host} is not known to this machine"
        return HostError(what, where=shown, fix="dvc cpv bitbucket-config")
    if _says(printed, _UNKNOWN_HOST):
        fix = "check the network, and the host's name: dvc cpv config get bitbucket"
        return Unreachable(f"there is no host {host}, or no network", where=shown, fix=fix)
    if _says(printed, _OFFLINE):
        return Unreachable(f"{host} does not answer", where=shown, fix="check the network, then repeat the command")
    if _says(printed, _DENIED):
        fix = f"git ls-remote {shell_word(shown)}" if url.startswith("https:") else "dvc cpv bitbucket-config"
        return HostError(f"{host} does not let you in", where=shown, fix=fix)
    if _says(printed, _NO_REPOSITORY):
        fix = "check the team's and the model's name, or dvc cpv config set bitbucket.url_pattern URL"
        return HostError("there is no such repository, or you have no access to it", where=shown, fix=fix)
    return HostError(f"Git says: {_first(printed.splitlines())}", where=shown, fix=f"git ls-remote {shell_word(shown)}")


def _says(printed: str, phrases: Iterable[str]) -> bool:
    return any(phrase in printed for phrase in phrases)


def _first(lines: list[str]) -> str:
    """Git's own reason; ssh's and the server's chatter stands around it."""
    reasons = [line for line in lines if line.startswith(("fatal: ", "error: "))] or lines or ["no reason given"]
    return redact(reasons[0].removeprefix("fatal: ").removeprefix("error: ").strip())


def _host(url: str) -> str:
    if "://" in url:
        parts = urlsplit(url)
        host = parts.hostname or "this machine"
        return f"[{host}]:{parts.port}" if parts.port else host
    scp = _SCP.fullmatch(url)
    return scp["host"] if scp else str(Path(url))
