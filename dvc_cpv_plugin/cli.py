"""`cpv …`, the same tree as `dvc cpv …`, without the start of DVC: what a command needs of it, it imports."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

_INTERRUPTED, _NO_DVC, _BROKEN_PIPE = 252, 253, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command with these arguments (the process's own by default); returns the exit code that DVC would."""
    before, after = split(list(sys.argv[1:] if argv is None else argv))
    if after[:1] in (["-V"], ["--version"]):
        from cpv_hooks import __version__

        sys.stdout.write(f"{__version__}\n")
        return 0
    try:
        os.getcwd()
    except FileNotFoundError:
        from cpv_hooks.errors import one_line

        sys.stderr.write(f"cpv: {one_line('the current folder was removed', fix='cd to an existing one')}\n")
        return 1
    from dvc_cpv_plugin.commands.nouns import parsers

    try:
        with ExitStack() as stack:
            args = parsers()[0].parse_args([*before, "cpv", *after])
            if args.quiet or args.verbose:
                stack.enter_context(_log_level(args))
            code: int = args.func(args).do_run()
            if sys.stdout is not None:
                sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        sys.stderr.write("ERROR: interrupted by the user\n")
        return _INTERRUPTED
    except BrokenPipeError:
        # Python flushes the stream once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - as DVC reports it
        return _report(error)
    finally:
        if "dvc.repo.open_repo" in sys.modules:
            from dvc.repo.open_repo import clean_repos

            clean_repos()


def _log_level(args: argparse.Namespace) -> Any:
    """DVC's loggers at the level that `-q` or `-v` asks for."""
    import logging

    from dvc.logger import set_loggers_level

    if args.quiet:
        return set_loggers_level(logging.CRITICAL)
    return set_loggers_level(logging.DEBUG if args.verbose == 1 else logging.DEBUG - 5)


def _report(error: Exception) -> int:
    """DVC's line for an exception, and its exit code."""
    from dvc.cli import _log_exceptions, logger
    from dvc.config import ConfigError
    from dvc.exceptions import DvcException, NotDvcRepoError

    if isinstance(error, ConfigError):
        logger.exception("configuration error")
        return 251
    if isinstance(error, DvcException):
        logger.exception("")
        return _NO_DVC if isinstance(error, NotDvcRepoError) else 255
    return _log_exceptions(error) or 255


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Part the options that DVC takes before a command (`--cd`, `--wait-for-lock`) from the rest."""
    taken = 0
    while taken < len(arguments):
        if arguments[taken] == "--cd":
            taken += 2
        elif arguments[taken] == "--wait-for-lock" or arguments[taken].startswith("--cd="):
            taken += 1
        else:
            break
    return arguments[:taken], arguments[taken:]
