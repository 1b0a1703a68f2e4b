"""`dvc cpv clone`: a clone that is ready to work in, with the data that is asked for."""

from __future__ import annotations

import argparse
import os

from cpv_hooks.project.fetch_rule import parse_words
from cpv_hooks.setup.install.new_clone import clone
from dvc_cpv_plugin.commands.base import CPVCommand
from dvc_cpv_plugin.commands.common import add_only
from dvc_cpv_plugin.commands.install import install_and_bring

EXAMPLES = """examples:
  dvc cpv clone git@bitbucket.org:AI-vision-model-checkpoints/resnet50.git
  dvc cpv clone https://git.example.org/vision/resnet50.git --only model --tag v1.0
  dvc cpv clone git@bitbucket.org:AI-vision-model-checkpoints/resnet50.git here --depth 1 --only none
"""


class CmdClone(CPVCommand):
    """`git clone`, then `dvc cpv install`; exit code 1 where an artifact could not be brought."""

    says_bypassed = False

    def run(self) -> int:
        parse_words(self.args.only or (), "--only")  # before there is anything to take back
        repo = clone(self.args.url, self.args.folder, tag=self.args.tag, depth=self.args.depth)
        os.chdir(repo.top)
        return install_and_bring(repo, self.args.only)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="The repository's URL, as for `git clone`.")
    parser.add_argument(
        "folder", metavar="FOLDER", nargs="?", help="Where to clone to (default: the repository's name)."
    )
    add_only(parser)
    parser.add_argument("--tag", metavar="T", help="The version or branch to check out.")
    parser.add_argument(
        "--depth",
        metavar="N",
        type=int,
        help="Fetch N commits of each branch and tag; all tags come along, for numbering.",
    )
