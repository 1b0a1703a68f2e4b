"""`cpv-hook HOOK ARGS…`: what the shims and pre-commit start."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from cpv_hooks.git.hook_names import FSMONITOR, HOOKS

NAMES = (FSMONITOR, *HOOKS)


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


if __name__ == "__main__":
    raise SystemExit(main())
