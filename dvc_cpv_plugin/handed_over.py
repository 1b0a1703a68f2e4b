"""`dvc cpv …` runs before DVC has imported its commands, which takes longer than most of ours.

DVC's program calls `dvc.cli.main`, which imports the parser of all commands, and at its end `dvc.repo`. When it asks
for that parser it has read no more than the command line. Where that says `cpv`, our own command line does the rest and
ends the process, as `dvc --help` does there, with DVC's options and exit codes, and with DVC's report of use where that
is on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

_CLI = "dvc.cli"
_DVCS_ALONE = (
    "-v",
    "--verbose",
    "--cprofile",
    "--yappi",
    "--viztracer",
    "--pdb",
    "--instrument",
    "--show-stack",
    "--ss",
)
"""What asks DVC itself for something: it has the whole command then."""


def own_words() -> list[str] | None:
    """The arguments as `cpv` takes them, where DVC's program has been started for a command of ours, and that need not
    go by way of DVC."""
    return _split_from_dvc(_arguments_of_dvc())


def end_with(words: list[str]) -> NoReturn:
    """Run that command and end the process."""
    from dvc_cpv_plugin.analytics import send_report
    from dvc_cpv_plugin.cli import main

    code = main(words)
    send_report(code)
    raise SystemExit(code)


def _arguments_of_dvc() -> Sequence[str]:
    """The command line, where `dvc` or `python -m dvc` runs; none where another program has called `dvc.cli.main`."""
    frame = sys._getframe()
    while frame.f_back is not None:
        is_main = frame.f_code.co_name == "main" and frame.f_globals.get("__name__") == _CLI
        frame = frame.f_back
        if is_main:
            break
    else:
        return ()
    spec = frame.f_globals.get("__spec__")
    is_program = spec.name == "dvc.__main__" if spec else os.path.basename(sys.argv[0]) == "dvc"
    return sys.argv[1:] if is_program and frame.f_globals.get("__name__") == "__main__" else ()


def _split_from_dvc(given: Sequence[str]) -> list[str] | None:
    from dvc_cpv_plugin.cli import split

    before, after = split(list(given))
    if (
        after[:1] != ["cpv"]
        or after[1:2] in (["-V"], ["--version"])
        or any(one.startswith(_DVCS_ALONE) for one in after)
    ):
        return None
    return [*before, *after[1:]]
