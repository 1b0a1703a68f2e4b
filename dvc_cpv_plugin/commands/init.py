"""`dvc cpv init`: set up a model repository."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import get_args

from cpv_hooks.accounts.personal import trusted
from cpv_hooks.console import output
from cpv_hooks.console.output import say, size_text
from cpv_hooks.errors import CPVError, shell_path
from cpv_hooks.project.config import FILE, Kind, Layout
from cpv_hooks.project.project import Project
from cpv_hooks.setup.init import init_plan, proposals, skeleton
from cpv_hooks.setup.init.model_repository import InitRequest, NewRepository
from cpv_hooks.setup.init.proposals import Proposal
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand
from dvc_cpv_plugin.commands.common import add_telling, own_team
from dvc_cpv_plugin.logged import logged
from dvc_cpv_plugin.options import OperationOptions

EXAMPLES = """examples:
  dvc cpv init resnet50 --team-name vision
  dvc cpv init resnet50 --team-name vision --remote s3://vmo-model-checkpoints/vision/resnet50
  dvc cpv init resnet50 --team-name vision --remote s3://bucket/vision/resnet50 --layout versioned
  cd existing-repository && dvc cpv init --team-name vision --dry-run"""


class CmdInit(CPVCommand):
    """Asks for what is missing (on a terminal), plans, and does or prints the plan."""

    def run(self) -> int:
        options = OperationOptions(
            verbose=bool(self.args.verbose),
            log_file=Path(self.args.log_file) if self.args.log_file else None,
            dry_run=self.args.dry_run,
            notify=self.args.notify,
        )
        with logged("init", options, {"path": self.args.path, "team_name": self.args.team_name}):
            return self._init()

    def _init(self) -> int:
        if self.args.path == "":
            raise CPVError("the folder's name is empty", fix="dvc cpv init MODEL")
        path = None if self.args.path is None else Path(self.args.path)
        place = init_plan.locate_place(path, self.args.model_name, Path.cwd())
        found = self._proposals(place)
        request = self._request(place, [item for item in found if self._wanted(item)])
        steps = init_plan.plan_init(place, request)
        if self.args.dry_run:
            for step in steps:
                ui.write_output(f"would {_verb(step.effect.text)}")
        else:
            init_plan.carry_out(place, steps)
            self._confirm(place)
        self._report(place, request, found, bool(steps))
        return 0

    @staticmethod
    def _confirm(place: NewRepository) -> None:
        """The server that a remote of this repository names is the user's choice now."""
        for name in trusted.confirm_remote(Project.open(place.repo, place.root)):
            say(f"{name} gets your credentials for this repository (dvc cpv config untrust takes that back)")

    def _request(self, place: NewRepository, chosen: list[Proposal]) -> InitRequest:
        team, model = init_plan.existing_names(place)
        artifacts: dict[Kind, list[str]] = {}
        for item in chosen:
            artifacts.setdefault(item.kind, []).append(item.path)
        return InitRequest(
            team=self.args.team_name if self.args.team_name is not None else team or own_team() or self._ask("team"),
            model=self.args.model_name if self.args.model_name is not None else model or self._ask("model"),
            data_path=self.args.data_path,
            remote=self.args.remote,
            pipeline=self.args.pipeline,
            artifacts=artifacts,
            layout=self.args.layout,
        )

    @staticmethod
    def _ask(what: str) -> str:
        if not _on_terminal():
            raise CPVError(f"the {what}'s name is missing", fix=f"dvc cpv init --{what}-name NAME")
        return input(f"Name of the {what}: ").strip()

    @staticmethod
    def _proposals(place: NewRepository) -> list[Proposal]:
        if place.fresh or place.top is None or (place.root / FILE).exists():
            return []
        return proposals.propose_artifacts(place.repo, place.root)

    def _wanted(self, item: Proposal) -> bool:
        if self.args.yes:
            return True
        if self.args.dry_run or not _on_terminal():
            return False
        answer = input(f"Track {item.path} ({size_text(item.size)}) as {item.kind}? [Y/n] ")
        return answer.strip().lower() in ("", "y", "yes")

    def _report(self, place: NewRepository, request: InitRequest, found: list[Proposal], changed: bool) -> None:
        chosen = {path for paths in request.artifacts.values() for path in paths}
        left = [item for item in found if item.path not in chosen]
        if left:
            how = f"to track them, name them in {FILE} under [artifacts], then git commit -a"
            output.say(f"large files that DVC does not have; {how}:")
        for kind in dict.fromkeys(item.kind for item in left):
            output.say("  " + skeleton.artifact_line(kind, [item.path for item in left if item.kind == kind]))
        if chosen and not self.args.dry_run:
            output.say(f"next: git commit -m 'First checkpoint' (it takes {', '.join(sorted(chosen))})")
        if not changed:
            output.say(f"nothing to do: {place.root} is set up")
        elif place.fresh and not self.args.dry_run:
            folder = os.path.relpath(place.root)
            there = "" if folder == os.curdir else f"cd {shell_path(folder)} && "
            output.say(f"next: {there}python train.py && git commit -m 'First training'")


def _verb(text: str) -> str:
    """A step's text as the end of a sentence that begins with "would"."""
    return text if text.split()[0] in ("write", "copy", "make") else f"run: {text}"


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", nargs="?", metavar="PATH", help="The repository's folder (default: the current one).")
    parser.add_argument("--team-name", metavar="NAME", help="The team that owns the model.")
    parser.add_argument("--model-name", metavar="NAME", help="The model (default: the folder's name).")
    parser.add_argument("--data-path", metavar="PATH", help="Training data: copied into a new repository's data/.")
    parser.add_argument(
        "--remote", metavar="URL", help="Where DVC keeps the data (default: S3 after aws-config, else ~/.cpv/storage)."
    )
    parser.add_argument(
        "--layout",
        choices=get_args(Layout),
        help="How the remote names objects: by content (default), or by path on a bucket with versioning.",
    )
    parser.add_argument("--pipeline", action="store_true", help="Add a dvc.yaml for `dvc repro`.")
    parser.add_argument("--dry-run", action="store_true", help="Print what would be done, and change nothing.")
    add_telling(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="Track every large file that is found; do not ask.")
