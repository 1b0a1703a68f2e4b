"""`dvc cpv model`: a model's checkpoints."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dvc_cpv_plugin.commands.base import add_command
from dvc_cpv_plugin.commands.common import CheckpointCommand, add_common, add_json, add_noun, add_tag, facts

HELP = "Upload, download, list, revert or describe a model's checkpoints."
EXAMPLES = """examples:
  dvc cpv model upload runs/7/model.bin --metric loss=0.12 -m "longer training"
  dvc cpv model download --tag v0.3 --output-dir /tmp/model
  dvc cpv model info --json"""


class CmdUpload(CheckpointCommand):
    """`ModelsCheckpointsManage.upload_model_checkpoint`; prints the tag."""

    def run(self) -> int:
        from dvc_cpv_plugin.models import ModelsCheckpointsManage

        models = self.open(ModelsCheckpointsManage)
        path = self.args.path if self.args.path is not None else own_artifact(self, "model")
        metrics = dict(map(_metric, self.args.metric)) or None
        tag = models.upload_model_checkpoint(path, metrics, version_tag=self.args.tag, message=self.args.message)
        return self.say(tag, {"tag": tag})


class CmdDownload(CheckpointCommand):
    """`ModelsCheckpointsManage.download_model_checkpoint`; prints the folder."""

    def run(self) -> int:
        from dvc_cpv_plugin.models import ModelsCheckpointsManage

        found = self.open(ModelsCheckpointsManage).download_model_checkpoint(
            self.args.tag, output_dir=self.args.output_dir
        )
        files = {name: str(path) for name, path in found.files.items()}
        value = {"tag": found.tag, "commit": found.commit, "folder": str(found.folder), "files": files}
        return self.say(str(found.folder), value)


class CmdListTags(CheckpointCommand):
    """`ModelsCheckpointsManage.read_checkpoint_tag`; a name a line."""

    def run(self) -> int:
        from dvc_cpv_plugin.models import ModelsCheckpointsManage

        return print_tags(self, self.open(ModelsCheckpointsManage).read_checkpoint_tag())


class CmdRevert(CheckpointCommand):
    """`ModelsCheckpointsManage.revert_model_checkpoint`."""

    def run(self) -> int:
        from dvc_cpv_plugin.models import ModelsCheckpointsManage

        models = self.open(ModelsCheckpointsManage)
        tag = highest(models.read_checkpoint_tag(dry_run=False), "model") if self.args.tag is None else self.args.tag
        models.revert_model_checkpoint(tag)
        return self.say(f"at {tag}; git switch - goes back", {"tag": tag})


class CmdInfo(CheckpointCommand):
    """`ModelsCheckpointsManage.get_model_metadata`."""

    def run(self) -> int:
        from dvc_cpv_plugin.models import ModelsCheckpointsManage

        found = self.open(ModelsCheckpointsManage).get_model_metadata(self.args.tag)
        return self.say(facts(found), found)


def print_tags(command: CheckpointCommand, names: list[str]) -> int:
    """Print the tags of a line: a name a line, lowest first, or a JSON list."""
    import json

    from dvc.ui import ui

    if command.wants_json:
        ui.write(json.dumps(names))
    elif names:
        ui.write("\n".join(names))
    return 0


def highest(names: list[str], line: str) -> str:
    """The last of a line's tags; `CPVError` where there is none."""
    from cpv_hooks.errors import CPVError

    if not names:
        raise CPVError(f"there is no {line} version yet", fix=f"dvc cpv {line} upload PATH")
    return names[-1]


def own_artifact(command: CheckpointCommand, kind: str) -> str:
    """The artifact of this kind that stands in the work tree, where the command names no path."""
    from cpv_hooks.errors import CPVError

    project = command.project()
    patterns = project.config.artifacts.get(kind, ()) if project else ()  # type: ignore[call-overload]
    found = [path for pattern in patterns for path in sorted(project.root.glob(pattern))] if project else []
    if len(found) == 1:
        return str(found[0])
    where = str(project.root) if project else str(Path.cwd())
    names = ", ".join(path.name for path in found) or ", ".join(patterns) or "nothing configured"
    what = f"several {kind} artifacts are here" if found else f"no {kind} artifact is here"
    raise CPVError(f"{what} ({names})", where=where, fix=f"dvc cpv {kind} upload PATH")


def _metric(text: str) -> tuple[str, int | float | str]:
    from cpv_hooks.errors import CPVError
    from cpv_hooks.metrics import parse_pair

    found = parse_pair(text)
    if found is None:
        raise CPVError(f"{text!r} is no metric", fix="--metric NAME=VALUE")
    return found


def add_parser(subparsers: Any, parent_parser: argparse.ArgumentParser) -> None:
    """Add `model` to `dvc cpv`."""
    verbs = add_noun(subparsers, parent_parser, "model", HELP, EXAMPLES)
    _add_upload(verbs, parent_parser)
    _add_download(verbs, parent_parser)
    _add_reading(verbs, parent_parser)


def _add_upload(verbs: Any, parent_parser: argparse.ArgumentParser) -> None:
    upload = add_command(
        verbs,
        parent_parser,
        "upload",
        CmdUpload,
        "Make a file or folder the next checkpoint: upload, commit and tag, all or nothing. Prints the tag.",
        "examples:\n  dvc cpv model upload runs/7/model.bin --metric loss=0.12\n"
        '  dvc cpv model upload --tag v1.0 -m "Release"   # the model as it stands in the work tree',
    )
    upload.add_argument("path", nargs="?", metavar="PATH", help="The weights (default: those in the work tree).")
    add_tag(upload, "The version to give it (default: the next).")
    upload.add_argument("-m", "--message", help="The description of the commit and of the tag.")
    upload.add_argument("--metric", action="append", default=[], metavar="NAME=VALUE", help="A metric; repeatable.")
    add_json(upload)
    add_common(upload, force="Upload although other files have uncommitted changes.")


def _add_download(verbs: Any, parent_parser: argparse.ArgumentParser) -> None:
    download = add_command(
        verbs,
        parent_parser,
        "download",
        CmdDownload,
        "Write a version's files to a folder; the work tree stays as it is. Prints the folder.",
        "examples:\n  dvc cpv model download\n  dvc cpv model download --tag v0.3 --output-dir /tmp/model\n"
        "  cpv model download --team-name vision --model-name resnet50   # no clone needed",
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
        "examples:\n  dvc cpv model list-tags | tail -n 1",
    )
    add_json(listing)
    add_common(listing)
    revert = add_command(
        verbs,
        parent_parser,
        "revert",
        CmdRevert,
        "Check a version out, as `git checkout TAG` does: code, model and data.",
        "examples:\n  dvc cpv model revert --tag v0.3\n  git switch -     # and back",
    )
    add_tag(revert, "The version (default: the highest).")
    add_json(revert)
    add_common(revert, force="Go on although something is not committed; artifacts are saved first.", cache=True)
    info = add_command(
        verbs,
        parent_parser,
        "info",
        CmdInfo,
        "Show when, by whom and why a version was made, its metrics, files, and where its data is.",
        "examples:\n  dvc cpv model info --tag v0.3\n  dvc cpv model info --json | jq .metrics",
    )
    add_tag(info, "The version (default: the highest).")
    add_json(info)
    add_common(info)
