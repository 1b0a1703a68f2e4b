"""`dvc cpv NAME` of a plugin."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from cpv_hooks.errors import CPVError
from cpv_hooks.project import plugins
from cpv_hooks.project.plugin_hooks import ExtraCommand
from dvc_cpv_plugin.commands.base import CPVCommand


class CmdOfPlugin(CPVCommand):
    """Runs it; what it raises becomes one line that names the plugin."""

    def run(self) -> int:
        plugin, command = self.args.of_plugin
        try:
            return int(command.run(self.args) or 0)
        except (CPVError, OSError):
            raise
        except Exception as error:
            raise plugins.plugin_failed(plugin, f"command {command.name}", error) from error


def make_parser(
    plugin: str, command: ExtraCommand, parser_class: Any, prefix: str, parent: Any
) -> argparse.ArgumentParser:
    """The parser of a command that a plugin adds. One whose arguments cannot be added ends the process with 1."""
    parser: argparse.ArgumentParser = parser_class(
        prog=f"{prefix} {command.name}",
        parents=[parent],
        description=command.help,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    try:
        if command.add_arguments is not None:
            command.add_arguments(parser)
    except Exception as error:  # noqa: BLE001 - a plugin's code
        sys.stderr.write(f"cpv: {plugins.plugin_failed(plugin, f'command {command.name}', error)}\n")
        sys.exit(1)
    parser.set_defaults(func=CmdOfPlugin, of_plugin=(plugin, command))
    return parser
