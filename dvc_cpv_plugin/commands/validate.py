"""`dvc cpv validate`: the specification's checklist, all of it, before anything is begun."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from cpv_hooks.checks.validate import validate_all
from cpv_hooks.errors import CPVError
from dvc_cpv_plugin.commands.base import CPVCommand
from dvc_cpv_plugin.commands.check_table import show

EXAMPLES = """examples:
  dvc cpv validate
  dvc cpv validate --repo-path ~/models/resnet50
  dvc cpv validate --json | jq '.checks[] | select(.result == "fail")'

Outside a repository only the personal settings are checked. The exit code is 1 if a check fails, and 0
if there are only warnings. `dvc cpv doctor` checks hooks and tools instead."""


class CmdValidate(CPVCommand):
    """One line for each check; the exit code says whether one failed."""

    def run(self) -> int:
        folder = Path(os.path.expanduser(self.args.repo_path or ".")).absolute()
        if self.args.repo_path is not None and (not self.args.repo_path or not folder.is_dir()):
            raise CPVError("no such folder", where=self.args.repo_path or "''", fix="name the repository's folder")
        return show(validate_all(folder), as_json=self.args.json)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="Print JSON.")
    parser.add_argument("--repo-path", metavar="FOLDER", help="The repository (default: the one you are in).")
