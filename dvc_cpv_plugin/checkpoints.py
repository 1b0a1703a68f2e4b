"""What the three classes of the Python API share: names, options, and how an operation is run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from cpv_hooks.console.plan import Effect, Plan
from cpv_hooks.errors import CPVError
from cpv_hooks.project.names import check_name
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions import version
from dvc_cpv_plugin import options as keywords
from dvc_cpv_plugin.errors import DownloadError, InitError, ReadError, RevertError, TagError, UploadError, raised_as
from dvc_cpv_plugin.logged import logged
from dvc_cpv_plugin.options import (
    ARGUMENTS,
    CommonOptions,
    DownloadOptions,
    OperationOptions,
    UploadOptions,
    check_type,
)
from dvc_cpv_plugin.repository import find_project

if TYPE_CHECKING:
    from pathlib import Path


T = TypeVar("T")
Show = Callable[[Sequence["Effect"]], None]


def print_effects(effects: Sequence[Effect]) -> None:
    """Print what a dry run would do, a line each, on the standard output."""
    for effect in effects:
        sys.stdout.write(f"would {effect}\n")
    if not effects:
        sys.stdout.write("would change nothing\n")


class Checkpoints:
    """A team's model and the options of every method; see `CommonOptions`.

    Every operation is logged in `~/.cpv/logs/`, checked against the validation checklist before anything is changed,
    and undone entirely where a step fails. `show` is called with the effects of a dry run.
    """

    show: Show = staticmethod(print_effects)
    found: Project | None = None
    """The DVC root that is meant, where the caller has found it already."""

    def __init__(self, team_name: str, model_name: str, **kwargs: Unpack[CommonOptions]) -> None:
        method = type(self).__name__
        check_type(method, "team_name", team_name, str)
        check_type(method, "model_name", model_name, str)
        with raised_as(InitError):
            check_name("team", team_name)
            check_name("model", model_name)
        self.team_name = team_name
        self.model_name = model_name
        self.options = keywords.read_options(method, kwargs, defaults=OperationOptions())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.team_name!r}, {self.model_name!r})"

    def _options(
        self,
        method: str,
        given: Mapping[str, Any],
        more: Mapping[str, type] | None = None,
        *,
        needs: Mapping[str, object] | None = None,
        **takes: object,
    ) -> OperationOptions:
        """The options of a call, whose arguments are what they must be; those that it `takes` may be None."""
        options = keywords.read_options(method, given, defaults=self.options, more=more)
        for name, value in {**(needs or {}), **takes}.items():
            check_type(method, name, value, ARGUMENTS.get(name, str), optional=name in takes)
        return options

    def _operate(
        self,
        name: str,
        options: OperationOptions,
        error: type[CPVError],
        plan: Callable[[Project], Plan[T]],
        *,
        lines: Sequence[Line],
        reads: bool = False,
        version: str | None = None,
        source: Path | None = None,
    ) -> T:
        """Find the repository, check, plan, and do or show the plan."""
        # Here and below: who only lists what there is waits for none of it.
        from cpv_hooks.checks import checklist
        from cpv_hooks.checks.subject import Subject

        with raised_as(error), self._logged(name, options):
            project = self._project(options, reads=reads)
            subject = Subject(project=project, lines=tuple(lines), version=version, source=source)
            if not reads:
                checklist.require_checks(name, subject, force=options.force)
            planned = plan(project)
            if reads and any(effect.tool == "s3" for effect in planned.effects):
                # What the cache has needs no network.
                checklist.require_checks(name, subject, force=options.force)
            return self._do(planned, options)

    def _bring(self, name: str, options: OperationOptions, line: Line, plan: Callable[[Project], Plan[T]]) -> T:
        return self._operate(name, options, DownloadError, plan, lines=(line,), reads=True)

    def _do(self, plan: Plan[T], options: OperationOptions) -> T:
        if options.dry_run:
            self.show(plan.effects)
            return plan.expected
        return plan.run()

    def _read(self, name: str, options: OperationOptions, read: Callable[[Project], T]) -> T:
        """Find the repository and read something of it; a dry run reads as well, for it changes nothing."""
        from cpv_hooks.git.refs import listed_once

        with raised_as(ReadError), self._logged(name, options):
            project = self._project(options, reads=True)
            with listed_once():
                return read(project)

    def _project(self, options: OperationOptions, *, reads: bool) -> Project:
        return self.found or find_project(self.team_name, self.model_name, options, reads=reads)

    def _logged(self, name: str, options: OperationOptions) -> AbstractContextManager[None]:
        return logged(name, options, {"team_name": self.team_name, "model_name": self.model_name})

    def _tags(self, name: str, options: OperationOptions, line: Line) -> list[str]:
        return self._read(name, options, lambda project: version.version_tags(project, line))

    def _upload(
        self,
        line: Line,
        options: OperationOptions,
        path: str,
        given: UploadOptions,
        *,
        metrics: Mapping[str, int | float | str] | None = None,
        refuse: Callable[[Project], None] | None = None,
        error: type[CPVError] = UploadError,
    ) -> str:
        """Make what is at `path` the line's next checkpoint, unless `refuse` raises; returns its tag."""
        source, version = options.path(path), given.get("version_tag")
        message, dask = given.get("message"), given.get("dask")

        def plan(project: Project) -> Plan[str]:
            from cpv_hooks.operations.make.upload import plan_upload

            if refuse is not None and not options.force:
                refuse(project)
            return plan_upload(project, line, source, metrics=metrics, version=version, message=message, dask=dask)

        name = f"{line.value} upload"
        return self._operate(name, options, error, plan, lines=(line,), version=version, source=source)

    def _download(
        self,
        options: OperationOptions,
        line: Line,
        plan: Callable[..., Plan[T]],
        tag: str | None,
        given: DownloadOptions,
    ) -> T:
        output = given.get("output_dir")
        folder = None if output is None else options.path(output)

        def planned(project: Project) -> Plan[T]:
            return plan(
                project, tag, folder, working_dir=options.folder, use_cache=options.use_cache, force=options.force
            )

        return self._bring(f"{line.value} download", options, line, planned)

    def _tag(
        self,
        name: str,
        options: OperationOptions,
        lines: Sequence[Line],
        version: str | None,
        messages: Mapping[Line, str | None],
    ) -> tuple[str, ...]:
        def plan(project: Project) -> Plan[tuple[str, ...]]:
            from cpv_hooks.operations.make.tag import plan_tag

            return plan_tag(project, lines, version=version, messages=messages)

        return self._operate(name, options, TagError, plan, lines=lines, version=version)

    def _revert(self, name: str, options: OperationOptions, lines: Sequence[Line], tag: str) -> None:
        def plan(project: Project) -> Plan[None]:
            from cpv_hooks.operations.revert.revert import plan_revert

            return plan_revert(project, lines, tag, force=options.force, use_cache=options.use_cache)

        self._operate(name, options, RevertError, plan, lines=lines)
