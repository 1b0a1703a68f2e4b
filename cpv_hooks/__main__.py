"""`cpv-hook HOOK ARGS…`: what the shims and pre-commit start."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from cpv_hooks.git.hook_names import FSMONITOR, HOOKS

NAMES = (FSMONITOR, *HOOKS)
_GARBAGE_FROM = 100_000
"""Objects: what a hook imports alone is looked through a dozen times by Python's own bound, a tenth of its CPU time."""


def main(argv: list[str] | None = None) -> int:
    """Run one hook; returns its exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] not in NAMES:
        sys.stderr.write(f"usage: cpv-hook {{{','.join(NAMES)}}} [ARGS…]\n")
        return 2
    if os.environ.get("CPV_SILENCED"):
        return 0  # a commit that CPV itself makes, with the user's own hooks
    name, *rest = arguments
    if os.environ.get("CPV_SHIM", "").endswith(f" {name}"):
        return 0  # pre-commit runs us from inside our own shim, which does the work itself
    try:
        status: int = import_module(f"cpv_hooks.hooks.{name.replace('-', '_')}").run(rest)
        return status
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        from cpv_hooks.console.output import EXIT_BUG, fail

        status = fail(error)
        # A bug of ours never stands between a user and Git; a push that might leave data behind is the exception.
        return 0 if status == EXIT_BUG and name != "pre-push" else status


def _leave(status: int) -> NoReturn:
    """End here and now: to take all modules apart costs a sixth of a hook's CPU time, and nobody waits for it."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    gc.set_threshold(_GARBAGE_FROM)
    _leave(main())
