"""What a wrong argument is answered with."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

_WRONG_ARGUMENTS = 254


class Parser(argparse.ArgumentParser):
    """Says what is wrong in a few lines, and where all the options are; the exit code is DVC's, 254."""

    def error(self, message: str) -> NoReturn:
        needed = [action for action in self._actions if action.required or not action.option_strings]
        usage = argparse.HelpFormatter(f"{self.prog} [OPTION ...]", width=sys.maxsize)
        usage.add_usage(None, needed, [])
        sys.stderr.write(f"ERROR: {message}\n{usage.format_help().strip()}\nsee: {self.prog} --help\n")
        sys.exit(_WRONG_ARGUMENTS)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See argparse. Here, so that the command which was given too much says so, not the whole tree."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return found, left
