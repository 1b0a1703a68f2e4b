"""`dvc cpv config trust|untrust`: the servers that get the user's credentials for the repository here."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from cpv_hooks.accounts.personal import trusted
from cpv_hooks.console.output import say
from cpv_hooks.errors import CPVError
from cpv_hooks.project import trust
from cpv_hooks.project.roots import projects_here
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand, SubCommands

_SERVER = "The server, such as https://minio.example.org:9000 (default: the one that the repository asks for)."


class CmdTrust(CPVCommand):
    """Confirms servers; without one, those that the repository's remotes ask for."""

    def run(self) -> int:
        repo = self.repo
        if self.args.server is None:
            return self._asked(repo)
        _check(self.args.server)
        new = trusted.confirm_servers(repo, [self.args.server])
        name = trust.server(self.args.server)
        say(f"{name} gets your credentials for {repo.top}" if new else f"{name} is confirmed already for {repo.top}")
        return 0

    @staticmethod
    def _asked(repo: Any) -> int:
        # An output may name another remote than the default one.
        remotes = [project.at(name) for project in projects_here(repo) for name in (None, *project.remotes)]
        new = [name for remote in remotes for name in trusted.confirm_remote(remote)]
        for name in new:
            say(f"{name} gets your credentials for {repo.top}")
        if not new:
            ui.write_output("\n".join(sorted(trust.confirmed(repo))) or "nothing is asked")
        return 0


class CmdUntrust(CPVCommand):
    """Takes a confirmation back; without a server, all of the repository's."""

    def run(self) -> int:
        repo = self.repo
        known = sorted(trust.confirmed(repo))
        gone = trusted.revoke(repo, known if self.args.server is None else [self.args.server])
        if not gone:
            what = f"{self.args.server or 'no server'} is not confirmed (confirmed: {', '.join(known) or 'none'})"
            raise CPVError(what, where=str(repo.top), fix=trust.COMMAND)
        for name in gone:
            say(f"{name} no longer gets your credentials for {repo.top}")
        return 0


def _check(given: str) -> None:
    try:
        is_url = bool(urlsplit(given).netloc) and given.isprintable() and " " not in given
    except ValueError:
        is_url = False
    if not is_url:
        raise CPVError(f"{given!r} is not the address of a server", fix=f"{trust.COMMAND} https://HOST[:PORT]")


def add_trust(verbs: SubCommands) -> None:
    trust = verbs.add(
        "trust",
        CmdTrust,
        "Allow your credentials to be used at a server that this repository names.",
        "examples:\n  dvc cpv config trust\n  dvc cpv config trust https://minio.example.org:9000",
    )
    untrust = verbs.add(
        "untrust",
        CmdUntrust,
        "Withdraw that permission.",
        "examples:\n  dvc cpv config untrust https://minio.example.org:9000",
    )
    for parser in (trust, untrust):
        parser.add_argument("server", metavar="SERVER", nargs="?", help=_SERVER)
