"""What a user asks for, together with what is configured: the host, the key, and the repository they are for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cpv_hooks.accounts.git_host import keys, origin, ssh_config
from cpv_hooks.accounts.git_host.pattern import (
    SSH,
    SSH_PORT,
    check_pattern,
    parse_ssh_url,
    pattern_host,
    repository_url,
)
from cpv_hooks.accounts.personal import personal_settings as personal
from cpv_hooks.accounts.personal.schema import Bitbucket, Settings
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.git.no_repository import NoRepository
from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.roots import projects_here

_COMMAND = "dvc cpv bitbucket-config"


class GitHostRequest(NamedTuple):
    """What the user asked for; None is "as it is configured", or the default.

    `user` is the user's own name on the host, `keygen_filename` a bare name (in `~/.ssh`) or a path of a private key.
    `team` and `model` are for a repository that does not say its own.
    """

    keygen_filename: str | None = None
    user: str | None = None
    host: str | None = None
    port: int | None = None
    url_pattern: str | None = None
    host_fingerprint: str | None = None
    team: str | None = None
    model: str | None = None
    test: bool = True


class GitHostTarget(NamedTuple):
    """The host as it will be configured. `url` is that of the repository here, and `repo` lacks it as its `origin`."""

    wanted: Settings
    address: SSH
    key: Path
    repo: Repo | None
    url: str | None


def resolve_target(request: GitHostRequest, here: Path) -> GitHostTarget:
    """What a request means in a folder, by the settings and its repository. Raises `CPVError` for bad input."""
    now = personal.load_settings()
    wanted = now.model_copy(update={"bitbucket": _bitbucket(request, now.bitbucket)})
    repo, team, model = _repository(request, here, now)
    url = repository_url(wanted, team or "team", model or "model")
    address = parse_ssh_url(url)
    if address is None:
        what = f"{wanted.bitbucket.url_pattern!r} is not an SSH URL"
        raise CPVError(what, fix=f"{_COMMAND} --url-pattern 'git@HOST:{{team_name}}/{{model_name}}.git'")
    if address.host != wanted.bitbucket.host:
        what = f"the URL pattern names the host {address.host}, and the settings {wanted.bitbucket.host}"
        raise CPVError(what, fix=f"{_COMMAND} --host {shell_word(address.host)}, or put {{host}} into the pattern")
    if address.port is None and wanted.bitbucket.port is not None:
        address = SSH(address.host, wanted.bitbucket.port, address.user, address.path)
    key = _key(request, wanted, address, here)
    if repo is not None and not origin.is_missing(repo):
        return GitHostTarget(wanted, address, key, None, _on(repo, address.host))
    known = bool(team and model)
    return GitHostTarget(wanted, address, key, repo if known else None, url if known else None)


def _on(repo: Repo, host: str) -> str | None:
    """The URL of `origin`, where that is on this host."""
    url = repo.run("remote", "get-url", origin.NAME).strip()
    found = parse_ssh_url(url)
    return url if found is not None and found.host == host else None


def _bitbucket(request: GitHostRequest, now: Bitbucket) -> Bitbucket:
    """The settings of the host as they will be. Another host's port and pattern are not this one's."""
    named = pattern_host(check_pattern(request.url_pattern)) if request.url_pattern is not None else None
    host = request.host if request.host is not None else named or now.host
    base = now if host == now.host else Bitbucket(user=now.user, key_path=now.key_path)
    given = {"host": host, "port": request.port, "user": request.user, "url_pattern": request.url_pattern}
    changes = {name: value for name, value in given.items() if value is not None}
    return _checked(base.model_dump() | changes)


def _checked(values: Mapping[str, object]) -> Bitbucket:
    from pydantic import ValidationError

    try:
        return Bitbucket.model_validate(dict(values))
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        option = "--" + name.replace("_", "-")
        what = f"{option} must be {Bitbucket.model_fields[name].description}, not {values[name]!r}"
        raise CPVError(what, fix=f"{_COMMAND} {option} {name.upper()}") from None


def _key(request: GitHostRequest, wanted: Settings, address: SSH, here: Path) -> Path:
    """The key that was named; else the configured one, the one that the user's own entry names, ssh's usual one."""
    if request.keygen_filename is not None:
        return keys.key_path(request.keygen_filename, here)
    if wanted.bitbucket.key_path:
        return keys.key_path(Path(wanted.bitbucket.key_path).expanduser().absolute())
    own = ssh_config.own_key(address.host, address.port, address.user)
    return own or keys.key_path(keys.DEFAULT)


def _repository(request: GitHostRequest, here: Path, settings: Settings) -> tuple[Repo | None, str | None, str | None]:
    """The repository around a folder, with its team and model as far as they are known."""
    if not here.is_dir():
        raise CPVError("no such folder", where=str(here), fix="name the repository's folder")
    try:
        repo = Repo.discover(here)
    except NoRepository:
        return None, request.team, request.model
    try:
        project = projects_here(repo, here)[0]
    except CPVError:
        return None, request.team, request.model
    if project.prefix:
        # A folder of a larger repository, whose origin is not one model's.
        return None, request.team, request.model
    config = project.config
    for name, own, asked in (("team", config.team, request.team), ("model", config.model, request.model)):
        if None not in (own, asked) and own != asked:
            what = f"this repository has {name} = {own!r}, not {asked!r}"
            raise CPVError(what, where=str(project.root), fix=f"leave --{name}-name out")
    return repo, config.team or request.team or settings.team_name, config.model or request.model or project.root.name


def port_for_entry(target: GitHostTarget) -> int | None:
    """The port for ssh's configuration, where the URL cannot say it (`user@host:path`) and it is not ssh's own."""
    named = parse_ssh_url(repository_url(target.wanted, "team", "model"))
    port = target.wanted.bitbucket.port
    return port if named is not None and named.port is None and port != SSH_PORT else None
