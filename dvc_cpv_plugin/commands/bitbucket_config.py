"""`dvc cpv bitbucket-config`: set SSH to the Git host up."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cpv_hooks.accounts.git_host import client
from cpv_hooks.accounts.git_host.git_host_setup import plan_git_host, plan_removal
from cpv_hooks.accounts.git_host.git_host_target import GitHostRequest
from cpv_hooks.console.plan import Plan
from dvc_cpv_plugin.commands.common import add_common
from dvc_cpv_plugin.commands.setup_command import SetupCommand

EXAMPLES = """examples:
  dvc cpv bitbucket-config                                   # Bitbucket Cloud, with ~/.ssh/id_ed25519
  dvc cpv bitbucket-config --keygen-filename id_bitbucket    # a key of its own, ~/.ssh/id_bitbucket
  dvc cpv bitbucket-config --host git.example.com --port 7999 --host-fingerprint SHA256:...
  dvc cpv bitbucket-config --url-pattern 'git@bitbucket.org:acme/{team_name}-{model_name}.git'
  dvc cpv bitbucket-config --dry-run                         # only print what would be done
  dvc cpv bitbucket-config --remove                          # remove the entry from ~/.ssh/config

An existing key is used and never overwritten; other entries in ~/.ssh/config stay as they are."""


class CmdBitbucketConfig(SetupCommand):
    """The setup of SSH; asks on a terminal alone."""

    operation = "bitbucket-config"

    def arguments(self) -> dict[str, Any]:
        names = ("keygen_filename", "user", "host", "port", "url_pattern", "host_fingerprint")
        return {name: getattr(self.args, name) for name in names}

    def plan(self, folder: Path) -> Plan[None]:
        if self.args.remove:
            return plan_removal(self.args.host)
        request = GitHostRequest(
            **self.arguments(), team=self.args.team_name, model=self.args.model_name, test=not self.args.no_test
        )
        return plan_git_host(request, folder, client.ask_person if client.has_terminal() else None)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keygen-filename", metavar="FILE", help="The private key: a name in ~/.ssh, or a path; made if missing."
    )
    parser.add_argument("--user", metavar="NAME", help="Your name on the host.")
    parser.add_argument("--host", metavar="HOST", help="The Git host (default: bitbucket.org).")
    parser.add_argument("--port", metavar="PORT", type=int, help="Its SSH port (default: 22; Data Center: 7999).")
    parser.add_argument(
        "--url-pattern",
        metavar="URL",
        help="The repositories' URL, with {team_name} and {model_name}, and {host}, {port}, {user} if you like.",
    )
    parser.add_argument(
        "--host-fingerprint", metavar="SHA256:...", help="The host key's fingerprint, from its administrator."
    )
    parser.add_argument("--no-test", action="store_true", help="Do not try to connect.")
    parser.add_argument("--remove", action="store_true", help="Remove CPV's entry from ~/.ssh/config; the key stays.")
    add_common(parser)
