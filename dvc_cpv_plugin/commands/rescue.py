"""`dvc cpv rescue list|restore`: what CPV moved out of the way, and how to get it back."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from dvc_cpv_plugin.commands.base import CPVCommand, add_command

HELP = "List or bring back unsaved content that a checkout replaced."
EXAMPLES = """examples:
  dvc cpv rescue list
  dvc cpv rescue restore 3                    put it back where it was
  dvc cpv rescue restore 3 --output old.bin   or somewhere else
"""


class CmdRescueList(CPVCommand):
    """Lists the rescues."""

    def run(self) -> int:
        """Do it."""
        import json
        from dataclasses import asdict

        from cpv_hooks.git import Repo
        from cpv_hooks.output import size_text
        from cpv_hooks.rescue import rescues

        found = list(rescues(Repo.discover()))
        if self.args.json:
            sys.stdout.write(json.dumps([asdict(rescue) for rescue in found], indent=2) + "\n")
            return 0
        for rescue in found:
            sys.stdout.write(
                f"{rescue.number}\t{rescue.when}\t{size_text(rescue.size)}\t{rescue.path}\t{rescue.oid}\t{rescue.why}\n"
            )
        return 0


class CmdRescueRestore(CPVCommand):
    """Restores one rescue."""

    def run(self) -> int:
        """Do it."""
        from cpv_hooks.git import Repo
        from cpv_hooks.output import say
        from cpv_hooks.restore import restore

        repo = Repo.discover()
        target = restore(repo, self.args.number, self.args.output)
        say(f"rescue {self.args.number} is back at {target}")
        return 0


def add_parser(subparsers: Any, parent_parser: argparse.ArgumentParser) -> None:
    """Add `rescue`."""
    parser = add_command(subparsers, parent_parser, "rescue", CmdRescueList, HELP, EXAMPLES)
    nouns = parser.add_subparsers(dest="rescue_cmd", metavar="command", required=True)
    listed = add_command(
        nouns, parent_parser, "list", CmdRescueList, "List the rescues: number, when, size, path, hash, why.", EXAMPLES
    )
    listed.add_argument("--json", action="store_true", help="print JSON")
    back = add_command(nouns, parent_parser, "restore", CmdRescueRestore, "Put a rescued content back.", EXAMPLES)
    back.add_argument("number", type=int, help="the number that `rescue list` shows")
    back.add_argument("-o", "--output", help="where to put it instead of its own place")
