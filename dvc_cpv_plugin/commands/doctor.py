"""`dvc cpv doctor`: what is wrong here, and the command that mends it."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dvc_cpv_plugin.commands.base import CPVCommand, add_command

if TYPE_CHECKING:
    from cpv_hooks.check import Check

HELP = "Check Git, DVC, the settings, every hook, the remote and the upload queue."
EXAMPLES = """examples:
  dvc cpv doctor
  dvc cpv doctor --json | jq '.checks[] | select(.result == "fail")'

The exit code is 1 where a check fails, and 0 where there are only warnings."""
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


class CmdDoctor(CPVCommand):
    """One line for each check; the exit code says whether one failed."""

    def run(self) -> int:
        from dvc.ui import ui

        from cpv_hooks import doctor
        from cpv_hooks.git import Repo

        checks = doctor.examine(Repo.discover())
        failed = any(check.result == "fail" for check in checks)
        if self.args.json:
            ui.write_json({"ok": not failed, "checks": [asdict(check) for check in checks]})
        elif sys.stdout.isatty():
            self._table(checks)
        else:
            ui.write("\n".join(map(_line, checks)))
        return int(failed)

    @staticmethod
    def _table(checks: list[Check]) -> None:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False)
        for heading in ("check", "result", "reason", "to mend it"):
            table.add_column(heading, overflow="fold")
        for check in checks:
            result = Text(check.result, _COLOURS[check.result])
            table.add_row(Text(check.name), result, Text(_printable(check.reason)), Text(_printable(check.fix or "")))
        Console().print(table)


def _line(check: Check) -> str:
    fix = f"; to mend it: {check.fix}" if check.fix else ""
    return _printable(f"{check.result:<4}  {check.name}: {check.reason}{fix}")


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def add_parser(subparsers: Any, parent_parser: argparse.ArgumentParser) -> None:
    """Add `doctor` to `dvc cpv`."""
    parser = add_command(subparsers, parent_parser, "doctor", CmdDoctor, HELP, EXAMPLES)
    parser.add_argument("--json", action="store_true", help="Print JSON.")
