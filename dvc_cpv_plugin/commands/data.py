"""`dvc cpv data`: the training data's checkpoints."""

from __future__ import annotations

import argparse
from typing import Any

from dvc_cpv_plugin.commands.base import add_command
from dvc_cpv_plugin.commands.common import CheckpointCommand, add_common, add_json, add_noun, add_tag, facts
from dvc_cpv_plugin.commands.model import highest, own_artifact, print_tags

HELP = "Upload, download, list, revert or describe the training data's checkpoints."
EXAMPLES = """examples:
  dvc cpv data upload /datasets/flowers -m "two more classes"
  dvc cpv data revert --tag data-v0.1
  dvc cpv data info --json"""


class CmdUpload(CheckpointCommand):
    """`DataCheckpointsManage.upload_data_checkpoint`; prints the tag."""

    def run(self) -> int:
        from dvc_cpv_plugin.data import DataCheckpointsManage

        data = self.open(DataCheckpointsManage)
        path = self.args.path if self.args.path is not None else own_artifact(self, "data")
        tag = data.upload_data_checkpoint(path, version_tag=self.args.tag, message=self.args.message)
        return self.say(tag, {"tag": tag})


class CmdDownload(CheckpointCommand):
    """`DataCheckpointsManage.download_data_checkpoint`; prints where the data is."""

    def run(self) -> int:
        from dvc_cpv_plugin.data import DataCheckpointsManage

        data = self.open(DataCheckpointsManage)
        place = data.download_data_checkpoint(self.args.tag, output_dir=self.args.output_dir)
        return self.say(place, {"path": place})


class CmdListTags(CheckpointCommand):
    """`DataCheckpointsManage.read_data_checkpoint_tag`; a name a line."""

    def run(self) -> int:
        from dvc_cpv_plugin.data import DataCheckpointsManage

        return print_tags(self, self.open(DataCheckpointsManage).read_data_checkpoint_tag())


class CmdRevert(CheckpointCommand):
    """`DataCheckpointsManage.revert_data_checkpoint`."""

    def run(self) -> int:
        from dvc_cpv_plugin.data import DataCheckpointsManage

        data = self.open(DataCheckpointsManage)
        tag = highest(data.read_data_checkpoint_tag(dry_run=False), "data") if self.args.tag is None else self.args.tag
        data.revert_data_checkpoint(tag)
        return self.say(f"the data is that of {tag}, and staged; git commit keeps it", {"tag": tag})


class CmdInfo(CheckpointCommand):
    """`DataCheckpointsManage.get_data_metadata`."""

    def run(self) -> int:
        from dvc_cpv_plugin.data import DataCheckpointsManage

        found = self.open(DataCheckpointsManage).get_data_metadata(self.args.tag)
        return self.say(facts(found), found)


def add_parser(subparsers: Any, parent_parser: argparse.ArgumentParser) -> None:
    """Add `data` to `dvc cpv`."""
    verbs = add_noun(subparsers, parent_parser, "data", HELP, EXAMPLES)
    _add_transfers(verbs, parent_parser)
    _add_reading(verbs, parent_parser)


def _add_transfers(verbs: Any, parent_parser: argparse.ArgumentParser) -> None:
    upload = add_command(
        verbs,
        parent_parser,
        "upload",
        CmdUpload,
        "Make a folder or file the data's next checkpoint: upload, commit and tag, all or nothing. Prints the tag.",
        "examples:\n  dvc cpv data upload /datasets/flowers\n"
        "  dvc cpv data upload --tag data-v1.0   # the data as it stands in the work tree",
    )
    upload.add_argument("path", nargs="?", metavar="PATH", help="The data (default: that in the work tree).")
    add_tag(upload, "The version to give it (default: the next).")
    upload.add_argument("-m", "--message", help="The description of the commit and of the tag.")
    add_json(upload)
    add_common(upload, force="Upload although other files have uncommitted changes.")
    download = add_command(
        verbs,
        parent_parser,
        "download",
        CmdDownload,
        "Write a version's data to a folder; the work tree stays as it is. Prints where it is.",
        "examples:\n  dvc cpv data download --tag data-v0.1 --output-dir /tmp/data",
    )
    add_tag(download, "The version (default: the highest).")
    download.add_argument("-o", "--output-dir", metavar="FOLDER", help="Where to (default: ./MODEL-TAG).")
    add_json(download)
    add_common(download, force="Replace other files of the same names in that folder; they are kept.", cache=True)


def _add_reading(verbs: Any, parent_parser: argparse.ArgumentParser) -> None:
    listing = add_command(
        verbs,
        parent_parser,
        "list-tags",
        CmdListTags,
        "Print the versions, a name a line, lowest first.",
        "examples:\n  dvc cpv data list-tags --json",
    )
    add_json(listing)
    add_common(listing)
    revert = add_command(
        verbs,
        parent_parser,
        "revert",
        CmdRevert,
        "Bring back the data of a version, and nothing else; its pointers are staged.",
        "examples:\n  dvc cpv data revert --tag data-v0.1 && git commit -m 'Back to the first data'",
    )
    add_tag(revert, "The version (default: the highest).")
    add_json(revert)
    add_common(revert, force="Go on although something is not committed; artifacts are saved first.", cache=True)
    info = add_command(
        verbs,
        parent_parser,
        "info",
        CmdInfo,
        "Show when, by whom and why a version was made, its files, sizes, hashes, and where they are.",
        "examples:\n  dvc cpv data info --tag data-v0.1",
    )
    add_tag(info, "The version (default: the highest).")
    add_json(info)
    add_common(info)
