"""`dvc cpv verify`: what versions need, compared with the cache and the remote, and mended where it can be."""

from __future__ import annotations

import argparse
import sys

from cpv_hooks.console.output import counted, few, printable, say, size_text, warn
from cpv_hooks.console.progress import Progress
from cpv_hooks.git.objects import commit_of
from cpv_hooks.git.refs import listed_once
from cpv_hooks.project import retired
from cpv_hooks.project.roots import projects_here
from cpv_hooks.upkeep.verify import needs
from cpv_hooks.upkeep.verify.checked import Checked, VerifyReport
from cpv_hooks.upkeep.verify.repair import mend
from cpv_hooks.upkeep.verify.verify import verify
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand

EXAMPLES = """examples:
  dvc cpv verify                    what HEAD needs
  dvc cpv verify v1.0 data-v1.0     tags, branches or commits
  dvc cpv verify --all --deep       all that prune keeps; reads the remote's bytes, not only sizes and checksums
  dvc cpv verify --all --repair     repair bad copies from good ones

The bytes in the cache are always read. It is no error if only the remote has an object. --all also checks what stashes,
experiments, queued uploads, recent reflogs, rescues and the work tree need, which need not be on the remote.
The exit code is 1 if anything is wrong or could not be checked."""


class CmdVerify(CPVCommand):
    """A table of what is wrong and a summary, or JSON with every object."""

    @listed_once()
    def run(self) -> int:
        reports = self._reports()
        self._tell_retired(reports)
        if self.args.json:
            ui.write_json([report.as_dict() for report in reports])
        else:
            rows = [_row(report, item) for report in reports for item in report.wrong]
            if rows:
                _show(rows)
            for report in reports:
                ui.write_output("\n".join([*_lost(report), _summary(report)]))
        self._tell_trouble(reports)
        return 0 if all(report.sound for report in reports) else 1

    def _reports(self) -> list[VerifyReport]:
        repo = self.repo
        projects = projects_here(repo)
        asked = self.args.versions or ["HEAD"]
        commits = needs.every_ref(repo) if self.args.all else needs.named(repo, asked, projects[0])
        kept = needs.kept(repo, commits) if self.args.all else None
        work = mend if self.args.repair else verify
        with Progress("verifying") as progress:
            return [work(project, commits, progress, deep=self.args.deep, kept=kept) for project in projects]

    def _tell_retired(self, reports: list[VerifyReport]) -> None:
        """What need not be there, and why."""
        repo = self.repo
        known = retired.read_retirements(repo)
        if self.args.all:
            if known:
                say(f"{len(known)} version{' is' if len(known) == 1 else 's are'} retired (dvc cpv retire --list)")
            return
        asked = {commit_of(repo, name) for name in self.args.versions or ["HEAD"]} if known else set()
        nowhere = {item.oid for one in reports for item in one.checks if (item.cache, item.remote) == ("absent",) * 2}
        for item in known.values():
            if item.commit in asked:
                say(f"{item}; its data is {'gone' if item.oids & nowhere else 'still there'}")

    @staticmethod
    def _tell_trouble(reports: list[VerifyReport]) -> None:
        for line in dict.fromkeys(line for report in reports for line in report.trouble):
            warn(line)


def _row(report: VerifyReport, item: Checked) -> tuple[str, ...]:
    return (
        _few(report.files(item)),
        "?" if item.size is None else size_text(item.size),
        item.mended.get("cache", item.cache),
        item.mended.get("remote", item.remote),
        _few(report.names(item)),
        item.oid,
    )


def _few(names: list[str]) -> str:
    # Names from the repository, without what would drive a terminal.
    return printable(few(names))


def _show(rows: list[tuple[str, ...]]) -> None:
    if not sys.stdout.isatty():
        lines = (
            f"{file}\t{size}\tcache: {cache}\tremote: {remote}\t{names}\t{oid}"
            for file, size, cache, remote, names, oid in rows
        )
        ui.write_output("\n".join(lines))
    else:
        ui.write_table(("file", "size", "cache", "remote", "versions", "object"), rows)


def _lost(report: VerifyReport) -> list[str]:
    return [
        f"{_few(report.files(item))} of {_few(report.names(item))} cannot be repaired: {item.hopeless}"
        for item in report.wrong
        if item.hopeless
    ]


def _summary(report: VerifyReport) -> str:
    wrong = [item for item in report.checks if item.wrong]
    mended = [item for item in report.checks if item.mended]
    unseen = sum(1 for item in report.checks if item.remote == "not asked")
    # Never "nothing wrong" of what was not looked at.
    sound = "nothing wrong in what was checked" if unseen or report.trouble else "nothing wrong"
    verdict = f"{len(wrong)} wrong" if wrong else sound
    if mended:
        verdict += f", {len(mended)} mended"
    if unseen:
        verdict += f"; not checked on the remote: {counted(unseen, 'object')}"
    elif report.trouble:
        verdict += f"; not checked: {len(report.trouble)} (see below)"
    away = sum(1 for item in report.checks if item.cache == "absent" and item.remote == "ok")
    if away:
        verdict += f"; {away} only on the remote"
    where = "" if report.root == "." else f"{report.root}: "
    objects, versions = counted(len(report.checks), "object"), counted(len(report.versions), "version")
    advice = "; dvc cpv verify --repair restores them from good copies" if wrong and not report.repaired else ""
    return f"{where}{objects} ({size_text(report.bytes)}) of {versions}: {verdict}{advice}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "versions", nargs="*", default=[], metavar="TAG", help="Tags, branches or commits (default: HEAD)."
    )
    group.add_argument(
        "--all", action="store_true", help="Every branch, tag and other ref, and everything else that prune keeps."
    )
    parser.add_argument("--deep", action="store_true", help="Read the bytes on the remote.")
    parser.add_argument("--repair", action="store_true", help="Repair bad copies from good ones.")
    parser.add_argument("--json", action="store_true", help="Print JSON, with every object.")
