"""`dvc cpv batch`: one command over many model repositories."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from cpv_hooks.console.output import printable, say
from cpv_hooks.errors import CPVError
from cpv_hooks.events.outbox import Event, emit_events
from cpv_hooks.operations import batch_run
from cpv_hooks.operations.batch_dask import run_on_dask
from cpv_hooks.operations.batch_run import Ran
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand

EXAMPLES = """examples:
  dvc cpv batch status                                  every model below this folder
  dvc cpv batch sync models/* --jobs 8                  these
  dvc cpv batch validate --team-name vision ~/models    a team's repositories below a folder
  dvc cpv batch tag models/* --options '-m "Release"'   with more options of the command
  dvc cpv batch verify --dask tcp://scheduler:8786      on a Dask cluster that sees the same folders

The exit code is 1 if the command failed in a repository; it still runs in the others."""
COMMANDS = ("sync", "status", "doctor", "validate", "verify", "tag", "install", "recover")
_JSON = frozenset({"status", "doctor", "validate", "verify"})
_COLOURS = {"ok": "green", "failed": "red", "stopped": "yellow"}


class CmdBatch(CPVCommand):
    """A table on a terminal, plain lines in a pipe, or JSON; what runs meanwhile is said as it ends."""

    def run(self) -> int:
        roots = batch_run.find_repositories(self.args.paths, self.args.team_name, Path.cwd())
        command = [self.args.command, *self._options()]
        ended: list[Ran] = []

        def done(ran: Ran) -> None:
            ended.append(ran)
            say(f"{len(ended)} of {len(roots)}: {_name(ran.root)}: {ran.result} ({ran.seconds:.1f} s)")

        try:
            if self.args.dask is not None:
                run_on_dask(self.args.dask, roots, command, done)
            else:
                batch_run.run_here(roots, command, self.args.jobs, done)
        except KeyboardInterrupt:
            self._show(ended)
            raise
        self._show(ended)
        failed = sorted(ran.root for ran in ended if ran.result != "ok")
        counts = {"command": self.args.command, "succeeded": len(ended) - len(failed), "failed": len(failed)}
        emit_events(Path.cwd(), Event("batch_done", data={**counts, "models": failed[:100]}))
        return int(any(ran.result != "ok" for ran in ended))

    def _options(self) -> list[str]:
        try:
            options = shlex.split(self.args.options)
        except ValueError as error:
            what = f"--options {self.args.options!r}: {error}"
            raise CPVError(what, fix="""dvc cpv batch COMMAND --options '-m "A MESSAGE"'""") from error
        return [*options, "--json"] if self.args.json and self.args.command in _JSON else options

    def _show(self, ended: list[Ran]) -> None:
        ended = sorted(ended, key=lambda ran: ran.root)
        if self.args.json:
            rows = [_as_dict(ran) for ran in ended]
            ui.write_json(
                {"ok": all(ran.result == "ok" for ran in ended), "command": self.args.command, "models": rows}
            )
        elif sys.stdout.isatty():
            cells = [(_name(ran.root), ran.result, f"{ran.seconds:.1f}", printable(ran.last)) for ran in ended]
            ui.write_table(("model", "result", "seconds", "what it said last"), cells, (1, _COLOURS.__getitem__))
        else:
            ui.write_output(
                "\n".join(f"{ran.result:<7}  {_name(ran.root)}  {printable(ran.last)}".rstrip() for ran in ended)
            )


def _as_dict(ran: Ran) -> dict[str, Any]:
    row: dict[str, Any] = {"path": ran.root, "result": ran.result, "code": ran.code, "seconds": ran.seconds}
    try:
        row["report"] = json.loads(ran.out)
    except ValueError:
        row["output"] = ran.out
    return {**row, "errors": ran.err}


def _name(root: str) -> str:
    return printable(min(os.path.relpath(root), root, key=len))


def _jobs(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("command", metavar="COMMAND", choices=COMMANDS, help=f"One of {', '.join(COMMANDS)}.")
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="Model repositories, or globs (default: all below this folder)."
    )
    parser.add_argument("--team-name", metavar="NAME", help="Only this team's repositories.")
    parser.add_argument("--options", default="", metavar="'OPTIONS'", help="More arguments for the command.")
    parser.add_argument(
        "--jobs", "-j", type=_jobs, default=4, metavar="N", help="How many to run at a time (default: 4)."
    )
    parser.add_argument("--dask", metavar="ADDRESS", help="Run on the Dask cluster with the scheduler at ADDRESS.")
    parser.add_argument("--json", action="store_true", help="Print JSON.")
