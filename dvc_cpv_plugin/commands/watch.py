"""`dvc cpv watch DIR -- COMMAND`: the checkpoints of any program as a training run."""

from __future__ import annotations

import argparse
from pathlib import Path

from cpv_hooks.errors import CPVError
from cpv_hooks.project.config import GOALS
from cpv_hooks.runs.keep_rules import rule_of
from cpv_hooks.runs.save_rules import seconds
from cpv_hooks.runs.watch import Wishes, watch
from dvc_cpv_plugin.commands.base import CPVCommand

EXAMPLES = """examples:
  dvc cpv watch outputs --keep-last 2 -- python train.py --output_dir outputs
  dvc cpv watch outputs --pattern 'checkpoint-*' --marker trainer_state.json --keep-best 1 --metric eval_loss \\
      --resume -- accelerate launch train.py
  dvc cpv watch ckpt --settle 30 --name bert-7 -- ./train.sh

A file or folder in DIR is taken when it is finished: when its folder has the --marker, or none of its files has changed
for --settle seconds, or the program has ended with 0. It is hard-linked, so the program can delete it. Its step is the
number in its name."""


class CmdWatch(CPVCommand):
    """Runs the program; ends with its exit status."""

    def run(self) -> int:
        # What stands between DIR and `--` are options of ours; argparse leaves them to what follows DIR.
        before, _, command = _split(self.args.command)
        parser = argparse.ArgumentParser(prog="dvc cpv watch DIR", add_help=False)
        _add_options(parser)
        args = parser.parse_args(before, namespace=self.args)
        if not command:
            raise CPVError("no program is named", fix="dvc cpv watch DIR -- COMMAND")
        if not args.folder:
            raise CPVError("the path is empty", fix="name the folder: dvc cpv watch DIR -- COMMAND")
        _check_counts(args)
        wishes = Wishes(
            Path(args.folder).absolute(),
            rule_of(args.keep_last, args.keep_best, args.keep_every, args.metric, args.mode),
            args.pattern,
            seconds("--settle", args.settle, "dvc cpv watch DIR --settle 5 -- COMMAND"),
            args.marker,
            Path(args.metrics).absolute() if args.metrics else None,
            args.name,
            args.artifact,
            args.resume,
            seconds("--grace", args.grace, "dvc cpv watch DIR --grace 25 -- COMMAND"),
        )
        return watch(wishes, command)


def _check_counts(args: argparse.Namespace) -> None:
    for option in ("--keep-last", "--keep-best", "--keep-every"):
        value = vars(args)[option[2:].replace("-", "_")]
        if value is not None and value < 1:
            what = f"{option} must be a whole number of at least 1, not {value}"
            raise CPVError(what, fix=f"dvc cpv watch DIR {option} 1 -- COMMAND")
    if args.keep_best is not None and not args.metric:
        fix = "dvc cpv watch DIR --keep-best 3 --metric eval_loss -- COMMAND"
        raise CPVError("--keep-best needs the name of a --metric", fix=fix)


def _split(words: list[str]) -> tuple[list[str], str, list[str]]:
    at = words.index("--") if "--" in words else 0 if words[:1] and not words[0].startswith("-") else len(words)
    return words[:at], "--", words[at + ("--" in words) :]


def _add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--pattern", default="*", metavar="GLOB", help="Names of checkpoints in DIR (all).")
    add("--marker", metavar="NAME", help="A file that shows that a checkpoint's folder is finished.")
    add(
        "--settle",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="How long a checkpoint must be unchanged to count as finished (5).",
    )
    add("--metrics", metavar="FILE", help="The program's metrics (default: those in the checkpoint).")
    add("--keep-last", type=int, metavar="N", help="Keep the newest N.")
    add("--keep-best", type=int, metavar="N", help="Keep the best N by --metric.")
    add("--keep-every", type=int, metavar="M", help="Keep the multiples of M for ever.")
    add("--metric", metavar="NAME", help="The metric for --keep-best.")
    add("--mode", choices=GOALS, default="min", help="Whether less or more is better (min).")
    add("--name", metavar="RUN", help="The run (default: CPV_RUN, else the branch's name).")
    add("--artifact", metavar="PATH", help="The artifact that a checkpoint becomes.")
    add("--resume", action="store_true", help="First put the run's newest complete step into DIR.")
    add("--grace", type=float, default=25.0, metavar="SECONDS", help="Time to upload after a signal (25).")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _add_options(parser)
    parser.add_argument("folder", metavar="DIR", help="Where the program writes its checkpoints.")
    parser.add_argument("command", metavar="-- COMMAND", nargs=argparse.REMAINDER, help="The program.")
