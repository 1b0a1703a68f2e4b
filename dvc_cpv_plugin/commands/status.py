"""`dvc cpv status`: the artifacts, what changed, what waits to be uploaded, the last versions, the remote."""

from __future__ import annotations

import argparse
import sys
import time

from cpv_hooks.console.output import printable, size_text
from cpv_hooks.errors import shell_word
from cpv_hooks.operations.info import status
from cpv_hooks.operations.info.artifact_status import MEANING, ArtifactStatus
from cpv_hooks.operations.info.status import Status
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand

EXAMPLES = """examples:
  dvc cpv status
  dvc cpv status --json | jq '.artifacts[] | select(.state != "clean")'"""
_COLOURS = {"clean": "green", "deleted": "red", "conflict": "red", "broken": "red", "absent": "yellow"}


class CmdStatus(CPVCommand):
    """A table on a terminal, plain lines in a pipe, or JSON."""

    def run(self) -> int:
        found = status.read_status(self.repo)
        lines = _lines(found)
        if sys.stdout.isatty() and not self.args.json:
            headings = ("artifact", "kind", "size", "state", "what changed")
            ui.write_table(headings, _rows(found), (3, lambda state: _COLOURS.get(state, "yellow")))
            lines = []
        return self.answer(found.as_dict(), [*lines, *_facts(found)])


def _rows(found: Status) -> list[tuple[str, str, str, str, str]]:
    return [
        (
            printable(item.path),
            item.kind,
            "" if item.size is None else size_text(item.size),
            item.state,
            printable(_what_changed(item)),
        )
        for item in found.artifacts
    ]


def _what_changed(item: ArtifactStatus) -> str:
    files = f"{item.left_out:,} file{'' if item.left_out == 1 else 's'} left out" if item.left_out else None
    return ", ".join(filter(None, (item.change, files)))


def _lines(found: Status) -> list[str]:
    rows = _rows(found)
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    padded = (map(str.ljust, row, [*widths, 0]) for row in rows)
    return ["  ".join(cells).rstrip() for cells in padded]


def _facts(found: Status) -> list[str]:
    states = dict.fromkeys(item.state for item in found.artifacts if item.state != "clean")
    lines = [f"{state}: {MEANING[state]}" for state in states] if found.artifacts else ["no artifacts yet"]
    lines.append("last versions: " + ", ".join(f"{line} {name or 'none'}" for line, name in found.tags.items()))
    lines += [f"tag: {printable(fault)}" for fault in found.faults]
    lines += [f"retired: {line}" for line in found.retired]
    for remote in found.remotes:
        where = f"{remote.url} ({remote.name})" if remote.url else _missing(remote.name)
        root = "" if remote.root == "." else f" of {remote.root}"
        lines.append(f"remote{root}: {where}, uploads: {remote.when}")
    lines += [f"notifications: {printable(line)} (dvc cpv doctor)" for line in found.undelivered]
    if not found.queued:
        lines.append("queued: nothing")
    for item in found.queued:
        error = f": {printable(item.error)}" if item.error else ""
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(item.since))
        lines.append(f"queued: {item.commit[:10]} ({item.why}) since {since}{error}")
    return lines


def _missing(name: str | None) -> str:
    if name is None:
        return "none (dvc remote add -d storage URL)"
    return f"{name} is not configured (dvc remote add {shell_word(name)} URL)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="Print JSON.")
