"""`dvc cpv checkpoint`: model and data together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cpv_hooks.console.output import printable
from dvc_cpv_plugin.combined import CombinedCheckpointsManage
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import SubCommands
from dvc_cpv_plugin.commands.common import CheckpointCommand, add_common, add_json, add_tag
from dvc_cpv_plugin.commands.line import last_of_line

if TYPE_CHECKING:
    from cpv_hooks.operations.info.checkpoint_list import Listed

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
        if sys.stdout.isatty() and not self.args.json:
            ui.write_table(("model", "data", "commit", "when", "message"), _rows(found))
            return 0
        return self.answer(found, map("\t".join, _rows(found)))


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


def add_verbs(verbs: SubCommands) -> None:
    create = verbs.add(
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
    add_common(create, force="Tag even if other files have uncommitted changes.")
    listing = verbs.add(
        "list",
        CmdCheckpointList,
        "List the commits that have a version, with the tags of both lines.",
        "examples:\n  dvc cpv checkpoint list --json | jq '.[-1].model'",
    )
    add_json(listing)
    add_common(listing)
    revert = verbs.add(
        "revert",
        CmdCheckpointRevert,
        "Check a version out, as `git checkout TAG` does: code, model and data.",
        "examples:\n  dvc cpv checkpoint revert --tag v1.0\n  git switch -     # and back",
    )
    add_tag(revert, "A tag of either line (default: the last that has both).")
    add_json(revert)
    add_common(revert, force="Go on despite uncommitted changes; artifacts are saved first.", cache=True)
