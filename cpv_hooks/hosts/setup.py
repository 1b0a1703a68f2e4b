"""Setting SSH to the Git host up, once for each person: key, configuration, host key, settings, `origin`, a test."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cpv_hooks.errors import CPVError
from cpv_hooks.git import Repo
from cpv_hooks.hosts import client, connection, keys, known_hosts, origin, ssh_config
from cpv_hooks.hosts.known_hosts import Confirm
from cpv_hooks.hosts.pattern import SSH, check_pattern, parse, pattern_host, repository_url
from cpv_hooks.hosts.step import Step
from cpv_hooks.operations.effects import Effect, Plan
from cpv_hooks.output import say, warn
from cpv_hooks.personal import settings as personal
from cpv_hooks.personal.schema import Bitbucket, Settings

_COMMAND = "dvc cpv bitbucket-config"


@dataclass(frozen=True)
class Request:
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


@dataclass(frozen=True)
class _Target:
    """The host as it will be configured. `url` is that of the repository here, `repo` where it is to be `origin`."""

    wanted: Settings
    address: SSH
    key: Path
    repo: Repo | None
    url: str | None


def plan_setup(request: Request, folder: Path | None = None, confirm: Confirm | None = None) -> Plan[None]:
    """Plan the setup for the host; `folder` is in the repository that it is for, if it is for one.

    `confirm` asks a person a yes-or-no question; without it nothing is asked. Raises `CPVError` for everything that
    can be known before anything is changed. `run` ends with a test of the connection, and raises `KeyNotAdded` where
    the key still has to be pasted on the host's page: all the rest is done then.
    """
    here = folder or Path.cwd()
    target = _target(request, here)
    entry = ssh_config.Entry(target.address.host, target.key, _port_for_entry(target))
    user = target.address.user
    # The host's key first: whoever does not confirm it has changed nothing.
    found = known_hosts.steps(target.address, fingerprint=request.host_fingerprint, confirm=confirm)
    if target.key.parent != client.folder():
        found += keys.folder_steps(client.folder())
    found += keys.steps(target.key)
    found += ssh_config.steps(entry, user)
    found += _settings_steps(target)
    if target.repo is not None and target.url is not None:
        add = partial(origin.add, target.repo, target.url)
        found.append(Step(Effect("git", f"git remote add {origin.NAME} {target.url}"), add))

    def run() -> None:
        for step in found:
            step.do()
        _after(target, request.test, confirm, here)

    return Plan(tuple(step.effect for step in found), None, run)


# What is wanted


def _target(request: Request, here: Path) -> _Target:
    now = personal.load()
    wanted = now.model_copy(update={"bitbucket": _bitbucket(request, now.bitbucket)})
    repo, team, model = _repository(request, here, now)
    url = repository_url(wanted, team or "team", model or "model")
    address = parse(url)
    if address is None:
        what = f"{wanted.bitbucket.url_pattern!r} is no SSH URL"
        raise CPVError(what, fix=f"{_COMMAND} --url-pattern 'git@HOST:{{team_name}}/{{model_name}}.git'")
    if address.host != wanted.bitbucket.host:
        what = f"the URL pattern names the host {address.host}, and the settings {wanted.bitbucket.host}"
        raise CPVError(what, fix=f"{_COMMAND} --host {address.host}, or put {{host}} into the pattern")
    if address.port is None and wanted.bitbucket.port is not None:
        address = SSH(address.host, wanted.bitbucket.port, address.user, address.path)
    known = bool(team and model)
    lacks = repo is not None and known and origin.is_missing(repo)
    return _Target(
        wanted, address, _key(request, wanted, address, here), repo if lacks else None, url if known else None
    )


def _bitbucket(request: Request, now: Bitbucket) -> Bitbucket:
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


def _key(request: Request, wanted: Settings, address: SSH, here: Path) -> Path:
    """The key that was named; else the configured one, the one that the user's own entry names, ssh's usual one."""
    if request.keygen_filename is not None:
        return keys.locate(request.keygen_filename, here)
    if wanted.bitbucket.key_path:
        return keys.locate(Path(wanted.bitbucket.key_path).expanduser().absolute())
    own = ssh_config.own_key(address.host, address.port, address.user)
    return own or keys.locate(keys.DEFAULT)


def _repository(request: Request, here: Path, settings: Settings) -> tuple[Repo | None, str | None, str | None]:
    """The repository around a folder, with its team and model as far as they are known."""
    from cpv_hooks.roots import projects_here

    if not here.is_dir():
        raise CPVError("no such folder", where=str(here), fix="name the repository's folder")
    try:
        repo = Repo.discover(here)
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


def _port_for_entry(target: _Target) -> int | None:
    """The port, where the URL cannot say it (`user@host:path`) and it is not ssh's own."""
    named = parse(repository_url(target.wanted, "team", "model"))
    port = target.wanted.bitbucket.port
    return port if named is not None and named.port is None and port != 22 else None


# Settings


def _settings_steps(target: _Target) -> list[Step]:
    now, wanted = personal.load().bitbucket, target.wanted.bitbucket
    values = {**wanted.model_dump(), "key_path": str(target.key)}
    changes: dict[str, object] = {
        f"bitbucket.{name}": value
        for name, value in values.items()
        # The host is written out although it is the default: that it was chosen is what `dvc cpv init` looks for.
        if value != getattr(now, name) or (name == "host" and "host" not in now.model_fields_set)
    }
    if not changes:
        return []
    shown = ", ".join(f"{key} = {value}" if value is not None else f"no {key}" for key, value in changes.items())
    effect = Effect("file", f"save {shown} in {personal.path()}")
    return [Step(effect, lambda: personal.update(changes))]


# Afterwards


def _after(target: _Target, test: bool, confirm: Confirm | None, here: Path) -> None:
    _tell_of_home(here)
    if not test:
        _instruct(target)
        return
    welcome = _greet(target, confirm)
    asked = target.wanted.bitbucket.user
    if welcome.user and asked and welcome.user.lower() != asked.lower():
        warn(f"{target.address.host} knows this key as {welcome.user}'s, not {asked}'s")
    if target.url is not None:
        connection.check_repository(target.url, _discover(here))
    where = f"{target.address.host} lets you in{f' as {welcome.user}' if welcome.user else ''}"
    say(f"{where}; the repository is {target.url}" if target.url else where)


def _discover(here: Path) -> Repo | None:
    try:
        return Repo.discover(here)
    except CPVError:
        return None


def _greet(target: _Target, confirm: Confirm | None) -> connection.Welcome:
    while True:
        try:
            return connection.greet(target.address, key=target.key)
        except connection.KeyNotAdded:
            if confirm is None:
                raise
            _instruct(target)
            if not confirm("Is the key added? Test the connection?"):
                raise


def _instruct(target: _Target) -> None:
    say(f"paste this line at {connection.page_for_keys(target.address.host)}, unless the host has it:")
    say(f"  {keys.public_key(target.key)}")


def _tell_of_home(here: Path) -> None:
    """Where `HOME` is not the home that the user database names, ssh does not look where we wrote."""
    if client.reads_our_folder():
        return
    configured = client.run(["git", "-C", here, "config", "--get", "core.sshCommand"]).stdout.strip()
    if configured or os.environ.get("GIT_SSH_COMMAND"):
        return
    warn(f"ssh reads {client.home_of_ssh() / '.ssh'}, not {client.folder()}, because it does not heed HOME; {_fix()}")


def _fix() -> str:
    command = shlex.join(["ssh", *client.options()])
    return f"for Git: git config --global core.sshCommand {shlex.quote(command)}"
