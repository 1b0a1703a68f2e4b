"""The tree of `dvc cpv`. A noun's module is imported when it is asked for: DVC's other commands do not pay for it."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import TYPE_CHECKING, Any, NoReturn

from dvc_cpv_plugin.commands import NOUNS

if TYPE_CHECKING:
    from cpv_hooks.project.plugin_hooks import ExtraCommand

    SubParsersAction = argparse._SubParsersAction[Any]
else:
    SubParsersAction = argparse._SubParsersAction

DESCRIPTION = """Version a model repository's checkpoints with plain git commit, tag and checkout.

In a repository that `dvc cpv init` made or adopted, Git's own commands do the work; the commands here
set a repository up, look into it and help where something went wrong."""

EXAMPLES = """examples:
  dvc cpv init resnet50 --team-name vision     make a new model repository
  dvc cpv init --team-name vision --dry-run    in an existing repository: what would be done
  dvc cpv install                              in a clone: the hooks, and the data
  dvc cpv status                               what changed, what is queued
  dvc cpv log -n 5                             the last five versions
  dvc cpv doctor                               what is wrong, and the command that fixes it"""


def add_parser(subparsers: Any, parent_parser: argparse.ArgumentParser) -> None:
    """Add `cpv` to DVC's parser."""
    from dvc_cpv_plugin.gc_guard import guard_gc

    guard_gc(subparsers)
    # DVC's own class answers a wrong argument with all of the help.
    prog = subparsers.add_parser("cpv", help="Version checkpoints with plain Git commands.", add_help=False).prog
    parser: Any = Parser(
        prog=prog,
        parents=[parent_parser],
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers.choices["cpv"] = parser
    nouns = parser.add_subparsers(
        action=NounsAction,
        dest="cmd",
        metavar="COMMAND",
        help="`dvc cpv COMMAND --help` has its options and examples.",
        required=True,
    )
    nouns.parent_parser = parent_parser


def parsers() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """DVC's parser as far as it is ours, and in it that of `cpv`."""
    common = argparse.ArgumentParser(add_help=False)
    level = common.add_mutually_exclusive_group()
    level.add_argument("-q", "--quiet", action="count", default=0, help="Be quiet.")
    level.add_argument("-v", "--verbose", action="count", default=0, help="Be verbose.")
    parser = Parser(prog="dvc", parents=[common])
    parser.add_argument("--cd", default=os.path.curdir)
    parser.add_argument("--wait-for-lock", action="store_true")
    nouns = parser.add_subparsers(required=True)
    add_parser(nouns, common)
    return parser, nouns.choices["cpv"]


class NounsAction(SubParsersAction):
    """`parser.add_subparsers(action=NounsAction)`; set `parent_parser` before anything is parsed."""

    parent_parser: argparse.ArgumentParser

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._name_parser_map = self.choices = _Parsers(self)

    def make(self, noun: str) -> argparse.ArgumentParser:
        """The parser of a noun. Where it cannot be imported, one line says so and the process ends with 1."""
        if sys.platform == "win32":
            # Nothing of the engine can be imported there.
            sys.stderr.write("cpv: Windows is not supported yet; fix: use WSL (wsl --install), and Git and DVC in it\n")
            sys.exit(1)
        if noun not in NOUNS:
            return self._made_of_plugin(noun)
        try:
            from dvc_cpv_plugin.commands.base import SubCommands

            module = importlib.import_module(f"dvc_cpv_plugin.commands.{noun.replace('-', '_')}")
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one, the other nouns are there
            reason = " ".join(str(error).split())
            sys.stderr.write(f"cpv: `dvc cpv {noun}` could not be loaded ({type(error).__name__}: {reason})\n")
            sys.exit(1)
        nouns = self._parser_class(prog=self._prog_prefix, add_help=False).add_subparsers()
        SubCommands(nouns, self.parent_parser).add_noun(noun, NOUNS[noun], module)
        parser: argparse.ArgumentParser = nouns.choices[noun]
        return parser

    def _made_of_plugin(self, noun: str) -> argparse.ArgumentParser:
        from dvc_cpv_plugin.commands.of_plugins import make_parser

        return make_parser(*_extra()[noun], self._parser_class, self._prog_prefix, self.parent_parser)

    def _get_subactions(self) -> list[argparse.Action]:
        lines = {**NOUNS, **{noun: command.help for noun, (_, command) in _extra().items()}}
        return [argparse.Action([], dest=noun, metavar=noun, help=line) for noun, line in lines.items()]


def _extra() -> Mapping[str, tuple[str, ExtraCommand]]:
    """The commands of plugins, each with its plugin, but for those that have a name of ours."""
    from cpv_hooks.project import plugins

    return {noun: found for noun, found in plugins.commands().items() if noun not in NOUNS}


class _Parsers(dict[str, argparse.ArgumentParser]):
    def __init__(self, action: NounsAction) -> None:
        super().__init__()
        self._action = action

    def __missing__(self, noun: str) -> argparse.ArgumentParser:
        if noun not in self:
            raise KeyError(noun)
        made = self[noun] = self._action.make(noun)
        return made

    def __contains__(self, noun: object) -> bool:
        # Plugins are loaded for a command that is none of ours, and for a list of all.
        return noun in NOUNS or noun in _extra()

    def __iter__(self) -> Iterator[str]:
        return iter([*NOUNS, *_extra()])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def items(self) -> ItemsView[str, argparse.ArgumentParser]:  # type: ignore[override]  # a view of the same
        """All of them, made: for shell completion, and for DVC's search for the parser of a wrong argument."""
        return {noun: self[noun] for noun in self}.items()

    def values(self) -> ValuesView[argparse.ArgumentParser]:  # type: ignore[override]
        return dict(self.items()).values()


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
