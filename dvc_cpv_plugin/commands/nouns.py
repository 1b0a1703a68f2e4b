"""Argparse's sub-commands, each made from its module when it is asked for, and its answer to a wrong argument."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import TYPE_CHECKING, Any, NoReturn

from dvc_cpv_plugin.commands import NOUNS

if TYPE_CHECKING:
    from cpv_hooks.project.plugin_hooks import ExtraCommand

    SubParsersAction = argparse._SubParsersAction[Any]
else:
    SubParsersAction = argparse._SubParsersAction


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
            module = importlib.import_module(f"dvc_cpv_plugin.commands.{noun.replace('-', '_')}")
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one, the other nouns are there
            reason = " ".join(str(error).split())
            sys.stderr.write(f"cpv: `dvc cpv {noun}` could not be loaded ({type(error).__name__}: {reason})\n")
            sys.exit(1)
        alone = self._parser_class(prog=self._prog_prefix, add_help=False)
        nouns = alone.add_subparsers()
        module.add_parser(nouns, self.parent_parser)
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
