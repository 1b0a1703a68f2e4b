"""`dvc cpv tag`: give the checkpoint at HEAD a version."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cpv_hooks.project.project import Project
    from cpv_hooks.project.tag_schemes import Line

EXAMPLES = """examples:
  dvc cpv tag                       # the model's next version: v0.4
  dvc cpv tag v1.0 -m "Release"     # a version of your own, higher than all before
  dvc cpv tag --data                # the data's next version: data-v0.2
  dvc cpv tag v2.0 --both           # v2.0 and data-v2.0 on one commit, or neither
  dvc cpv tag --push                # the next version that origin does not have, reserved there"""


class CmdTag(CPVCommand):
    """Makes the tags, sends their data by policy, and prints the names."""

    def run(self) -> int:
        from cpv_hooks.events.outbox import emit_tagged
        from cpv_hooks.project.roots import projects_here
        from cpv_hooks.project.tag_schemes import Line
        from cpv_hooks.transfer.commits.by_policy import upload_by_policy

        projects = projects_here(self.repo)
        lines = {"model": [Line.MODEL], "data": [Line.DATA], "both": [Line.MODEL, Line.DATA]}
        names = self._create(projects[0], lines[self.args.lines])
        for name in names:
            ui.write_output(name)
        emit_tagged(self.repo.top, names)
        self._warn_of_unsaved(names)
        head = self.repo.resolve("HEAD")
        assert head is not None, "create raises where there is no commit"
        upload_by_policy(self.repo, projects, [head], f"tag {' '.join(names)}")
        return 0

    def _create(self, project: Project, lines: Sequence[Line]) -> list[str]:
        from cpv_hooks.versions import reserve, tags

        version, message = self.args.version, self.args.message
        if self.args.push is not None:
            return reserve.reserve_version(self.repo, project, version, message, lines, self.args.push)
        return tags.create_tags(self.repo, project, version, message, lines)

    def _warn_of_unsaved(self, names: list[str]) -> None:
        from cpv_hooks.console import output
        from cpv_hooks.operations.info import status
        from cpv_hooks.operations.info.artifact_status import UNSAVED

        unsaved = [item.path for item in status.read_status(self.repo).artifacts if item.state in UNSAVED]
        if unsaved:
            output.warn(f"{output.few(unsaved)}: changes that are not committed are not in {' and '.join(names)}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("version", nargs="?", metavar="VERSION", help="The version; by default the next one.")
    parser.add_argument("-m", "--message", help="The tag's message; by default the commit's subject.")
    parser.add_argument(
        "--push",
        nargs="?",
        const="origin",
        metavar="REMOTE",
        help="Reserve the version on the Git host (default: origin) by pushing it; if it is taken, use the next.",
    )
    which = parser.add_mutually_exclusive_group()
    for line, what in (
        ("data", "Number the data, not the model."),
        ("both", "Number model and data, both or neither."),
    ):
        which.add_argument(f"--{line}", dest="lines", action="store_const", const=line, default="model", help=what)
