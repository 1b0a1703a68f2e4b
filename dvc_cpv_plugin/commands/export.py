"""`dvc cpv export`: a model version as others take it."""

from __future__ import annotations

import argparse

from dvc_cpv_plugin.commands.common import CheckpointCommand, add_common, add_json
from dvc_cpv_plugin.models import ModelsCheckpointsManage

EXAMPLES = """examples:
  dvc cpv export v0.3 --to release                        the files, no Git and no DVC
  dvc cpv export @production --to hub --format hf         for `hf upload ORG/NAME hub`
  dvc cpv export v0.3 --to image --format oci             for `skopeo copy oci:image:v0.3 docker://…`, `oras copy`
  dvc cpv export v0.3 --to release --manifest             with the SHA-256 of every file, to be signed

The folder appears complete and verified, or not at all. docs/migrating.md has more."""


class CmdExport(CheckpointCommand):
    """`ModelsCheckpointsManage.export_version`; prints the folder."""

    def run(self) -> int:
        args = self.args
        found = self.open(ModelsCheckpointsManage).export_version(
            args.to, args.tag, format=args.format, manifest=args.manifest
        )
        value = {
            "tag": found.tag,
            "commit": found.commit,
            "folder": str(found.folder),
            "format": found.format,
            "files": [{"path": path, "sha256": sha256} for path, sha256 in found.files.items()],
        }
        return self.say(str(found.folder), value)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tag", nargs="?", metavar="TAG", help="The version (default: the highest), or @STAGE.")
    parser.add_argument("--to", required=True, metavar="DIR", help="The folder: a new one, or an empty one.")
    parser.add_argument(
        "--format",
        choices=("dir", "hf", "oci"),
        default="dir",
        help="Plain files (the default), a Hugging Face model repository, an OCI image layout.",
    )
    parser.add_argument(
        "--manifest", action="store_true", help="Write the SHA-256 of every file, as an in-toto statement."
    )
    add_json(parser)
    add_common(parser, cache=True)
