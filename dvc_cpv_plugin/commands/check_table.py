"""Checks as people and programs read them: a table on a terminal, lines in a pipe, or JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cpv_hooks.console.check_result import Check
from cpv_hooks.console.output import printable
from dvc_cpv_plugin.commands import ui

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def show(checks: Sequence[Check], *, as_json: bool) -> int:
    """Print checks; returns the exit code, 1 where one failed."""
    failed = any(check.result == "fail" for check in checks)
    if as_json:
        ui.write_json({"ok": not failed, "checks": [check._asdict() for check in checks]})
    elif sys.stdout.isatty():
        rows = [(one.name, one.result, printable(one.reason), printable(one.fix or "")) for one in checks]
        ui.write_table(("check", "result", "reason", "fix"), rows, (1, _COLOURS.__getitem__))
    else:
        ui.write_output("\n".join(map(_line, checks)))
    return int(failed)


def _line(check: Check) -> str:
    return printable(f"{check.result:<4}  {check.line}")
