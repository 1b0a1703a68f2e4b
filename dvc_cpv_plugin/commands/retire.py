"""`dvc cpv retire`: versions whose data may go; they stay in Git with their metrics."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cpv_hooks.accounts.git_host.client import ask_person, has_terminal
from cpv_hooks.console.output import counted, printable, say, size_text
from cpv_hooks.console.times import parse_age
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.history.log import size_of
from cpv_hooks.project.config import GOALS
from cpv_hooks.project.project import Project
from cpv_hooks.project.roots import projects_here
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.upkeep.retire import retire_plan
from cpv_hooks.upkeep.retire.retire_plan import ListedRetirement, RetirePlan
from cpv_hooks.upkeep.retire.selection import Choice, Policy, demand_names
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand
from dvc_cpv_plugin.commands.common import add_json

if TYPE_CHECKING:
    from collections.abc import Sequence


EXAMPLES = """examples:
  dvc cpv retire v0.3 v0.4 -m "superseded" --dry-run
  dvc cpv retire --keep-best 3 --metric acc
  dvc cpv retire --older-than 180d --except-stage production --yes
  dvc cpv retire v1.0 --confirm v1.0 --yes           although it is in a stage, the newest, or at HEAD
  dvc cpv retire --list
  dvc cpv retire --undo v0.3                         as long as its data is in the cache or on the remote
  git push --follow-tags                             so that every clone knows

A retired version stays in Git with its tag and metrics. `dvc cpv prune`, and with --remote on the remote, may remove
what no other version, branch, run, stage or queued upload needs. docs/retention.md has more."""
_SHOWN = 20


class CmdRetire(CPVCommand):
    """Prints what would be retired, asks, and writes the tag that says so."""

    def run(self) -> int:
        repo = self.repo
        projects = projects_here(repo)
        self._refuse_other_words()
        if self.args.list:
            return self._list(repo, projects)
        if self.args.undo:
            return self._undo(repo, projects)
        return self._retire(repo, projects)

    def _refuse_other_words(self) -> None:
        """`--list` and `--undo` are commands of their own: what chooses versions to retire does nothing there."""
        args = self.args
        amounts = (args.keep_best, args.older_than)
        has_rule = args.data or args.metric or args.except_stage or any(amount is not None for amount in amounts)
        if args.list and (args.versions or has_rule):
            raise CPVError("--list takes no version and no rule", fix="dvc cpv retire --list")
        if args.undo and has_rule:
            raise CPVError("--undo only takes versions by name", fix="dvc cpv retire --undo TAG")

    def _retire(self, repo: Repo, projects: Sequence[Project]) -> int:
        line = Line.DATA if self.args.data else Line.MODEL
        if self.args.versions and self.args.data:
            raise CPVError("--data is only for rules; the name of a version says what it is", fix="dvc cpv retire TAG")
        found = retire_plan.plan_retirement(repo, projects, self.args.versions, self._policy(), line, self.args.confirm)
        if not self.args.json:
            ui.write_output("\n".join(_lines(found)))
        wanted = bool(found.chosen) and not self.args.dry_run and self._agreed(found)
        record = retire_plan.retire_versions(repo, found.chosen, self.args.message) if wanted else None
        if self.args.json:
            ui.write_json({"retired": record is not None, "record": record, **found.as_dict()})
        elif record is not None:
            say(f"retired (tag {record}); git push --follow-tags tells the others")
        return 0 if wanted or self.args.dry_run or not found.chosen else 1

    def _policy(self) -> Policy:
        args = self.args
        age = None if args.older_than is None else parse_age(args.older_than)
        return Policy(args.keep_best, args.metric, args.mode, age, tuple(args.except_stage))

    def _agreed(self, found: RetirePlan) -> bool:
        """Whether the person at the terminal, or the options, say so. `CPVError` where nobody can be asked."""
        confirmed = list(self.args.confirm)
        if has_terminal():
            confirmed += [one.version.name for one in found.chosen if one.guards and self._typed(one, confirmed)]
        demand_names(found.chosen, confirmed, "dvc cpv retire …")
        if self.args.yes:
            return True
        if not has_terminal():
            raise CPVError("there is no terminal to ask on, so nothing is retired", fix="dvc cpv retire … --yes")
        return ask_person(f"retire {counted(len(found.chosen), 'version')}?")

    @staticmethod
    def _typed(one: Choice, confirmed: Sequence[str]) -> bool:
        name = one.version.name
        if name in confirmed:
            return False
        sys.stderr.write(f"{name}: {' and '.join(one.guards)}; type its name to retire it: ")
        sys.stderr.flush()
        return sys.stdin.readline().strip() == name

    def _undo(self, repo: Repo, projects: Sequence[Project]) -> int:
        if not self.args.versions:
            raise CPVError("which versions?", fix="dvc cpv retire --undo TAG")
        dry = self.args.dry_run
        names = retire_plan.undo(repo, projects, self.args.versions, self.args.message, dry_run=dry)
        self.answer({"undone": [] if dry else names, "versions": names}, names)
        if not (dry or self.args.json):
            say("no longer retired; git push --follow-tags tells the others")
        return 0

    def _list(self, repo: Repo, projects: Sequence[Project]) -> int:
        found = retire_plan.listed(repo, projects)
        return self.answer([one.as_dict() for one in found], map(_row, found))


def _row(one: ListedRetirement) -> str:
    item, size = one.item, size_text(one.size or 0)
    cells = (item.version, item.date, item.author, size, _place(one), item.reason)
    return "\t".join(map(printable, cells))


def _place(one: ListedRetirement) -> str:
    places = [*(["in the cache"] if one.in_cache else []), *(["on the remote"] if one.on_remote else [])]
    return " and ".join(places) or ("gone" if one.on_remote is False else "not in the cache, remote not known")


def _lines(found: RetirePlan) -> Iterator[str]:
    for choice in found.chosen:
        one = choice.version
        metrics = " ".join(f"{key}={value}" for key, value in choice.metrics.items()) or "-"
        cells = [one.name, size_text(size_of(one) or 0), metrics, "; ".join(choice.guards) or "-"]
        yield "\t".join(printable(cell) for cell in cells)
    for over in found.passed_over[:_SHOWN]:
        yield printable(f"{over.tag} stays: {over.why}")
    if len(found.passed_over) > _SHOWN:
        yield f"… and {len(found.passed_over) - _SHOWN} more stay (--json has all)"
    if found.chosen:
        least = "at least " if found.freed.at_least else ""
        size = size_text(found.freed.bytes)
        yield f"{least}{size} that nothing else here needs: dvc cpv prune (with --remote: there too) may then remove it"
    else:
        yield "nothing to retire"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("versions", nargs="*", default=[], metavar="TAG", help="Versions of models or data.")
    parser.add_argument("--keep-best", type=int, metavar="N", help="Retire all but the best N by --metric.")
    parser.add_argument("--metric", metavar="M", help="The metric (default: [metrics] main); versions without it stay.")
    parser.add_argument("--mode", choices=GOALS, help="Whether more or less is better (default: as [metrics] says).")
    parser.add_argument(
        "--older-than", metavar="AGE", help="Retire those that are older; with --keep-best both must hold."
    )
    parser.add_argument(
        "--except-stage",
        action="append",
        default=[],
        metavar="STAGE",
        help="Except those that are or were in this stage.",
    )
    parser.add_argument("--data", action="store_true", help="Apply the rule to versions of the data.")
    parser.add_argument("-m", "--message", metavar="REASON", help="Why; shown wherever somebody asks for the version.")
    parser.add_argument(
        "--confirm", action="append", default=[], metavar="TAG",
        help="Also this one, although it is in a stage, the newest, or at HEAD.",
    )  # fmt: skip
    parser.add_argument(
        "--dry-run", action="store_true", help="Print what would be retired, and how many bytes; change nothing."
    )
    parser.add_argument("--yes", action="store_true", help="Do not ask.")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--undo", action="store_true", help="These versions are no longer retired.")
    form.add_argument("--list", action="store_true", help="List what is retired, and where its data still is.")
    add_json(parser)
