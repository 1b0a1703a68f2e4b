"""Adds `cpv` to DVC's commands at the moment DVC's parser is imported.

DVC has no plugin point for commands: `dvc.cli.parser.COMMANDS` is a plain list of modules. `dvc_cpv.pth`, which Python
runs at every start, puts a finder of a few lines on `sys.meta_path`; it knows one name, and calls `find_spec` here when
that name is imported. Nothing here may stop DVC: what does not fit becomes one line of warning.
"""

from __future__ import annotations

import importlib.util
import sys
from contextlib import suppress
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PARSER = "dvc.cli.parser"
_searching = False


def find_spec(name: str) -> ModuleSpec | None:
    """The spec that Python would have found, with our command appended once the module has been executed.

    Where that command is the one that was called, it is run instead, and the process ends with it.
    """
    global _searching
    if _searching:
        return None
    _searching = True
    try:
        spec = importlib.util.find_spec(name)
    finally:
        _searching = False
    if spec is not None and spec.loader is not None:
        _execute_around(spec.loader)
    return spec


def _execute_around(loader: Any) -> None:
    # Patching this one loader object, not wrapping it: inspect, pkgutil and tracebacks still meet the real loader.
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        # Here, and not where the spec is looked for: Python holds the lock of all imports there, so that threads of
        # a command could import nothing.
        words = None
        with suppress(Exception):  # what is wrong with us is said when DVC has come to our parser
            from dvc_cpv_plugin.handed_over import end_with, own_words

            words = own_words()
        if words is not None:
            end_with(words)
        execute(module)
        add_to_dvc(module)

    loader.exec_module = exec_module


class PthEntry:
    """What stands in DVC's list of commands in our place: DVC calls `add_parser` on each element."""

    @staticmethod
    def add_parser(*args: Any, **kwargs: Any) -> None:
        """Add the `cpv` parser; a failure is one warning, and DVC's own commands are not affected."""
        try:
            from dvc_cpv_plugin.commands.nouns import add_parser

            add_parser(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - DVC must start whatever is wrong with us
            _warn(f"`dvc cpv` could not be loaded ({type(error).__name__}: {error})")


def add_to_dvc(parser: ModuleType) -> bool:
    """Add our entry to DVC's list of commands, once; False (and a warning) where this DVC has no such list."""
    listed = getattr(parser, "COMMANDS", None)
    if not isinstance(listed, list):
        _warn(f"`dvc cpv` is off: this DVC has no list {PARSER}.COMMANDS")
        return False
    if PthEntry not in listed:
        listed.append(PthEntry)
    return True


def _warn(what: str) -> None:
    if sys.stderr:
        line = " ".join(f"cpv: {what}; DVC and the Git hooks go on; fix: pip install -U dvc-cpv".split())
        sys.stderr.write(line + "\n")
