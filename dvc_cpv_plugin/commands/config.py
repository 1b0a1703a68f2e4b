"""`dvc cpv config get|set|unset|list|trust|untrust`: the personal settings in `~/.cpv/config.json`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from getpass import getpass
from typing import Any
from urllib.parse import urlsplit

from cpv_hooks.accounts.personal import personal_settings
from cpv_hooks.accounts.personal.schema import Settings
from cpv_hooks.console.output import say, warn
from cpv_hooks.console.redact import MASK, redact
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand, SubCommands
from dvc_cpv_plugin.commands.common import add_json
from dvc_cpv_plugin.commands.config_trust import add_trust

EXAMPLES = """examples:
  dvc cpv config list
  dvc cpv config get aws.region
  dvc cpv config set aws.region eu-west-1
  dvc cpv config set notify.url - < webhook.txt
  dvc cpv config unset aws.endpoint_url
  dvc cpv config trust https://minio.example.org:9000"""
SECRET = frozenset({"notify.url", "notify.webhook", "notify.secret"})
"""Settings that are never printed in full: whoever knows a webhook's address can write to its channel."""


class CmdGet(CPVCommand):
    """Prints one setting, or a group of them."""

    def run(self) -> int:
        key = self.args.key
        value = _masked(key, personal_settings.get(key))
        return self.answer(value, _lines(_leaves(value, key)) if isinstance(value, dict) else _word(value))


class CmdConfigList(CPVCommand):
    """A table on a terminal, plain lines in a pipe, or JSON."""

    def run(self) -> int:
        found = personal_settings.get()
        defaults = dict(_leaves(Settings().model_dump()))
        values = {name: value for name, value in _leaves(_masked("", found)) if name != "version"}
        if sys.stdout.isatty() and not self.args.json:
            rows = [(name, _word(value), "" if value == defaults[name] else "set") for name, value in values.items()]
            ui.write_table(("setting", "value", ""), rows, (2, lambda _: "green"))
            return 0
        return self.answer(_masked("", found), _lines(values.items()))


class CmdSet(CPVCommand):
    """Changes one setting; `-` reads its value from the standard input."""

    def run(self) -> int:
        key = self.args.key
        if self.args.value == "-":
            return _change(key, _typed(key), self.args.dry_run)
        if key in SECRET:
            warn(f"{key}: every user of this machine can read a command's arguments; dvc cpv config set {key} - asks")
        return _change(key, self.args.value, self.args.dry_run)


class CmdUnset(CPVCommand):
    """Brings a setting's default back."""

    def run(self) -> int:
        return _change(self.args.key, None, self.args.dry_run)


def _change(key: str, value: str | None, dry_run: bool) -> int:
    changes = {key: value}
    found: Any = (personal_settings.preview if dry_run else personal_settings.update)(changes)
    for name in key.split("."):
        found = getattr(found, name)
    word = _word(_masked(key, found)) or "(none)"
    if dry_run:
        ui.write_output(f"would file: set {key} = {word} in {personal_settings.path()}")
    else:
        say(f"{key} = {word}")
    return 0


def _typed(key: str) -> str:
    """A value that is not to stand in the arguments: typed without an echo on a terminal, else the first line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return getpass(f"{key}: ", stream=sys.stderr).strip()


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        key = f"{prefix}.{name}" if prefix else name
        if isinstance(value, dict):
            yield from _leaves(value, key)
        else:
            yield key, value


def _lines(values: Iterable[tuple[str, Any]]) -> Iterator[str]:
    return (f"{name} = {_word(value)}".rstrip() for name, value in values)


def _masked(key: str, value: Any) -> Any:
    """A value, or a group of them, without what is secret."""
    if isinstance(value, dict):
        return {name: _masked(f"{key}.{name}" if key else name, inner) for name, inner in value.items()}
    if not isinstance(value, str):
        return value
    if key in SECRET:
        parts = urlsplit(value)
        if parts.scheme in ("http", "https"):
            return f"{parts.scheme}://{parts.netloc}/{MASK}"
        # What Apprise's other addresses have for a host may be a token.
        return f"{parts.scheme}://{MASK}" if "://" in value else MASK
    return redact(value)


def _word(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def add_verbs(verbs: SubCommands) -> None:
    key_help = "The setting, such as aws.region."
    get = verbs.add(
        "get",
        CmdGet,
        "Print a setting, or a group of them; a webhook's address is masked.",
        "examples:\n  dvc cpv config get aws.region\n  dvc cpv config get bitbucket --json",
    )
    get.add_argument("key", metavar="KEY", help=key_help)
    add_json(get)
    put = verbs.add(
        "set",
        CmdSet,
        "Change a setting.",
        "examples:\n  dvc cpv config set quiet true\n  dvc cpv config set notify.url -   # asks for it",
    )
    put.add_argument("key", metavar="KEY", help=key_help)
    put.add_argument("value", metavar="VALUE", help="Its value; - reads it from the standard input.")
    unset = verbs.add(
        "unset", CmdUnset, "Reset a setting to its default.", "examples:\n  dvc cpv config unset aws.endpoint_url"
    )
    unset.add_argument("key", metavar="KEY", help=key_help)
    for parser in (put, unset):
        parser.add_argument("--dry-run", action="store_true", help="Print the exact effect, and change nothing.")
    listed = verbs.add(
        "list",
        CmdConfigList,
        "Print all settings.",
        "examples:\n  dvc cpv config list\n  dvc cpv config list --json | jq .aws",
    )
    add_json(listed)
    add_trust(verbs)
