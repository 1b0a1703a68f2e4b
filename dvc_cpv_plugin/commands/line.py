"""What `dvc cpv model` and `dvc cpv data` have in common: the same verbs for two lines of versions."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import Kind
from dvc_cpv_plugin.checkpoints import Checkpoints
from dvc_cpv_plugin.commands.base import SubCommands
from dvc_cpv_plugin.commands.common import CheckpointCommand, add_common, add_json, add_tag, facts


class Noun(NamedTuple):
    """A line of versions on the command line, and the class of the API and its methods behind the verbs."""

    name: Kind
    api: type[Checkpoints]
    tags: Callable[..., list[str]]
    revert: Callable[[Any, str], None]
    info: Callable[[Any, str | None], Mapping[str, object]]
    reverted: str
    """What is printed after a revert; `{tag}` is its tag."""


class LineCommand(CheckpointCommand):
    noun: Noun
    """Set in the class of each noun, which `Verbs` makes: DVC finds the usage of a bad command by its class."""

    def tags(self) -> list[str]:
        """The line's tags, lowest first; a dry run reads them too."""
        return self.noun.tags(self.open(self.noun.api), dry_run=False)

    def own_path(self) -> str:
        """The path that is named, or the artifact of the work tree where none is."""
        path: str | None = self.args.path
        return self._own_artifact() if path is None else path

    def _own_artifact(self) -> str:
        kind, project = self.noun.name, self.project
        patterns = project.config.artifacts.get(kind, ()) if project else ()
        found = [path for pattern in patterns for path in sorted(project.root.glob(pattern))] if project else []
        if len(found) == 1:
            return str(found[0])
        where = str(project.root) if project else str(Path.cwd())
        names = ", ".join(path.name for path in found) or ", ".join(patterns) or "nothing configured"
        what = f"several {kind} artifacts are here" if found else f"no {kind} artifact is here"
        raise CPVError(f"{what} ({names})", where=where, fix=f"dvc cpv {kind} upload PATH")


class CmdListTags(LineCommand):
    """A name a line, lowest first, or a JSON list."""

    def run(self) -> int:
        names = self.tags()
        return self.answer(names, names)


class CmdLineRevert(LineCommand):
    """To the tag that is named, or the highest."""

    def run(self) -> int:
        tag = last_of_line(self.tags(), self.noun.name) if self.args.tag is None else self.args.tag
        self.noun.revert(self.open(self.noun.api), tag)
        return self.say(self.noun.reverted.format(tag=tag), {"tag": tag})


class CmdLineInfo(LineCommand):
    def run(self) -> int:
        found = self.noun.info(self.open(self.noun.api), self.args.tag)
        return self.say(facts(found), found)


def last_of_line(names: list[str], line: str) -> str:
    """The last of a line's tags; `CPVError` where there is none."""
    if not names:
        raise CPVError(f"there is no {line} version yet", fix=f"dvc cpv {line} upload PATH")
    return names[-1]


class Verbs(NamedTuple):
    """Adds a noun's commands; each gets its help and the examples that end it."""

    noun: Noun
    commands: SubCommands

    def upload(self, command: type[LineCommand], help: str, examples: str) -> argparse.ArgumentParser:
        parser = self._add("upload", command, help, examples)
        parser.add_argument("path", nargs="?", metavar="PATH", help="What to upload (default: what the work tree has).")
        add_tag(parser, "The version to give it (default: the next).")
        parser.add_argument("-m", "--message", help="The description of the commit and of the tag.")
        parser.add_argument(
            "--dask",
            metavar="ADDRESS",
            help="A Dask cluster whose workers hash, cache and upload a folder's files.",
        )
        add_json(parser)
        add_common(parser, force="Upload even if other files have uncommitted changes.")
        return parser

    def download(self, command: type[LineCommand], help: str, examples: str) -> argparse.ArgumentParser:
        parser = self._add("download", command, help, examples)
        add_tag(parser, "The version (default: the highest).")
        parser.add_argument("-o", "--output-dir", metavar="FOLDER", help="Where to write them (default: ./MODEL-TAG).")
        add_json(parser)
        add_common(
            parser,
            force="Replace other files of the same names in that folder; the old ones are moved aside.",
            cache=True,
        )
        return parser

    def list_tags(self, examples: str) -> None:
        parser = self._add("list-tags", CmdListTags, "Print the versions, one per line, lowest first.", examples)
        add_json(parser)
        add_common(parser)

    def revert(self, help: str, examples: str) -> None:
        parser = self._add("revert", CmdLineRevert, help, examples)
        add_tag(parser, "The version (default: the highest).")
        add_json(parser)
        add_common(parser, force="Go on despite uncommitted changes; artifacts are saved first.", cache=True)

    def info(self, help: str, examples: str, command: type[LineCommand] = CmdLineInfo) -> argparse.ArgumentParser:
        parser = self._add("info", command, help, examples)
        add_tag(parser, "The version (default: the highest).")
        add_json(parser)
        add_common(parser)
        return parser

    def _add(self, name: str, command: type[LineCommand], help: str, examples: str) -> argparse.ArgumentParser:
        own = type(f"{command.__name__}Of{self.noun.name.capitalize()}", (command,), {"noun": self.noun})
        return self.commands.add(name, own, help, examples)
