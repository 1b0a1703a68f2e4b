"""`dvc cpv install`: hooks, live status and merge driver for this clone, and its artifacts brought."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from cpv_hooks.console.output import say
from cpv_hooks.git import hooks_in_place
from cpv_hooks.git.repo import Repo
from cpv_hooks.history.kept_ahead import keep_ahead
from cpv_hooks.project import fetch_choice
from cpv_hooks.project.left_out import left_out
from cpv_hooks.project.project import managed_roots
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.setup.install.install import install
from cpv_hooks.sync.report import incomplete, tell_changes
from cpv_hooks.sync.sync_policy import SYNC
from cpv_hooks.versions import missed
from dvc_cpv_plugin.commands.base import CPVCommand
from dvc_cpv_plugin.commands.common import add_only

EXAMPLES = """examples:
  git clone git@bitbucket.org:AI-vision-model-checkpoints/resnet50.git && cd resnet50
  dvc cpv install
  dvc cpv install --no-fetch     hooks only; nothing is fetched or uploaded until the next checkout or sync
  dvc cpv install --only model   from now on this clone has only models (--only all: everything again)
"""


class CmdInstall(CPVCommand):
    """Installs; exit code 1 where an artifact could not be brought, or something of a push is still missing."""

    says_bypassed = False

    def run(self) -> int:
        return install_and_bring(self.repo, self.args.only, fetch=self.args.fetch)


def install_and_bring(repo: Repo, only: Sequence[str] | None, *, fetch: bool = True) -> int:
    """Install CPV in a clone, which has what `only` names from now on, and bring it; the exit code."""
    if only:
        fetch_choice.choose_fetched(repo, only)
    hooks_in_place.note_bypassed(repo)
    for line in install(repo):
        say(line)
    if managed_roots(repo):
        keep_ahead(repo)
    elif not left_out(repo):
        say("no DVC root with a .cpv.toml here yet: dvc cpv init makes one")
    report = guarded_sync(repo, SYNC._replace(fetch=fetch))
    tell_changes(report)
    if not fetch:
        return 0
    return 0 if missed.make_up(repo, report.projects) and not incomplete(report) else 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_only(parser)
    parser.add_argument(
        "--no-fetch", dest="fetch", action="store_false", help="Fetch no artifacts from the remote now."
    )
