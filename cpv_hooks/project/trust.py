"""Which servers get the user's credentials for a repository: AWS's, the user's own, and those that were confirmed.

A server that only the clone names is asked about once. The answers stand in `~/.cpv/trusted.json`, by repository;
`CPV_TRUST` (servers, or `all`) answers where nobody can be asked.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cpv_hooks import state_files
from cpv_hooks.dvcformat.remote_url import PROVIDER_HOSTS, url_scheme
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.clone_settings import CloneSettings
from cpv_hooks.state_files import cpv_home

VARIABLE = "CPV_TRUST"
COMMAND = "dvc cpv config trust"
_ALL = frozenset({"all", "*", "1", "true", "yes", "on"})
_PLAIN_AWS = "http://s3.amazonaws.com"
# S3 alone: under other names of amazonaws.com are machines of AWS's customers.
_AWS = r"https://s3(-accelerate|-fips|-external-1)?(\.dualstack)?([.-][a-z]{2}(-[a-z]+)+-\d{1,2})?\.amazonaws\.com(\.cn)?(:443)?/?"
# Nothing in it that two readers of a URL could understand in two ways.
_PLAIN = r"([A-Za-z][A-Za-z0-9+.-]*)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[\w./~%-]*)?"
_PORTS = {"http": ":80", "https": ":443"}
# Stores whose servers are the provider's own, unless one of these options names another.
_ELSEWHERE = ("endpointurl", "oss_endpoint", "connection_string")


def server(url: str) -> str:
    """What of an address says who answers: scheme, host and port, as it is confirmed and remembered."""
    found = re.fullmatch(_PLAIN, url)
    if found is None:
        return url
    scheme, host, port = found[1].lower(), found[2].lower(), found[3] or ""
    return f"{scheme}://{host}{'' if port == _PORTS.get(scheme) else port}"


def servers_in_question(repo: Repo, root: Path, remote: str, url: str, options: Mapping[str, str]) -> list[str]:
    """The servers of a remote that only the clone names, and that nobody has confirmed; mostly none."""
    named = list(_named_by_clone(url, CloneSettings(repo, root, remote, options)))
    if not named:
        return []
    known = {*_of_environment(), *confirmed(repo)}
    if known & _ALL:
        return []
    open_ones = [name for name in map(server, named) if name not in known]
    own = _of_user(repo, root) if open_ones else set()
    return [name for name in open_ones if name not in own]


def is_confirmed(repo: Repo, address: str) -> bool:
    """Whether the user has confirmed an address that the clone names."""
    known = {*_of_environment(), *confirmed(repo)}
    return bool(known & _ALL) or server(address) in known


def refuse_unconfirmed(repo: Repo, root: Path, remote: str, url: str, options: Mapping[str, str]) -> None:
    """Refuse to send credentials to a server that only the clone names. The error says what is asked, and how."""

    from cpv_hooks.console.redact import redact

    CloneSettings(repo, root, remote, options).check_certificates()
    for name in servers_in_question(repo, root, remote, url, options):
        is_plain = name.startswith("http://")
        seen = ", in plain text: session tokens and encryption keys could be read on the way" if is_plain else ""
        what = f"the repository says that its data is at {redact(name)}; may your credentials be used there{seen}?"
        raise CPVError(what, where=f"remote {remote}", fix=f"{COMMAND} {shell_word(redact(name))}")


def _named_by_clone(url: str, settings: CloneSettings) -> Iterator[str]:
    """Addresses that the clone's files name, but AWS's own."""
    scheme = url_scheme(url)
    if scheme not in PROVIDER_HOSTS:
        if settings.brought("url"):
            parts = urlsplit(url)
            yield f"{scheme}://{parts.netloc.rpartition('@')[2]}"
        return
    for key in _ELSEWHERE:
        address = settings.brought(key)
        if address is not None and not re.fullmatch(_AWS, address):
            yield address if key != "connection_string" else _in_connection_string(address)
    if scheme == "s3" and (settings.brought("use_ssl") or "").lower() in ("false", "no", "0", "off"):
        yield _PLAIN_AWS


def _in_connection_string(text: str) -> str:
    """The server that Azure's connection string names; what else is in it is secret."""
    found = re.search(r"(?i)BlobEndpoint=([^;\s]+)", text)
    return found[1] if found else "azure"


def _of_environment() -> set[str]:
    return {server(word) for word in re.split(r"[\s,]+", os.environ.get(VARIABLE, "")) if word}


def _of_user(repo: Repo, root: Path) -> set[str]:
    """The servers that the user's own settings name: AWS's, CPV's, and DVC's outside what came with a clone."""
    from cpv_hooks.dvcformat.dvc_config_files import remotes_of, user_files
    from cpv_hooks.system.own_files import read_own

    named = [os.environ.get(name, "") for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")]
    named += _in_aws_files()
    with suppress(OSError, ValueError, KeyError, TypeError, CPVError):
        named.append(json.loads(read_own(cpv_home() / state_files.CONFIG, follow=True))["aws"]["endpoint_url"] or "")
    files = user_files()
    if CloneSettings(repo, root, "", {}).has_own_local_file:
        files.append(f"{root}/.dvc/config.local")
    for file in files:
        for values in remotes_of(file).values():
            named += [values.get(key, "") for key in ("url", *_ELSEWHERE)]
    return {server(name) for name in named if name}


def _in_aws_files() -> list[str]:
    from cpv_hooks.project.clone_settings import aws_path

    path = aws_path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config")
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return re.findall(r"(?m)^\s*endpoint_url\s*=\s*(\S+)", text)


def key_of(repo: Repo) -> str:
    """The name of a repository in the file: the folder that all its work trees share."""
    return os.path.realpath(repo.common_dir)


def confirmed(repo: Repo) -> set[str]:
    """The servers that the user has confirmed for a repository."""
    found = read_confirmed().get(key_of(repo), [])
    return {name for name in found if isinstance(name, str) and name not in _ALL}


def read_confirmed() -> dict[str, Any]:
    """All answers, repository -> servers; none from a file that somebody else could have written."""
    from cpv_hooks.system.own_files import read_own

    try:
        table = json.loads(read_own(cpv_home() / state_files.TRUSTED))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    found = table.get("repositories") if isinstance(table, dict) else None
    return {key: value for key, value in found.items() if isinstance(value, list)} if isinstance(found, dict) else {}
