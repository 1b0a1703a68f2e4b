"""`dvc cpv demote`: empty a stage."""

from __future__ import annotations

import argparse

from cpv_hooks.history.promotion import demote
from cpv_hooks.project.roots import projects_here
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand
from dvc_cpv_plugin.commands.promote import say_push

EXAMPLES = """examples:
  dvc cpv demote staging
  dvc cpv promote v0.2 production     # to go back to an older version, promote it"""


class CmdDemote(CPVCommand):
    """Writes GTO's tags."""

    def run(self) -> int:
        repo = self.repo
        made = demote(repo, projects_here(repo), self.args.stage, self.args.message)
        ui.write_output("\n".join(made))
        say_push(repo, made)
        return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("stage", metavar="STAGE", help="The stage.")
    parser.add_argument("-m", "--message", help="Why; it goes into the tag.")
