"""The specification of what a plugin can change, and CPV's own answers, which register the same way.

A plugin is an installed Python distribution with an entry point in the group `cpv`, which names a module (or an
object) whose functions carry pluggy's mark::

    hookimpl = pluggy.HookimplMarker("cpv")

    @hookimpl
    def cpv_metrics(path, name): ...

An implementation may leave out the arguments that it does not need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from cpv_hooks.named_tuple import NamedTuple

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from cpv_hooks.console.check_result import Check
    from cpv_hooks.git.repo import Repo
    from cpv_hooks.model_formats.record import Model
    from cpv_hooks.project.config import Config, Kind
    from cpv_hooks.project.tag_schemes import Scheme
    from cpv_hooks.system.byte_source import ByteSource

Event = Mapping[str, object]
"""A CloudEvent (1.0): `type`, `subject`, `time`, `source`, `data` …"""
Notifier = Callable[[Event, float], object]
"""Sends an event, within so many seconds; what it raises is noted as the reason why the event did not arrive."""


class ExtraCommand(NamedTuple):
    """`dvc cpv NAME` of a plugin. `run` gets the parsed arguments and returns the exit code."""

    name: str
    help: str
    run: Callable[[argparse.Namespace], int]
    add_arguments: Callable[[argparse.ArgumentParser], object] | None = None


class ReportPanel(NamedTuple):
    """A table of a plugin in the report. Cells are texts: what looks like HTML in them stays text."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


class Specification:
    """The hooks. Those of `FIRST` take the first answer that is not None; of the others all answers count."""

    def cpv_tag_scheme(self, name: str, config: Config) -> Scheme | None:
        """The tag scheme that `[tags] scheme = name` in `.cpv.toml` asks for; `config` is all of that file."""

    def cpv_metrics(self, path: Path, name: str, series: bool) -> Mapping[str, object] | None:
        """The metrics in the file `path` that the artifact `name` (relative to the top) held at some commit.

        Each is a short text, a number, or a `MetricSeries` with the value of each step. With `series` all steps are
        wanted; without it, as in a commit, the last values are enough and time counts. `path` may be a file of DVC's
        cache: read it only.
        """

    def cpv_kind(self, path: str) -> Kind | None:
        """The kind of a large file or folder that is not tracked yet; `path` is relative to the DVC root."""

    def cpv_model_reader(self, name: str, files: Mapping[str, ByteSource], is_folder: bool) -> Model | None:
        """What the model `name` says of itself, read from its files: of a folder by their paths in it.

        A `ByteSource` has a size and gives ranges, from DVC's cache or from the remote: read headers only, and run
        nothing that a file says.
        """

    def cpv_checks(self, repo: Repo) -> Iterable[Check] | None:
        """More checks for `dvc cpv doctor` in a repository. They change nothing."""

    def cpv_notifiers(self, kind: str) -> Mapping[str, Notifier] | None:
        """Who is to be told of an event of that kind (`tagged`, `uploaded` …), each under a name of its own.

        Asked in a process of its own, where the personal settings name a webhook or `notify.events`.
        """

    def cpv_commands(self) -> Iterable[ExtraCommand] | None:
        """More commands of `dvc cpv`. The name of one of CPV's own is passed over."""

    def cpv_report_panel(self, versions: Sequence[Mapping[str, object]]) -> ReportPanel | None:
        """A panel of the report on these versions, which are as `dvc cpv log --json` has them. Rows beyond 1,000 go."""


FIRST = frozenset({"cpv_tag_scheme", "cpv_metrics", "cpv_kind", "cpv_model_reader"})


class Builtin:
    """What CPV answers where no plugin does."""

    def cpv_tag_scheme(self, name: str, config: Config) -> Scheme | None:
        """Those of `SCHEMES`."""
        from cpv_hooks.project.tag_schemes import builtin

        return builtin(name, config)

    def cpv_metrics(self, path: Path, name: str, series: bool) -> Mapping[str, object] | None:
        """Documents, tables, JSON lines and key=value lines."""
        from cpv_hooks.metric_formats.metrics import last_metrics
        from cpv_hooks.metric_formats.read_series import read_series

        return {one.name: one for one in read_series(path, name)} if series else last_metrics(path, name) or None

    def cpv_kind(self, path: str) -> Kind | None:
        """By the file names that the common frameworks write."""
        from cpv_hooks.project.kind_by_name import kind_by_name

        return kind_by_name(path)

    def cpv_model_reader(self, name: str, files: Mapping[str, ByteSource], is_folder: bool) -> Model | None:
        """The formats of `cpv_hooks.model_formats`."""
        if is_folder:
            from cpv_hooks.model_formats.folder import read_folder

            return read_folder(files)
        from cpv_hooks.model_formats.single_file import read_file

        return read_file(name, files[name])
