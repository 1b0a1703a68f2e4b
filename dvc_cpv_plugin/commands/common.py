"""The flags that every command of the specification has, and what is printed for all of them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from cpv_hooks.console.output import printable, size_text
from cpv_hooks.console.plan import Effect
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.project.roots import projects_here
from dvc_cpv_plugin.checkpoints import Checkpoints, print_effects
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand
from dvc_cpv_plugin.options import CommonOptions

C = TypeVar("C", bound="Checkpoints")

NO_TEAM = "local"
"""The team of a repository whose `.cpv.toml` names none."""


def add_only(parser: argparse.ArgumentParser) -> None:
    """Add `--only`, by which a clone has some of the artifacts."""
    parser.add_argument(
        "--only",
        metavar="KIND|PATTERN",
        nargs="+",
        help="From now on keep only artifacts of these kinds and matching these patterns in this clone; "
        "'!PATTERN' leaves out; or 'none', or 'all'.",
    )


class CheckpointCommand(CPVCommand):
    """A command that is a method of one of the API's classes."""

    def open(self, kind: type[C]) -> C:
        """The class for the repository that the flags mean."""
        team, model = self._names()
        found = kind(team, model, **self.options())
        found.show = self._show
        if self.args.team_name is None and self.args.model_name is None:
            found.found = self.project
        return found

    def options(self) -> CommonOptions:
        """The common flags as the API's options."""
        return CommonOptions(
            verbose=bool(self.args.verbose),
            log_file=self.args.log_file,
            dry_run=bool(self.args.dry_run),
            force=bool(getattr(self.args, "force", False)),
            notify=bool(self.args.notify),
            use_cache=not getattr(self.args, "no_cache", False),
            repo_path=self.args.repo_path,
            working_dir=self.args.working_dir,
        )

    @cached_property
    def project(self) -> Project | None:
        """The DVC root around the folder that the flags mean, or None where there is none."""
        folder = self._folder
        try:
            if folder == Path.cwd():
                return self.project_here()
            return projects_here(Repo.discover(folder), folder)[0] if folder.is_dir() else None
        except CPVError:
            if self.args.model_name and (self.args.team_name or own_team()):
                return None
            raise

    @property
    def _folder(self) -> Path:
        folder = Path(*(os.path.expanduser(part or ".") for part in (self.args.working_dir, self.args.repo_path)))
        return Path(os.path.abspath(folder))

    def _names(self) -> tuple[str, str]:
        """Team and model: as the flags say, else as the repository here does."""
        team, model = self.args.team_name, self.args.model_name
        if team is not None and model is not None:
            return team, model
        project = self.project
        if project is None and model is not None and (own := team or own_team()):
            return own, model
        if project is None:
            fix = "name the repository's folder, or --team-name and --model-name"
            raise CPVError("no such folder", where=str(self._folder), fix=fix)
        if team is None:
            team = project.config.team or NO_TEAM
        return team, project.config.model or project.root.name if model is None else model

    def say(self, text: str, value: Mapping[str, object]) -> int:
        """Print a result, which a dry run has none of."""
        return 0 if self.args.dry_run else self.answer(value, text)

    def _show(self, effects: Sequence[Effect]) -> None:
        show_effects(effects, as_json=bool(getattr(self.args, "json", False)))


def show_effects(effects: Sequence[Effect], *, as_json: bool) -> None:
    """Print what a dry run would do."""
    if as_json:
        ui.write_json({"dry_run": True, "effects": [{"tool": one.tool, "text": one.text} for one in effects]})
    else:
        print_effects(effects)


def own_team() -> str | None:
    """The team of the personal settings."""
    from cpv_hooks.accounts.personal import personal_settings  # pydantic, which few commands need

    return personal_settings.load_settings().team_name


def add_common(parser: argparse.ArgumentParser, *, force: str | None = None, cache: bool = False) -> None:
    """Add the common flags; `force` says what it skips, `cache` that objects may be fetched."""
    group = parser.add_argument_group("common options")
    group.add_argument("--dry-run", action="store_true", help="Print the exact effects, and change nothing.")
    if force:
        group.add_argument("-f", "--force", action="store_true", help=force)
    if cache:
        group.add_argument(
            "--no-cache", action="store_true", help="Fetch every object again, even if the cache has it."
        )
    add_telling(group)
    group.add_argument("--repo-path", metavar="FOLDER", help="The repository (default: the one you are in).")
    group.add_argument("--working-dir", metavar="FOLDER", help="Where relative paths start (default: here).")
    group.add_argument("--team-name", metavar="NAME", help="The team (default: the repository's).")
    group.add_argument("--model-name", metavar="NAME", help="The model (default: the repository's).")


def add_telling(parser: Any) -> None:
    parser.add_argument("--notify", action="store_true", help="Send a notification at the end.")
    parser.add_argument("--log-file", metavar="FILE", help="Also write the log to FILE (it is always in ~/.cpv/logs).")


def add_tag(parser: argparse.ArgumentParser, help: str) -> None:
    parser.add_argument("-t", "--tag", metavar="TAG", help=help)


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="Print JSON.")


def facts(table: Mapping[str, object], indent: str = "") -> str:
    """Metadata for people: a line for each value, the tag's first."""
    lines = []
    for key, value in sorted(table.items(), key=lambda item: item[0] != "tag"):
        label = f"{indent}{key.replace('_', ' ')}:"
        if key == "retired" and value is None:
            continue
        if isinstance(value, Mapping):
            lines += [label, facts(value, indent + "  ")] if value else [f"{label} none"]
        elif isinstance(value, list):
            lines += [label, *(f"{indent}  {_row(item)}" for item in value)] if value else [f"{label} none"]
        elif key in ("size", "total_size") and isinstance(value, int):
            lines.append(f"{label} {size_text(value)} ({value} bytes)")
        else:
            lines.append(f"{label} {_word(value)}")
    return "\n".join(lines)


def _row(item: object) -> str:
    if isinstance(item, Mapping):
        return "  ".join(_word(value) for value in item.values() if value is not None)
    return _word(item)


def _word(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value))
