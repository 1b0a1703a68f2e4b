"""What every `dvc cpv` command has in common."""

from __future__ import annotations

import argparse
import os
from abc import abstractmethod
from typing import Any

from dvc.cli.command import CmdBaseNoRepo


class CPVCommand(CmdBaseNoRepo):  # type: ignore[misc]  # DVC publishes no types
    """A command that reports a `CPVError` as one line with exit code 1.

    Every other exception is DVC's to report, and so are `-q`, `-v`, `--cd` and the exit codes: DVC's `main` has already
    set the log level and the folder when `run` is called.
    """

    args: argparse.Namespace

    def do_run(self) -> int:
        """Called by DVC; runs the command and turns a `CPVError` into its line."""
        from cpv_hooks import output
        from cpv_hooks.errors import CPVError

        if self.args.quiet:
            os.environ["CPV_QUIET"] = "1"
        try:
            return self.run()
        except CPVError as error:
            if self.args.verbose:
                self._trace()
            return output.fail(error)

    @abstractmethod
    def run(self) -> int:
        """Do the work and return the exit code."""

    @staticmethod
    def _trace() -> None:
        from dvc.log import logger

        logger.debug("where the error below comes from", exc_info=True)


def add_command(
    subparsers: Any,
    parent_parser: argparse.ArgumentParser,
    name: str,
    command: type[CPVCommand],
    help: str,
    epilog: str,
) -> argparse.ArgumentParser:
    """Add a noun's parser, with its examples as the epilog of `--help`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        parents=[parent_parser],
        description=help,
        help=help,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(func=command)
    return parser
