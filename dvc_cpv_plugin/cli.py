"""`cpv …`, the same tree as `dvc cpv …`."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run `dvc cpv` with these arguments (the process's own by default) and return DVC's exit code."""
    before, after = _split(list(sys.argv[1:] if argv is None else argv))
    if after[:1] in (["-V"], ["--version"]):
        from cpv_hooks import __version__

        sys.stdout.write(f"{__version__}\n")
        return 0
    from dvc.cli import main as dvc_main
    from dvc.cli import parser

    from dvc_cpv_plugin import autoload

    # Already done where Python has processed our .pth file; not so under `pip install --target`.
    if not autoload.append(parser):
        return 1
    return int(dvc_main([*before, "cpv", *after]))


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
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
