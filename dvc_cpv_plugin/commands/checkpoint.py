"""`dvc cpv checkpoint`: model and data together."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from cpv_hooks.console.output import printable
from cpv_hooks.operations.info.checkpoint_list import Listed
from dvc_cpv_plugin.combined import CombinedCheckpointsManage
from dvc_cpv_plugin.commands import NOUNS, ui
from dvc_cpv_plugin.commands.base import add_command
from dvc_cpv_plugin.commands.common import CheckpointCommand, add_common, add_json, add_noun, add_tag
from dvc_cpv_plugin.commands.line import last_of_line

EXAMPLES = """examples:
  dvc cpv checkpoint create --tag v1.0 -m "First release"
  dvc cpv checkpoint list
  dvc cpv checkpoint revert --tag v1.0"""


class CmdCreate(CheckpointCommand):
    """`CombinedCheckpointsManage.tag_model_and_data`; prints both tags."""

    def run(self) -> int:
        message = self.args.message
        own = [message if one is None else one for one in (self.args.model_message, self.args.data_message)]
        model, data = self.open(CombinedCheckpointsManage).tag_model_and_data(self.args.tag, *own)
        return self.say(f"{model}\n{data}", {"model": model, "data": data})


class CmdCheckpointList(CheckpointCommand):
    """`CombinedCheckpointsManage.read_combined_checkpoints`."""

    def run(self) -> int:
        found = self.open(CombinedCheckpointsManage).read_combined_checkpoints()
        if self.wants_json:
            ui.write_output(json.dumps(found, indent=2))
        elif sys.stdout.isatty():
            _table(_rows(found))
        else:
            ui.write_output("\n".join("\t".join(row) for row in _rows(found)))
        return 0


class CmdCheckpointRevert(CheckpointCommand):
    """`CombinedCheckpointsManage.revert_model_and_data`."""

    def run(self) -> int:
        both = self.open(CombinedCheckpointsManage)
        tag = (
            last_of_line(_both(both.read_combined_checkpoints(dry_run=False)), "model")
            if self.args.tag is None
            else self.args.tag
        )
        both.revert_model_and_data(tag)
        return self.say(f"at {tag}; git switch - goes back", {"tag": tag})


def _both(found: Sequence[Listed]) -> list[str]:
    """The model's tags of commits that have a version of both lines, else of all."""
    return [name for one in found if one["data"] for name in one["model"]] or [
        name for one in found for name in one["model"]
    ]


def _rows(found: Sequence[Listed]) -> list[tuple[str, str, str, str, str]]:
    return [
        (
            " ".join(one["model"]),
            " ".join(one["data"]),
            one["commit"][:10],
            one["timestamp"],
            printable(one["message"]),
        )
        for one in found
    ]


def _table(rows: Sequence[tuple[str, str, str, str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("model", "data", "commit", "when", "message"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def add_parser(subparsers: Any, parent_parser: argparse.ArgumentParser) -> None:
    """Add `checkpoint` to `dvc cpv`."""
    verbs = add_noun(subparsers, parent_parser, "checkpoint", NOUNS["checkpoint"], EXAMPLES)
    create = add_command(
        verbs,
        parent_parser,
        "create",
        CmdCreate,
        "Save, upload and commit what changed, and tag model and data on one commit: both or neither. Prints the tags.",
        'examples:\n  dvc cpv checkpoint create\n  dvc cpv checkpoint create --tag v1.0 -m "First release"',
    )
    add_tag(create, "The number of both (default: the next of each).")
    create.add_argument("-m", "--message", help="The description of the commit and of both tags.")
    create.add_argument("--model-message", metavar="MESSAGE", help="Message for the model's tag.")
    create.add_argument("--data-message", metavar="MESSAGE", help="Message for the data's tag.")
    add_json(create)
    add_common(create, force="Tag although other files have uncommitted changes.")
    listing = add_command(
        verbs,
        parent_parser,
        "list",
        CmdCheckpointList,
        "List the commits that have a version, with the tags of both lines.",
        "examples:\n  dvc cpv checkpoint list --json | jq '.[-1].model'",
    )
    add_json(listing)
    add_common(listing)
    revert = add_command(
        verbs,
        parent_parser,
        "revert",
        CmdCheckpointRevert,
        "Check a version out, as `git checkout TAG` does: code, model and data.",
        "examples:\n  dvc cpv checkpoint revert --tag v1.0\n  git switch -     # and back",
    )
    add_tag(revert, "A tag of either line (default: the last that has both).")
    add_json(revert)
    add_common(revert, force="Go on although something is not committed; artifacts are saved first.", cache=True)
