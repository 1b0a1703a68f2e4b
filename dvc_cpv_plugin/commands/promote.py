"""`dvc cpv promote`: take a version into a stage."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from cpv_hooks.console.output import say
from cpv_hooks.errors import shell_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.history.promotion import promote
from cpv_hooks.project.roots import projects_here
from cpv_hooks.versions import stages
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand

EXAMPLES = """examples:
  dvc cpv promote v0.3 staging
  dvc cpv promote v0.3 production -m "passed the review"
  git push --follow-tags                       # others see it after a push
  dvc cpv model download --tag @production     # @STAGE works wherever a version is expected

[stages] in .cpv.toml lists the stages and their rules. docs/stages.md has more."""


class CmdPromote(CPVCommand):
    """Checks the stage's rule, and writes GTO's tag."""

    def run(self) -> int:
        repo, stage = self.repo, self.args.stage
        projects = projects_here(repo)
        known = {event.stage for event in stages.stage_history(repo, projects[0])}
        made = promote(repo, projects, self.args.version, stage, self.args.message)
        ui.write_output(made)
        if known and stage not in {*known, *projects[0].config.stages}:
            new = f"{stage!r} is a new stage (until now: {', '.join(sorted(known))})"
            say(new + f"; dvc cpv demote {shell_word(stage)} empties it")
        say_push(repo, [made])
        return 0


def say_push(repo: Repo, made: Sequence[str]) -> None:
    """The command that brings tags of stages, and the versions that they name, to the Git host."""
    remotes = repo.run("remote").split()
    if not remotes:
        return
    words = ["--follow-tags"]
    # With these go the tags of the branch's own commits alone, and only where the branch has its place on the host.
    if not repo.resolve("@{upstream}") or not all(repo.ok("merge-base", "--is-ancestor", tag, "HEAD") for tag in made):
        beside = (repo.run("tag", "--points-at", f"{tag}^{{commit}}").splitlines() for tag in made)
        tags = dict.fromkeys(name for names in beside for name in names)
        words = ["origin" if "origin" in remotes else remotes[0], *map(shell_word, tags)]
    say(f"next: git push {' '.join(words)} (until then others do not see it)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("version", metavar="TAG", help="A model version.")
    parser.add_argument("stage", metavar="STAGE", help="The stage.")
    parser.add_argument("-m", "--message", help="Why; it goes into the tag.")
