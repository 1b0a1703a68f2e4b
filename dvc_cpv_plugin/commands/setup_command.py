"""What the commands that set a person up have in common: a plan, a dry run, a log, a notification."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from dvc_cpv_plugin.commands.base import CPVCommand

if TYPE_CHECKING:
    from cpv_hooks.console.plan import Plan
    from dvc_cpv_plugin.options import OperationOptions


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
        from dvc_cpv_plugin.checkpoints import print_effects
        from dvc_cpv_plugin.logged import logged

        options = self._options()
        with logged(self.operation, options, self.arguments()):
            plan = self.plan(options.path(options.repo_path or "."))
            if options.dry_run:
                print_effects(plan.effects)
            else:
                plan.run()
        return 0

    def _options(self) -> OperationOptions:
        from dvc_cpv_plugin.options import OperationOptions, read_options

        names = ("dry_run", "notify", "log_file", "repo_path", "working_dir")
        given = {name: getattr(self.args, name) for name in names}
        return read_options(self.operation, {"verbose": bool(self.args.verbose), **given}, defaults=OperationOptions())
