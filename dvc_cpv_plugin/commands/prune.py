"""`dvc cpv prune`: removes objects that nothing needs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from cpv_hooks.console.output import counted, printable, say, size_text
from cpv_hooks.console.times import parse_age
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.project.roots import projects_here
from cpv_hooks.upkeep.prune import sweep
from cpv_hooks.upkeep.prune.prune_plan import Doomed, PruneOptions, PrunePlan, total
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand

EXAMPLES = """examples:
  dvc cpv prune                          what could go from the cache, and how many bytes
  dvc cpv prune --yes                    remove it
  dvc cpv prune --keep 3 --yes           also older versions from the cache, if the remote has them
  dvc cpv prune --older-than 90d         the same for versions older than that; with --keep, only those that are both
  dvc cpv prune --remote --yes           also from the remote, what no ref anywhere needs

An object is needed if a commit mentions it that a ref, a stash, a work tree, a queued upload or a recent reflog entry
leads to, or if it is staged, in the work tree or on the list of rescues. What only retired versions need is not needed,
once their retirement is older than the grace period (docs/retention.md). --keep and --older-than never remove anything
from the remote. From the remote, only objects that were unchanged for the grace period are removed, and only if this
clone has every commit that the Git host has. Another clone may remember that such an object was there;
dvc cpv verify --all makes it look again."""
_SHOWN = 20
_GRACE = "30d"


class CmdPrune(CPVCommand):
    """Prints what would go, as text or JSON; with --yes it is gone."""

    def run(self) -> int:
        repo = self.repo
        projects, options = projects_here(repo), self._options()
        if self.args.yes:
            with sweep.locks(repo, projects):
                plan = sweep.plan_prune(repo, projects, options)
                sweep.sweep(repo, plan)
        else:
            plan = sweep.plan_prune(repo, projects, options)
        if self.args.json:
            ui.write_json({"removed": self.args.yes, **plan.as_dict()})
            return 0
        ui.write_output("\n".join(_lines(plan)) or "nothing to prune")
        for line in plan.waiting:
            say(line)
        if not plan.empty:
            freed = size_text(plan.bytes)
            say(f"{freed} freed" if self.args.yes else f"{freed} would be freed; {self._command()} does it")
        return 0

    def _command(self) -> str:
        args = self.args
        words = ["dvc cpv prune"]
        words += [] if args.keep is None else [f"--keep {args.keep}"]
        words += [] if args.older_than is None else [f"--older-than {shell_word(args.older_than)}"]
        words += ["--remote"] if args.remote else []
        words += [] if args.grace == _GRACE else [f"--grace {shell_word(args.grace)}"]
        words += ["--force"] if args.force else []
        return " ".join([*words, "--yes"])

    def _options(self) -> PruneOptions:
        if self.args.keep is not None and self.args.keep < 0:
            raise CPVError("--keep counts versions", fix="dvc cpv prune --keep 3")
        return PruneOptions(
            keep=self.args.keep,
            older_than=None if self.args.older_than is None else parse_age(self.args.older_than),
            grace=parse_age(self.args.grace),
            remote=self.args.remote,
            force=self.args.force,
        )


def _lines(plan: PrunePlan) -> Iterator[str]:
    for cache in plan.caches:
        yield from _part(f"cache {cache.folder}", cache.objects, [str(path) for path in cache.leftovers])
    for remote in plan.remotes:
        yield from _part(f"remote {remote.url}", remote.objects, [item.name for item in remote.leftovers])


def _part(where: str, objects: Sequence[Doomed], leftovers: Sequence[str]) -> Iterator[str]:
    for why in dict.fromkeys(item.why for item in objects):
        group = [item for item in objects if item.why == why]
        yield f"{where}: {counted(len(group), 'object')}, {size_text(total(group))} ({why})"
        for item in group[:_SHOWN]:
            yield f"  {item.oid}\t{size_text(item.size)}"
        if len(group) > _SHOWN:
            yield f"  … and {len(group) - _SHOWN} more (--json has all)"
    for name in leftovers:
        yield f"{where}: left over: {printable(name)}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep",
        type=int,
        metavar="N",
        help="Keep the newest N versions of each line in the cache, and remove others.",
    )
    parser.add_argument(
        "--older-than", metavar="AGE", help="Remove versions older than this from the cache: 90d, 12h, 8w."
    )
    parser.add_argument("--remote", action="store_true", help="Also remove from the remote what no ref needs.")
    parser.add_argument(
        "--grace", metavar="AGE", default=_GRACE, help="For how long reflogs and the remote protect objects (30d)."
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--yes", action="store_true", help="Remove the objects; without this they are only printed.")
    action.add_argument("--dry-run", action="store_true", help="Only print them; the default.")
    parser.add_argument(
        "--force",
        action="store_true",
        help="Even if others may share them, or a folder's list of files is lost.",
    )
    parser.add_argument("--json", action="store_true", help="Print JSON, with every object.")
