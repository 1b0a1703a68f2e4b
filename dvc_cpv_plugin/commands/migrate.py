"""`dvc cpv migrate lfs`: what other tools keep becomes versions."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dvc_cpv_plugin.commands import NOUNS
from dvc_cpv_plugin.commands.base import CPVCommand, add_command
from dvc_cpv_plugin.commands.common import add_json, add_noun

if TYPE_CHECKING:
    from cpv_hooks.console.plan import Effect
    from cpv_hooks.project.project import Project

EXAMPLES = """examples:
  dvc cpv migrate lfs --dry-run        what HEAD keeps in Git LFS, and what would be done
  dvc cpv migrate lfs                  in one new commit; history stays as it is

What is migrated from stays as it is. docs/migrating.md has more."""


class MigrateCommand(CPVCommand):
    """A command of `migrate`."""

    def project(self) -> Project:
        """The DVC root around here."""
        from cpv_hooks.git.repo import Repo
        from cpv_hooks.project.roots import projects_here

        return projects_here(Repo.discover())[0]

    def show(self, effects: Sequence[Effect]) -> int:
        """Print what a dry run would do."""
        from dvc_cpv_plugin.checkpoints import print_effects
        from dvc_cpv_plugin.commands import ui

        if self.args.json:
            listed = [{"tool": effect.tool, "text": effect.text} for effect in effects]
            ui.write_json({"dry_run": True, "effects": listed})
        else:
            print_effects(effects)
        return 0

    def answer(self, text: str, value: Mapping[str, object]) -> int:
        """Print a result."""
        from dvc_cpv_plugin.commands import ui

        if self.args.json:
            ui.write_json(value)
        else:
            ui.write_output(text)
        return 0


class CmdMigrateLfs(MigrateCommand):
    """Moves what Git LFS has to DVC."""

    def run(self) -> int:
        """Do it."""
        from cpv_hooks.console.output import size_text
        from cpv_hooks.migration import lfs_head

        with lfs_head.moving(self.project(), fetch=not self.args.dry_run) as plan:
            if self.args.dry_run:
                return self.show(plan.effects)
            found = plan.run()
        count = f"{found.files} file{'' if found.files == 1 else 's'}"
        text = f"{count} ({size_text(found.size)}) moved from Git LFS to DVC: {', '.join(found.tags)}"
        value = {"artifacts": found.artifacts, "files": found.files, "size": found.size, "tags": found.tags}
        return self.answer(text, value)


def add_parser(subparsers: Any, parent_parser: argparse.ArgumentParser) -> None:
    """Add `migrate` to `dvc cpv`."""
    verbs = add_noun(subparsers, parent_parser, "migrate", NOUNS["migrate"], EXAMPLES)
    lfs = add_command(
        verbs, parent_parser, "lfs", CmdMigrateLfs,
        "Move what HEAD keeps in Git LFS to DVC, in one new commit: verified, uploaded, tagged, all of it or nothing.",
        "examples:\n  dvc cpv migrate lfs --dry-run\n  dvc cpv migrate lfs --json | jq .tags",
    )  # fmt: skip
    _add_common(lfs)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="Print the exact effects, and change nothing.")
    add_json(parser)
