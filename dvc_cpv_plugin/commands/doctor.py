"""`dvc cpv doctor`: what is wrong here, and the command that fixes it."""

from __future__ import annotations

import argparse

from cpv_hooks.checks import doctor
from dvc_cpv_plugin.commands.base import CPVCommand
from dvc_cpv_plugin.commands.check_table import show

EXAMPLES = """examples:
  dvc cpv doctor
  dvc cpv doctor --json | jq '.checks[] | select(.result == "fail")'

The exit code is 1 if a check fails, and 0 if there are only warnings."""


class CmdDoctor(CPVCommand):
    """One line for each check; the exit code says whether one failed."""

    says_bypassed = False

    def run(self) -> int:
        return show(doctor.examine(self.repo), as_json=self.args.json)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="Print JSON.")
