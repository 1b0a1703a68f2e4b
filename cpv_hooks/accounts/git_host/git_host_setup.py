"""Setting SSH to the Git host up, once for each person: key, configuration, host key, settings, `origin`, a test."""

from __future__ import annotations

import os
import shlex
from functools import partial
from pathlib import Path

from cpv_hooks.accounts.git_host import client, connection, keys, known_hosts, origin, ssh_config
from cpv_hooks.accounts.git_host.git_host_target import GitHostRequest, GitHostTarget, port_for_entry, resolve_target
from cpv_hooks.accounts.git_host.known_hosts import Confirm
from cpv_hooks.accounts.personal import personal_settings as personal
from cpv_hooks.console.output import say, warn
from cpv_hooks.console.plan import Effect, Plan, Step, plan_of_steps
from cpv_hooks.errors import shell_word
from cpv_hooks.git.no_repository import NoRepository
from cpv_hooks.git.repo import Repo


def plan_git_host(request: GitHostRequest, folder: Path | None = None, confirm: Confirm | None = None) -> Plan[None]:
    """Plan the setup for the host; `folder` is in the repository that it is for, if it is for one.

    `confirm` asks a person a yes-or-no question; without it nothing is asked. Raises `CPVError` for everything that
    can be known before anything is changed. `run` ends with a test of the connection, and raises `KeyNotAdded` where
    the key still has to be pasted on the host's page: all the rest is done then.
    """
    here = folder or Path.cwd()
    target = resolve_target(request, here)
    entry = ssh_config.HostEntry(target.address.host, target.key, port_for_entry(target))
    user = target.address.user
    # The host's key first: whoever does not confirm it has changed nothing.
    found = known_hosts.known_hosts_steps(target.address, fingerprint=request.host_fingerprint, confirm=confirm)
    if target.key.parent != client.ssh_folder():
        found += keys.folder_steps(client.ssh_folder())
    found += keys.key_steps(target.key)
    found += ssh_config.ssh_config_steps(entry, user)
    found += _settings_steps(target)
    if target.repo is not None and target.url is not None:
        add = partial(origin.add, target.repo, target.url)
        found.append(Step(Effect("git", f"git remote add {origin.NAME} {shell_word(target.url)}"), add))

    return plan_of_steps(found, lambda: _after(target, request.test, confirm, here))


def plan_removal(host: str | None = None) -> Plan[None]:
    """Plan to take CPV's entry for a host (default: the configured one) out of `~/.ssh/config`.

    The key, the host's key and the settings stay: other programs may use them by now.
    """
    name = host if host is not None else personal.load_settings().bitbucket.host
    return plan_of_steps(ssh_config.remove_entry_steps(name))


def _settings_steps(target: GitHostTarget) -> list[Step]:
    now, wanted = personal.load_settings().bitbucket, target.wanted.bitbucket
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


def _after(target: GitHostTarget, test: bool, confirm: Confirm | None, here: Path) -> None:
    _tell_of_home(here)
    if not test:
        _instruct(target)
        return
    welcome = _greet(target, confirm)
    asked = target.wanted.bitbucket.user
    if welcome.user and asked and welcome.user.lower() != asked.lower():
        warn(f"{target.address.host} associates this key with user {welcome.user}, not {asked}")
    if target.url is not None:
        connection.check_repository(target.url, _discover(here))
    where = f"{target.address.host} lets you in{f' as {welcome.user}' if welcome.user else ''}"
    say(f"{where}; the repository is {target.url}" if target.url else where)


def _discover(here: Path) -> Repo | None:
    try:
        return Repo.discover(here)
    except NoRepository:
        return None


def _greet(target: GitHostTarget, confirm: Confirm | None) -> connection.Welcome:
    while True:
        try:
            return connection.greet(target.address, key=target.key)
        except connection.KeyNotAdded:
            if confirm is None:
                raise
            _instruct(target)
            if not confirm("Is the key added? Test the connection?"):
                raise


def _instruct(target: GitHostTarget) -> None:
    say(f"paste this line at {connection.page_for_keys(target.address.host)}, unless the host has it:")
    say(f"  {keys.public_key(target.key)}")


def _tell_of_home(here: Path) -> None:
    """Where `HOME` is not the home that the user database names, ssh does not look where we wrote."""
    if client.reads_our_folder():
        return
    configured = client.run_openssh(["git", "-C", here, "config", "--get", "core.sshCommand"]).stdout.strip()
    if configured or os.environ.get("GIT_SSH_COMMAND"):
        return
    warn(f"ssh reads {client.home_of_ssh() / '.ssh'}, not {client.ssh_folder()}, because it ignores HOME; {_fix()}")


def _fix() -> str:
    command = shlex.join(["ssh", *client.options()])
    return f"for Git: git config --global core.sshCommand {shell_word(command)}"
