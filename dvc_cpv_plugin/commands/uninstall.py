"""`dvc cpv uninstall`: take CPV out of this clone's Git."""

from __future__ import annotations

from cpv_hooks.console.output import say
from cpv_hooks.setup.install.uninstall import uninstall
from dvc_cpv_plugin.commands.base import CPVCommand

EXAMPLES = """examples:
  dvc cpv uninstall
"""


class CmdUninstall(CPVCommand):
    """Uninstalls; artifacts, pointers, tags and the DVC remote stay as they are."""

    says_bypassed = False

    def run(self) -> int:
        for line in uninstall(self.repo):
            say(line)
        return 0
