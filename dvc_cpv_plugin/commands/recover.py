"""`dvc cpv recover`: finish or undo what a killed process left behind."""

from __future__ import annotations

from cpv_hooks.console.output import say
from cpv_hooks.git import one_shot
from cpv_hooks.recovery import transaction
from dvc_cpv_plugin.commands.base import CPVCommand

EXAMPLES = """examples:
  dvc cpv recover
"""


class CmdRecover(CPVCommand):
    def run(self) -> int:
        repo = self.repo
        is_healed = one_shot.heal(repo)
        if is_healed:
            say("the branch is HEAD again")
        if not transaction.recover(repo) and not is_healed:
            say("nothing was left half-done")
        return 0
