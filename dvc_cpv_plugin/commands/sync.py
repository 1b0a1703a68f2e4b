"""`dvc cpv sync`: pointers, artifacts and remote brought into agreement, now."""

from __future__ import annotations

import argparse

from cpv_hooks.console.output import printable, say
from cpv_hooks.errors import CPVError
from cpv_hooks.git import one_shot
from cpv_hooks.project.config import KINDS
from cpv_hooks.project.roots import projects_here
from cpv_hooks.recovery.guarded_sync import guarded_sync
from cpv_hooks.sync.asked_content import Asked
from cpv_hooks.sync.report import incomplete, tell_changes
from cpv_hooks.sync.sync_policy import SYNC
from cpv_hooks.transfer.commits import upload_status
from cpv_hooks.transfer.commits.by_policy import mark_queued
from cpv_hooks.transfer.commits.queued_uploads import retry_queued
from cpv_hooks.transfer.commits.versioned_commit import complete_files
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.versions import missed
from dvc_cpv_plugin.commands.base import CPVCommand

EXAMPLES = """examples:
  dvc cpv sync              everything
  dvc cpv sync data         also what was left out of this folder, from now on (a path or a pattern: 'data/train-*')
  dvc cpv sync --kind data  also all artifacts of a kind
  dvc cpv sync --no-fetch   only from the cache
  dvc cpv sync --no-push    upload nothing
  dvc cpv sync --status     what waits to be uploaded, and what is being uploaded (--json for programs)
  dvc cpv sync --wait       wait for the background upload
"""


class CmdSync(CPVCommand):
    """Syncs, or only looks; exit code 1 where something is left undone."""

    def run(self) -> int:
        looks = self.args.status or self.args.wait
        if looks and (self.args.paths or self.args.kind):
            what = "--status and --wait bring nothing, so they take no PATH and no --kind"
            raise CPVError(what, fix="dvc cpv sync PATH, then dvc cpv sync --wait")
        if not all(self.args.paths):
            raise CPVError("the path is empty", fix="dvc cpv sync PATH, or . for all of this folder")
        return self._look() if looks else self._sync()

    def _look(self) -> int:
        repo = self.repo
        found = upload_status.wait(repo) if self.args.wait else upload_status.Uploads.read(repo)
        self.answer(found.as_dict(), map(printable, found.lines()))
        return 1 if found.waiting else 0

    def _sync(self) -> int:
        repo = self.repo
        projects_here(repo)  # says so where CPV has nothing to do with the repository
        one_shot.heal(repo)
        asked = Asked.of(repo, self.args.kind, self.args.paths) if self.args.kind or self.args.paths else None
        report = guarded_sync(repo, SYNC._replace(fetch=self.args.fetch, asked=asked.rule if asked else None))
        tell_changes(report)
        if asked:
            asked.remember(repo, report)
        changed = report.of("snapshot")
        if changed:
            say(f"saved {', '.join(outcome.path for outcome in changed)}; run `git commit` to create a checkpoint")
        if self.args.push:
            for project in report.projects:
                placed = complete_files(project) if project.keeps_versions else []
                if placed:
                    say(f"uploaded {', '.join(placed)}; run `git commit` to record the versions")
                retry_queued(project, force=True)
            mark_queued(repo)
        caught_up = not self.args.push or missed.make_up(repo, report.projects)
        return 1 if incomplete(report) or not caught_up or (self.args.push and Queue.of(repo).pending()) else 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", metavar="PATH", nargs="*", help="Also fetch this, which was left out; or a pattern.")
    parser.add_argument(
        "--kind", action="append", default=[], choices=KINDS, help="Also fetch all artifacts of a kind."
    )
    parser.add_argument("--no-fetch", dest="fetch", action="store_false", help="Use only the cache.")
    parser.add_argument("--no-push", dest="push", action="store_false", help="Upload nothing that is queued.")
    look = parser.add_mutually_exclusive_group()
    look.add_argument("--status", action="store_true", help="Only show what waits and what is being uploaded.")
    look.add_argument("--wait", action="store_true", help="Wait for the background upload, then show what is left.")
    parser.add_argument("--json", action="store_true", help="With --status or --wait: print JSON.")
