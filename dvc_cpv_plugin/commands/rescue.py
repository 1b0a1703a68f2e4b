"""`dvc cpv rescue list|restore|drop`: what CPV moved out of the way, and how to get it back or let it go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cpv_hooks.console.output import say, size_text
from cpv_hooks.console.times import parse_age
from cpv_hooks.errors import CPVError
from cpv_hooks.recovery.restore_rescue import restore_rescue
from cpv_hooks.worktree.rescue_list import drop_rescues, rescues
from dvc_cpv_plugin.commands.base import CPVCommand, SubCommands

EXAMPLES = """examples:
  dvc cpv rescue list
  dvc cpv rescue restore 3                    put it back where it was
  dvc cpv rescue restore 3 --output old.bin   or somewhere else
  dvc cpv rescue drop 3 4                     removed from the list; dvc cpv prune then frees the space
  dvc cpv rescue drop --older-than 30d
"""


class CmdRescueList(CPVCommand):
    def run(self) -> int:
        found = list(rescues(self.repo))
        rows = ((str(one.number), one.when, size_text(one.size), one.path, one.oid, one.why) for one in found)
        return self.answer([one._asdict() for one in found], map("\t".join, rows))


class CmdRescueRestore(CPVCommand):
    def run(self) -> int:
        repo = self.repo
        target = restore_rescue(repo, self.args.number, self.args.output)
        say(f"rescue {self.args.number} is back at {target}")
        return 0


class CmdRescueDrop(CPVCommand):
    """Takes rescues off the list."""

    def run(self) -> int:
        chosen = [bool(self.args.numbers), self.args.all, self.args.older_than is not None]
        if sum(chosen) != 1:
            fix = "dvc cpv rescue drop 3, or --older-than 30d, or --all"
            raise CPVError("name the rescues to drop, in one of three ways", fix=fix)
        before = None
        if self.args.older_than is not None:
            before = datetime.now(UTC) - timedelta(seconds=parse_age(self.args.older_than))
        gone = drop_rescues(self.repo, self.args.numbers, everything=self.args.all, before=before)
        for rescue in gone:
            say(f"dropped rescue {rescue.number}: {rescue.path}, {size_text(rescue.size)}, of {rescue.when}")
        say("run `dvc cpv prune` to free the space" if gone else "no rescue to drop")
        return 0


def add_verbs(verbs: SubCommands) -> None:
    verbs.parsers.help = None
    listed = verbs.add("list", CmdRescueList, "List the rescues: number, when, size, path, hash, why.", EXAMPLES)
    listed.add_argument("--json", action="store_true", help="Print JSON.")
    back = verbs.add("restore", CmdRescueRestore, "Put rescued content back.", EXAMPLES)
    back.add_argument("number", type=int, help="The number that `rescue list` shows.")
    back.add_argument("-o", "--output", help="Where to put it (default: where it was).")
    away = verbs.add("drop", CmdRescueDrop, "Remove rescues from the list.", EXAMPLES)
    away.add_argument("numbers", type=int, nargs="*", metavar="number", help="The numbers that `rescue list` shows.")
    away.add_argument("--all", action="store_true", help="Every rescue.")
    away.add_argument("--older-than", metavar="AGE", help="Those older than this: 12h, 30d, 8w.")
