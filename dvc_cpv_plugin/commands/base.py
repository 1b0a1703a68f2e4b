"""What every `dvc cpv` command has in common."""

from __future__ import annotations

import argparse
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cpv_hooks.console.output import fail
from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from dvc_cpv_plugin.analytics import spare_report
from dvc_cpv_plugin.commands import ui

if TYPE_CHECKING:
    from cpv_hooks.git.repo import Repo
    from cpv_hooks.project.project import Project


class CPVCommand(ABC):
    """A command as DVC calls them; it reports a `CPVError`, or a disk that refuses, as one line with exit code 1.

    Every other exception is for DVC's `main` to report, or for ours (`cpv`), which have set the log level.
    """

    says_bypassed = True
    """Whether the command says it where Git does not run CPV's hooks; not one that sees to it, or tells it itself."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        os.chdir(args.cd)

    def do_run(self) -> int:
        """Called by DVC; runs the command and turns a `CPVError` into its line."""
        before = os.environ.get("CPV_QUIET")
        ui.quiet = bool(self.args.quiet)
        if self.args.quiet:
            # For Git's hooks under this command too.
            os.environ["CPV_QUIET"] = "1"
        try:
            if self.says_bypassed:
                self._say_bypassed()
            return self.run()
        except BrokenPipeError:
            raise  # the reader of our output is gone; DVC knows what to do
        except (CPVError, OSError) as error:
            if self.args.verbose:
                self._trace()
            spare_report()
            return fail(error)
        finally:
            if self.args.quiet:
                _restore("CPV_QUIET", before)

    @abstractmethod
    def run(self) -> int:
        """Do the work and return the exit code."""

    @cached_property
    def repo(self) -> Repo:
        """The repository around here."""
        from cpv_hooks.git.repo import Repo

        return Repo.discover()

    def project_here(self) -> Project:
        """The first DVC root around here."""
        from cpv_hooks.project.roots import projects_here

        return projects_here(self.repo)[0]

    def answer(self, value: object, text: str | Iterable[str]) -> int:
        """Print a result: the value where `--json` asks for it, else the text or its lines; returns 0."""
        if self.args.json:
            ui.write_json(value)
        elif lines := [text] if isinstance(text, str) else list(text):
            ui.write_output("\n".join(lines))
        return 0

    def _say_bypassed(self) -> None:
        from cpv_hooks.git import hooks_in_place

        try:
            hooks_in_place.check_hooks(self.repo)
        except (CPVError, OSError):
            return  # the command itself says what is wrong, if it needs a repository

    @staticmethod
    def _trace() -> None:
        import logging
        import traceback

        logging.getLogger("dvc.cpv").debug("the error below comes from here\n%s", traceback.format_exc())


def _restore(name: str, value: str | None) -> None:
    if value is None:
        del os.environ[name]
    else:
        os.environ[name] = value


class SubCommands(NamedTuple):
    """Where commands are added."""

    parsers: Any
    parent: argparse.ArgumentParser

    def add(self, name: str, command: type[CPVCommand] | None, help: str, examples: str) -> argparse.ArgumentParser:
        """Add a command; `help` is also its description, and `examples` end its `--help`. None: it has commands."""
        parser: argparse.ArgumentParser = self.parsers.add_parser(
            name,
            parents=[self.parent],
            description=help,
            help=help,
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if command is not None:
            parser.set_defaults(func=command)
        return parser

    def add_noun(self, name: str, help: str, module: Any) -> None:
        """Add what a module of this package has: `CmdNoun` with its `add_arguments`, or commands by `add_verbs`."""
        if hasattr(module, "add_verbs"):
            parser = self.add(name, None, help, module.EXAMPLES)
            line = f"`dvc cpv {name} COMMAND --help` has its options and examples."
            verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", help=line, required=True)
            module.add_verbs(SubCommands(verbs, self.parent))
        else:
            parser = self.add(name, getattr(module, f"Cmd{name.title().replace('-', '')}"), help, module.EXAMPLES)
            if hasattr(module, "add_arguments"):
                module.add_arguments(parser)
