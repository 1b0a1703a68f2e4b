"""`dvc cpv stages`: which version is in which stage, and which ones were."""

from __future__ import annotations

import argparse

from cpv_hooks.console.output import printable
from cpv_hooks.console.times import iso_time
from cpv_hooks.project.config import StageRule
from cpv_hooks.project.roots import projects_here
from cpv_hooks.versions import stages
from cpv_hooks.versions.stages import StageEvent
from dvc_cpv_plugin.commands.base import CPVCommand

EXAMPLES = """examples:
  dvc cpv stages
  dvc cpv stages --history
  dvc cpv stages --json | jq -r '.[] | select(.stage == "production") | .version'"""


class CmdStages(CPVCommand):
    """A line for each stage or event, or JSON."""

    def run(self) -> int:
        repo = self.repo
        project = projects_here(repo)[0]
        events = stages.stage_history(repo, project)
        if self.args.history:
            rows = [_event(event) for event in reversed(events)]
        else:
            held, rules = stages.held(events), project.config.stages
            rows = [
                _stage(name, held[name][-1] if name in held else None, rules.get(name))
                for name in dict.fromkeys([*rules, *sorted(held)])
            ]
        return self.answer(rows, ("\t".join(_cell(value) for value in row.values()) for row in rows))


def _event(event: StageEvent) -> dict[str, object]:
    return {
        "stage": event.stage,
        "action": event.action,
        "version": event.version,
        "commit": event.commit,
        "timestamp": iso_time(event.time),
        "author": event.author,
        "message": event.message,
        "tag": event.tag,
    }


def _stage(name: str, event: StageEvent | None, rule: StageRule | None) -> dict[str, object]:
    return {
        "stage": name,
        "version": event.version if event else None,
        "commit": event.commit if event else None,
        "timestamp": iso_time(event.time) if event else None,
        "author": event.author if event else None,
        "rule": {key: value for key, value in rule._asdict().items() if value} if rule else {},
    }


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={','.join(item) if isinstance(item, tuple) else item}" for key, item in value.items())
    return "-" if value is None else printable(str(value))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--history", action="store_true", help="Every promotion and demotion, newest first.")
    parser.add_argument("--json", action="store_true", help="Print JSON.")
