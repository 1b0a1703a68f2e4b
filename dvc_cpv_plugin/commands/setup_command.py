"""What the commands that set a person up have in common: a plan, a dry run, a log, a notification."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dvc_cpv_plugin.commands.base import CPVCommand

if TYPE_CHECKING:
    from cpv_hooks.operations.effects import Plan


class SetupCommand(CPVCommand):
    """A command that plans the setup, and does or prints the plan. It takes the flags of `add_common`."""

    operation: str
    """What its log and its notification call it."""

    @abstractmethod
    def plan(self, folder: Path) -> Plan[None]:
        """What the flags ask for; `folder` is the absolute one that they mean."""

    def run(self) -> int:
        """Do it, or print its effects."""
        from dvc_cpv_plugin.checkpoints import print_effects

        parts = [os.path.expanduser(part or ".") for part in (self.args.working_dir, self.args.repo_path)]
        with self._logged():
            plan = self.plan(Path(*parts).absolute())
            if self.args.dry_run:
                print_effects(plan.effects)
            else:
                plan.run()
        return 0

    @contextmanager
    def _logged(self) -> Iterator[None]:
        from cpv_hooks.personal import logs
        from cpv_hooks.personal.notify import notify

        log_file = Path(self.args.log_file).expanduser().absolute() if self.args.log_file else None
        with logs.operation(self.operation, log_file=log_file, verbose=bool(self.args.verbose)):
            try:
                yield
            except Exception as error:
                if self.args.notify:
                    notify(self.operation, f"failed: {error}")
                raise
            if self.args.notify and not self.args.dry_run:
                notify(self.operation, "done")
