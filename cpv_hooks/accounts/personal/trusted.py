"""`~/.cpv/trusted.json`: the servers that the user has confirmed, changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from cpv_hooks import state_files
from cpv_hooks.accounts.personal.private_folder import FILE_MODE, changing
from cpv_hooks.git.repo import Repo
from cpv_hooks.project import trust
from cpv_hooks.project.project import Project
from cpv_hooks.system.atomic_files import write_atomic


def confirm_servers(repo: Repo, servers: Iterable[str]) -> list[str]:
    """Let the user's credentials be used at these servers for a repository; returns those that are new."""
    wanted = list(dict.fromkeys(map(trust.server, servers)))
    new = [name for name in wanted if name not in trust.confirmed(repo)]
    if new:
        _change(repo, lambda known: known | set(new))
    return new


def revoke(repo: Repo, servers: Iterable[str]) -> list[str]:
    """Take it back; returns those that were confirmed."""
    gone = trust.confirmed(repo) & set(map(trust.server, servers))
    if gone:
        _change(repo, lambda known: known - gone)
    return sorted(gone)


def confirm_remote(project: Project) -> list[str]:
    """Confirm what the default remote of a DVC root asks for; returns the servers."""
    return confirm_servers(project.repo, unconfirmed_servers(project))


def unconfirmed_servers(project: Project) -> list[str]:
    """The servers of the default remote that only the clone names and that are not confirmed."""
    if not project.remote_name or "://" not in (project.remote_url or ""):
        return []
    from cpv_hooks.transfer.objects.open import doubtful_servers

    return doubtful_servers(project)


def _change(repo: Repo, change: Callable[[set[str]], set[str]]) -> None:
    with changing("changing what is trusted") as folder:
        repositories = trust.read_confirmed()
        servers = sorted(change({name for name in repositories.pop(trust.key_of(repo), []) if isinstance(name, str)}))
        if servers:
            repositories[trust.key_of(repo)] = servers
        text = json.dumps({"version": 1, "repositories": repositories}, indent=2) + "\n"
        write_atomic(folder / state_files.TRUSTED, text.encode(), mode=FILE_MODE, durable=True)
