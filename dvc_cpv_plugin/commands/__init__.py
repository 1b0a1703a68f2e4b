"""The tree of `dvc cpv`: one module for each noun, each with DVC's own `add_parser(subparsers, parent_parser)`."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Any

NOUNS = (
    "init",
    "install",
    "uninstall",
    "aws-config",
    "bitbucket-config",
    "config",
    "validate",
    "model",
    "data",
    "checkpoint",
    "tag",
    "log",
    "diff",
    "promote",
    "demote",
    "stages",
    "runs",
    "watch",
    "sync",
    "status",
    "doctor",
    "verify",
    "prune",
    "rescue",
    "recover",
    "batch",
    "access",
    "demo",
)

DESCRIPTION = """Version a model repository's checkpoints with plain git commit, tag and checkout.

In a repository that `dvc cpv init` made or adopted, Git's own commands do the work; the commands here
set a repository up, look into it and help where something went wrong."""


def add_parser(subparsers: Any, parent_parser: argparse.ArgumentParser) -> None:
    """Add `cpv` to DVC's parser. A noun that cannot be imported is named in one line, the others are there."""
    parser = subparsers.add_parser(
        "cpv",
        parents=[parent_parser],
        description=DESCRIPTION,
        help="Version checkpoints with plain Git commands.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    nouns = parser.add_subparsers(
        dest="cmd", metavar="command", help="Use `dvc cpv command --help` for command-specific help.", required=True
    )
    for noun in NOUNS:
        try:
            importlib.import_module(f"{__name__}.{noun.replace('-', '_')}").add_parser(nouns, parent_parser)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one, DVC and the other nouns are there
            reason = " ".join(str(error).split())
            sys.stderr.write(f"cpv: `dvc cpv {noun}` could not be loaded ({type(error).__name__}: {reason})\n")
