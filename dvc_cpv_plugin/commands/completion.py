"""`dvc cpv completion SHELL`: the script by which a shell completes `cpv`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from dvc_cpv_plugin.commands.base import CPVCommand

EXAMPLES = """examples:
  source <(cpv completion bash)                       in this shell; in ~/.bashrc for every new one
  cpv completion bash >~/.local/share/bash-completion/completions/cpv
  cpv completion zsh >~/.zfunc/_cpv                   with fpath=(~/.zfunc $fpath) before compinit in ~/.zshrc
  cpv completion fish >~/.config/fish/completions/cpv.fish

It completes commands, options, versions, stages, runs, metrics and settings. `dvc completion` completes the commands
and options of `dvc cpv`."""
SHELLS = ("bash", "zsh", "fish")
_FILES = ("PATH", "FILE", "output")
_FOLDERS = ("FOLDER", "DIR")
# What a repository has, by the word that stands for it in the help.
_NAMES = {
    "TAG": "versions",
    "A": "revisions",
    "B": "revisions",
    "STAGE": "stages",
    "RUN": "runs",
    "RUN[@STEP]": "steps",
    "RUN[@STEP|@best|@last]": "steps",
    "[-]METRIC": "metrics",
    "M": "metrics",
}


class CmdCompletion(CPVCommand):
    """Prints the script, or for the script the names of this repository."""

    says_bypassed = False

    def run(self) -> int:
        from dvc_cpv_plugin.commands import ui

        if self.args.names is not None:
            return self._names(self.args.names)
        import shtab

        parser = _parser()
        for action in _actions(parser):
            _complete(action)
        ui.write_output(shtab.complete(parser, shell=self.args.shell))
        return 0

    @staticmethod
    def _names(what: str) -> int:
        """Where nothing can be listed, nothing is completed, and nothing is said into the line that is typed."""
        from cpv_hooks.errors import CPVError
        from cpv_hooks.history import completions
        from dvc_cpv_plugin.commands import ui

        try:
            ui.write_output("\n".join(completions.completions(what)))
        except (CPVError, OSError):
            return 1
        return 0


def _parser() -> argparse.ArgumentParser:
    from dvc_cpv_plugin.commands.nouns import parsers

    parser = parsers()[1]
    parser.prog = "cpv"
    return parser


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in dict(action.choices.items()).values():
                yield from _actions(inner)
        else:
            yield action


def _complete(action: Any) -> None:
    """Say what a shell completes an argument by, for shtab."""
    import shtab

    if action.choices or action.nargs == 0:
        return
    word = action.metavar or action.dest
    if word in _NAMES:
        action.complete = _names_of(_NAMES[word])
    elif word in _FOLDERS:
        action.complete = shtab.DIRECTORY
    elif word in _FILES:
        action.complete = shtab.FILE
    elif word == "KEY":
        from cpv_hooks.accounts.personal import personal_settings

        action.choices = personal_settings.keys()


def _names_of(what: str) -> dict[str, Any]:
    """As `shtab.cmd` has it; but zsh would run that once, as it reads the script, and not where it completes."""
    import shtab

    command = f"cpv completion --names {what} 2>/dev/null"
    found: Any = shtab.cmd(command)
    function = f'_cpv_{what}() {{\n  local -a found\n  found=(${{(f)"$({command})"}})\n  compadd -a found\n}}'
    return {**found, "zsh": f"_cpv_{what}", "preamble": {**found["preamble"], "zsh": function}}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from cpv_hooks.history.completions import KINDS

    parser.add_argument("shell", nargs="?", default="bash", choices=SHELLS, help="The shell (default: bash).")
    parser.add_argument("--names", choices=tuple(KINDS), help=argparse.SUPPRESS)
