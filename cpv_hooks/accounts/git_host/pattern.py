"""Where a model's Git repository is: the URL that the personal settings' pattern gives for a team and a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import TYPE_CHECKING

from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.names import check_name

if TYPE_CHECKING:
    from cpv_hooks.accounts.personal.schema import Settings

CLOUD = "bitbucket.org"
CLOUD_PATTERN = "git@{host}:AI-{team_name}-model-checkpoints/{model_name}.git"
PORT_PATTERN = "ssh://git@{host}:{port}/AI-{team_name}-model-checkpoints/{model_name}.git"
SSH_PORT, DATA_CENTER_PORT = 22, 7999
"""What the SSH protocol listens on, and what Bitbucket Data Center does."""
FIELDS = ("team_name", "model_name", "host", "user", "port")
REQUIRED = ("team_name", "model_name")
_FIX = "dvc cpv bitbucket-config --url-pattern 'git@HOST:AI-{team_name}-model-checkpoints/{model_name}.git'"

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
_USER = r"[A-Za-z0-9._][A-Za-z0-9._+-]{0,127}"
_PATH = r"[A-Za-z0-9._~/+@-]+"
# Git's own forms (git-fetch(1), "GIT URLS"), less those in which nobody proves who the host is (http, git), and the
# helpers that run a program (ext::).
_SSH_URL = re.compile(rf"ssh://(?:({_USER})@)?({_HOST}|\[[0-9A-Fa-f:]+\])(?::([0-9]{{1,5}}))?/({_PATH})")
_SCP_FORM = re.compile(rf"(?:({_USER})@)?({_HOST}|\[[0-9A-Fa-f:]+\])()?:({_PATH})")
_OTHER = re.compile(rf"(?:https://{_HOST}(?::[0-9]{{1,5}})?|file://)?(/{_PATH})")


class SSH(NamedTuple):
    """What an SSH URL says. `user` and `port` are None where ssh's own configuration decides; `path` has no leading
    slash and no `.git`."""

    host: str
    port: int | None
    user: str | None
    path: str


def repository_url(settings: Settings, team: str, model: str) -> str:
    """The URL of a model's repository on the configured host.

    Raises `CPVError` for a pattern with unknown or missing fields, for one that gives no safe URL, and for names that
    could not stand in one.
    """
    bitbucket = settings.bitbucket
    pattern = bitbucket.url_pattern or default_pattern(bitbucket.host, bitbucket.port)
    check_pattern(pattern)
    values = {
        "team_name": check_name("team", team),
        "model_name": check_name("model", model),
        "host": f"[{bitbucket.host}]" if ":" in bitbucket.host else bitbucket.host,
        "user": bitbucket.user or "git",
        "port": str(bitbucket.port or default_port(bitbucket.host)),
    }
    return _check_url(pattern.format_map(values))


def default_pattern(host: str, port: int | None) -> str:
    """The pattern where none is configured: Bitbucket Cloud's form, or Data Center's, which names its port."""
    return CLOUD_PATTERN if host == CLOUD and port in (None, SSH_PORT) else PORT_PATTERN


def default_port(host: str) -> int:
    """The port that a host listens on where none is configured: Bitbucket Cloud's, or Data Center's."""
    return SSH_PORT if host == CLOUD else DATA_CENTER_PORT


def check_pattern(pattern: str) -> str:
    """Return a pattern that has the fields it needs and gives a URL that Git may be handed; else raise `CPVError`."""
    try:
        fields = [part[1:] for part in Formatter().parse(pattern) if part[1] is not None]
    except ValueError:
        raise _refused(pattern, "its braces do not match") from None
    for name, form, conversion in fields:
        if name not in FIELDS or form or conversion:
            known = ", ".join(f"{{{field}}}" for field in FIELDS)
            raise _refused(pattern, f"there is no field {{{name}}} (known: {known})")
    missing = [f"{{{name}}}" for name in REQUIRED if name not in [field[0] for field in fields]]
    if missing:
        raise _refused(pattern, f"it has no {' and no '.join(missing)}, so several models would share a repository")
    _check_url(pattern.format_map(_EXAMPLE), pattern)
    return pattern


_EXAMPLE: Mapping[str, str] = {"team_name": "t", "model_name": "m", "host": "host.example", "user": "u", "port": "22"}


def parse_ssh_url(url: str) -> SSH | None:
    """Host, port, user and path of an SSH URL; None for any other."""
    found = _SSH_URL.fullmatch(url) or (None if url.startswith("/") or "://" in url else _SCP_FORM.fullmatch(url))
    if found is None:
        return None
    user, host, port, path = found.groups()
    return SSH(host.strip("[]"), int(port) if port else None, user, path.strip("/").removesuffix(".git"))


def pattern_host(pattern: str) -> str | None:
    """The host that a pattern names outright, or None where it has `{host}` or is not an SSH URL."""
    found = parse_ssh_url(pattern.format_map({**_EXAMPLE, "host": "host-field.invalid"}))
    return found.host if found and found.host != "host-field.invalid" else None


def _check_url(url: str, pattern: str | None = None) -> str:
    shown = pattern or url
    if "@" in url.partition("://")[2] and ":" in url.partition("://")[2].partition("@")[0]:
        # Not shown, for it holds a secret.
        raise CPVError("the repository's URL has a password in it, which would be saved", fix=_FIX)
    ssh = parse_ssh_url(url)
    other = _OTHER.fullmatch(url)
    path = ssh.path if ssh else other[1] if other else None
    if path is None:
        raise _refused(shown, "it is not an ssh://, https:// or user@host:path URL")
    parts = path.strip("/").split("/")
    if any(part in ("", ".", "..") or part.startswith("-") for part in parts):
        raise _refused(shown, "a part of its path is empty, '.', '..' or begins with '-'")
    if ssh and ssh.port is not None and not 1 <= ssh.port <= 65535:
        raise _refused(shown, "its port is not from 1 to 65535")
    return url


def _refused(pattern: str, why: str) -> CPVError:
    return CPVError(f"{pattern!r} cannot be the repository's URL: {why}", fix=_FIX)
