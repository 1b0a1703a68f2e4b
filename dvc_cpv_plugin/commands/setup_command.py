"""What the commands that set a person up have in common: a plan, a dry run, a log, a notification."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

from cpv_hooks.console.plan import Plan
from dvc_cpv_plugin.checkpoints import print_effects
from dvc_cpv_plugin.commands.base import CPVCommand
from dvc_cpv_plugin.logged import logged
from dvc_cpv_plugin.options import OperationOptions, read_options


class SetupCommand(CPVCommand):
    """A command that plans the setup, and does or prints the plan. It takes the flags of `add_common`."""

    operation: str
    """What its log and its notification call it."""

    @abstractmethod
    def plan(self, folder: Path) -> Plan[None]:
        """What the flags ask for; `folder` is the absolute one that they mean."""

    def arguments(self) -> dict[str, object]:
        return {}

    def run(self) -> int:
        options = self._options()
        with logged(self.operation, options, self.arguments()):
            plan = self.plan(options.path(options.repo_path or "."))
            if options.dry_run:
                print_effects(plan.effects)
            else:
                plan.run()
        return 0

    def _options(self) -> OperationOptions:
        names = ("dry_run", "notify", "log_file", "repo_path", "working_dir")
        given = {name: getattr(self.args, name) for name in names}
        return read_options(self.operation, {"verbose": bool(self.args.verbose), **given}, defaults=OperationOptions())
