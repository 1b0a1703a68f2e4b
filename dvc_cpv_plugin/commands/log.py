"""`dvc cpv log`: the versions, newest first, with what each changed."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cpv_hooks.console import pager
from cpv_hooks.console.output import warn
from cpv_hooks.errors import CPVError
from cpv_hooks.git.refs import listed_once
from cpv_hooks.git.repo import Repo
from cpv_hooks.history.conditions import Best
from cpv_hooks.history.dates import parse_date
from cpv_hooks.history.log import Filters, Log, LogEntry
from cpv_hooks.history.reader import read_history
from cpv_hooks.metric_formats.condition import parse_conditions
from cpv_hooks.project import retired
from cpv_hooks.project.config import KINDS, Goals
from cpv_hooks.project.roots import projects_here
from cpv_hooks.versions import stages
from dvc_cpv_plugin.commands import log_lines, ui
from dvc_cpv_plugin.commands.base import CPVCommand

EXAMPLES = """examples:
  dvc cpv log                                     every version, in your pager
  dvc cpv log -n 5 --kind data                    the last five that changed data
  dvc cpv log --metric 'acc>0.9 and loss<0.2' --since '2 weeks ago'
  dvc cpv log --best acc                          the version with the highest acc
  dvc cpv log --best -loss -n 3 --csv             the three with the lowest loss, for a spreadsheet
  dvc cpv log --best -n 3                         the three best by the main metric of .cpv.toml
  dvc cpv log --json --series -n 1                the last version, with its metrics step by step
  dvc cpv log --json | jq -r '.[] | select(.on_remote != true) | .tag'

docs/log.md describes the fields of --json and --csv."""


class CmdLog(CPVCommand):
    """Blocks of lines on a terminal, a line each in a pipe, JSON or CSV."""

    @listed_once()
    def run(self) -> int:
        repo = self.repo
        projects = projects_here(repo)
        if self.args.series and not self.args.json:
            raise CPVError("--series needs --json", fix="dvc cpv log --json --series")
        filters = self._filters(repo, projects[0].config.metrics)
        found = read_history(repo, projects)
        if not found:
            raise no_version(repo)
        errors: dict[str, str] = {}
        held = {stage: event.version for stage, event in stages.current(repo, projects[0]).items()}
        if self.args.stage is not None:
            _refuse_unknown(self.args.stage, {*held, *projects[0].config.stages}, repo)
        log = Log(projects, found, held, retired.read_retirements(repo))
        asked = log.entries(filters, ask_remote=self.args.remote, models=self.args.json, series=self.args.series)
        entries = _noting(asked, errors)
        self._print(repo, entries)
        trouble = [f"{tag} cannot be read: {error}" for tag, error in errors.items()] + log.trouble
        for line in trouble:
            warn(line)
        if (repo.common_dir / "shallow").exists():
            warn("this clone is shallow, so older versions may be missing; git fetch --unshallow --tags brings them")
        return 1 if trouble else 0

    def _filters(self, repo: Repo, goals: Goals) -> Filters:
        args = self.args
        return Filters(
            kinds=frozenset(args.kind),
            since=parse_date(repo, "--since", args.since) if args.since is not None else None,
            until=parse_date(repo, "--until", args.until, end=True) if args.until is not None else None,
            author=_pattern(args.author) if args.author else None,
            conditions=tuple(one for text in args.metric for one in parse_conditions(text)),
            best=Best.parse(args.best, goals) if args.best is not None else None,
            stage=args.stage,
            most=args.number,
        )

    def _print(self, repo: Repo, entries: Iterator[LogEntry]) -> None:
        if self.args.json:
            ui.write_json(list(entries))
        elif self.args.csv:
            log_lines.csv_table(list(entries))
        elif not sys.stdout.isatty():
            for entry in entries:
                ui.write_output("\t".join(log_lines.row(entry)))
        else:
            lines = (line for entry in entries for line in log_lines.block(entry))
            pager.show_paged(lines, repo.run("var", "GIT_PAGER").strip())


def _refuse_unknown(stage: str, known: set[str], repo: Repo) -> None:
    if stage not in known:
        names = ", ".join(sorted(known)) or "none"
        raise CPVError(f"no stage {stage!r} (known: {names})", where=str(repo.top), fix="dvc cpv stages")


def no_version(repo: Repo) -> Exception:
    """What there is to say where a repository has no version."""
    shallow = (repo.common_dir / "shallow").exists()
    what = "there is no version yet" + (" in this shallow clone" if shallow else "")
    return CPVError(what, where=str(repo.top), fix="git fetch --unshallow --tags" if shallow else "dvc cpv tag")


def _pattern(text: str) -> Any:
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise CPVError(f"{text!r} is not a regular expression: {error}", fix="--author NAME") from error


def _noting(entries: Iterable[LogEntry], errors: dict[str, str]) -> Iterator[LogEntry]:
    for entry in entries:
        if entry["error"]:
            errors[entry["tag"]] = entry["error"]
        yield entry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", "--number", type=count, metavar="N", help="Show at most N (with --best: 1).")
    parser.add_argument(
        "--kind", action="append", default=[], choices=KINDS, help="Only versions that changed this kind; repeatable."
    )
    parser.add_argument("--since", metavar="DATE", help="Not older: 2026-11-01, '2 weeks ago', 30d.")
    parser.add_argument("--until", metavar="DATE", help="Not newer.")
    parser.add_argument("--author", metavar="PATTERN", help="Name or mail of the commit's author, case ignored.")
    parser.add_argument(
        "--metric", action="append", default=[], metavar="CONDITION", help="Such as 'acc>0.9 and loss<0.2'; repeatable."
    )
    parser.add_argument("--stage", metavar="STAGE", help="Only the version in this stage.")
    parser.add_argument(
        "--best",
        nargs="?",
        const="",
        metavar="[-]METRIC",
        help="The best version by this metric (default: the main one); -METRIC: the lowest.",
    )
    parser.add_argument("--remote", action="store_true", help="Ask the remote what it has.")
    parser.add_argument("--series", action="store_true", help="With --json: metrics step by step, from their files.")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="Print JSON.")
    form.add_argument("--csv", action="store_true", help="Print CSV, with a column for each metric.")
    _take_minus(parser)


def count(text: str) -> int:
    """The N of `-n N`."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of versions")
    return int(text)


def _take_minus(parser: argparse.ArgumentParser) -> None:
    """Let `--best -loss` be what it says: argparse takes any word with a minus for an option."""
    parse = parser.parse_known_args

    def joined(args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        words = list(sys.argv[1:] if args is None else args)
        for at in reversed(range(len(words) - 1)):
            if words[at] == "--best" and _is_metric(words[at + 1]):
                words[at : at + 2] = [f"--best={words[at + 1]}"]
        return parse(words, namespace)

    parser.parse_known_args = joined  # type: ignore[method-assign, assignment]


def _is_metric(word: str) -> bool:
    """Whether a word with a minus is a metric after `--best`, not an option."""
    return word.startswith("-") and not word.startswith("--") and not re.fullmatch(r"-[hqv]+|-n\d*", word)
