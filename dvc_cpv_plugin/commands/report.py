"""`dvc cpv report`: the versions as one HTML page."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path

from cpv_hooks.console.output import warn
from cpv_hooks.errors import DISK_FAULTS, CPVError, shell_path
from cpv_hooks.git.refs import listed_once
from cpv_hooks.git.repo import Repo
from cpv_hooks.history.dates import parse_date
from cpv_hooks.history.log import Filters
from cpv_hooks.history.reader import read_history
from cpv_hooks.html_report.page import chart_library, is_report, page
from cpv_hooks.html_report.report_contents import report_contents
from cpv_hooks.project.roots import projects_here
from cpv_hooks.system.atomic_files import write_atomic
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand
from dvc_cpv_plugin.commands.log import count, no_version

EXAMPLES = """examples:
  dvc cpv report --open                       make it and show it
  dvc cpv report --out versions.html
  dvc cpv report -n 200 --since 90d           only the last part of a long history
  dvc cpv report --remote                     ask the remote what it has, and read models there

The page needs no network and can be sent to anybody; docs/report.md describes it."""
_DEFAULT = "cpv-report.html"
_FIX = f"dvc cpv report --out {_DEFAULT}"


class CmdReport(CPVCommand):
    """Writes the page and prints where it is."""

    @listed_once()
    def run(self) -> int:
        repo = self.repo
        projects = projects_here(repo)
        filters = self._filters(repo)
        out = Path(self.args.out)
        _refuse(out)
        library = chart_library()
        found = read_history(repo, projects)
        if not found:
            raise no_version(repo)
        contents = report_contents(repo, projects, found, filters, ask_remote=self.args.remote)
        _write(out, page(contents.document, library))
        ui.write_output(str(out))
        for line in contents.trouble:
            warn(line)
        if self.args.open:
            _show(out)
        return 1 if contents.trouble else 0

    def _filters(self, repo: Repo) -> Filters:
        since = parse_date(repo, "--since", self.args.since) if self.args.since is not None else None
        return Filters(since=since, most=self.args.number)


def _write(out: Path, text: str) -> None:
    try:
        write_atomic(out, text.encode())
    except OSError as error:
        if error.errno in DISK_FAULTS:
            raise  # which has a line of its own
        raise CPVError(f"cannot be written: {error.strerror}", where=str(out), fix=_FIX) from error


def _refuse(out: Path) -> None:
    """`CPVError` where the page cannot be written, or would take the place of something that is no report."""
    if out.is_dir():
        raise CPVError("is a folder; the report is a file", where=str(out), fix=_FIX)
    if (out.exists() or out.is_symlink()) and not (out.is_file() and not out.is_symlink() and is_report(out)):
        raise CPVError("exists and is not a report, so it is not overwritten", where=str(out), fix=_FIX)
    if not out.parent.is_dir():
        raise CPVError("there is no such folder", where=str(out.parent), fix=_FIX)


def _show(out: Path) -> None:
    try:
        shown = webbrowser.open(out.resolve().as_uri())
    except (webbrowser.Error, OSError):
        shown = False
    if not shown:
        what = "no browser was found here; the report is written"
        raise CPVError(what, where=str(out), fix=f"xdg-open {shell_path(str(out))}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", metavar="FILE", default=_DEFAULT, help=f"Where to write it (default: {_DEFAULT}).")
    parser.add_argument("--open", action="store_true", help="Open it in the browser.")
    parser.add_argument("-n", "--number", type=count, metavar="N", help="Only the newest N versions.")
    parser.add_argument("--since", metavar="DATE", help="Not older: 2026-11-01, '2 weeks ago', 30d.")
    parser.add_argument("--remote", action="store_true", help="Ask the remote what it has, and read models there.")
