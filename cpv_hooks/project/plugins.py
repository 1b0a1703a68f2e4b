"""Asking plugins: what each hook of `plugin_hooks` answers, and what is said of a plugin that fails.

A plugin that fails is named in one warning and left out for the rest of the process; the next one is asked. Only a tag
scheme that fails ends the command: without it versions would get the wrong numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, cast

from cpv_hooks.errors import CPVError, shell_word

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from pluggy import PluginManager

    from cpv_hooks.metric_formats.series import MetricSeries
    from cpv_hooks.model_formats.record import Model
    from cpv_hooks.project.config import Config, Kind
    from cpv_hooks.project.plugin_hooks import ExtraCommand, Notifier, ReportPanel
    from cpv_hooks.project.tag_schemes import Scheme
    from cpv_hooks.system.byte_source import ByteSource


def tag_scheme(name: str, config: Config) -> Scheme | None:
    """The scheme of that name, or None."""
    return cast("Scheme | None", _ask("cpv_tag_scheme", must=True, name=name, config=config))


def metrics_in(path: Path, name: str) -> dict[str, int | float | str]:
    """The metrics in a file, cleaned; empty where nobody finds any."""
    from cpv_hooks.metric_formats.limits import MAX_METRICS
    from cpv_hooks.metric_formats.metrics import clean
    from cpv_hooks.metric_formats.series import MetricSeries

    found = _ask("cpv_metrics", path=path, name=name, series=False)
    said = found if isinstance(found, Mapping) else {}
    values = clean({key: value.last if isinstance(value, MetricSeries) else value for key, value in said.items()})
    return dict(list(values.items())[:MAX_METRICS])


def series(path: Path, name: str) -> list[MetricSeries]:
    """The metrics in a file step by step; empty where nobody finds any. A plain number is a series of one step."""
    from cpv_hooks.metric_formats.series import MAX_SERIES, MetricSeries, series_of

    found = _ask("cpv_metrics", path=path, name=name, series=True)
    said = found if isinstance(found, Mapping) else {}
    full = [one for one in said.values() if isinstance(one, MetricSeries)]
    plain = {key: value for key, value in said.items() if not isinstance(value, MetricSeries)}
    return [one._replace(file=name) for one in [*full, *series_of([plain])][:MAX_SERIES]]


def kind(path: str) -> Kind | None:
    """The kind that an untracked path seems to have, or None."""
    from cpv_hooks.project.config import KINDS

    found = _ask("cpv_kind", path=path)
    return next((known for known in KINDS if known == found), None)


def model(name: str, files: Mapping[str, ByteSource], *, is_folder: bool) -> Model | None:
    """What a model says of itself; None where nobody knows its format."""
    from cpv_hooks.model_formats.record import Model

    found = _ask("cpv_model_reader", name=name, files=files, is_folder=is_folder)
    return found if isinstance(found, Model) else None


def notifiers(builtin: object, kind: str) -> dict[str, Notifier]:
    """Who is to be told of an event; `builtin` is CPV's own answer. A plugin's come under its name too."""
    found: dict[str, Notifier] = {}
    for plugin, answer in all_answers("cpv_notifiers", builtin, kind=kind):
        for name, notifier in answer.items() if isinstance(answer, Mapping) else ():
            found[name if plugin is None else f"{name} of plugin {plugin}"] = notifier
    return found


def commands() -> dict[str, tuple[str, ExtraCommand]]:
    """The commands that plugins add, by their names, each with its plugin."""
    from cpv_hooks.project.plugin_hooks import ExtraCommand

    answers = [(plugin or "", one) for plugin, answer in all_answers("cpv_commands") for one in _listed(answer)]
    return {one.name: (plugin, one) for plugin, one in answers if isinstance(one, ExtraCommand)}


def plugin_failed(name: str, what: str, error: BaseException) -> CPVError:
    """The error of a plugin that fails."""
    fix = f"pip uninstall {shell_word(name.rpartition(' (')[2].removesuffix(')'))}"
    return CPVError(f"plugin {name} failed in {what}: {' '.join(repr(error).split())}", fix=fix)


def report_panels(versions: Sequence[Mapping[str, object]]) -> list[ReportPanel]:
    """The panels that plugins add to the report on these versions."""
    from cpv_hooks.project.plugin_hooks import ReportPanel

    return [one for _, one in all_answers("cpv_report_panel", versions=versions) if isinstance(one, ReportPanel)]


def all_answers(hook: str, builtin: object | None = None, **arguments: object) -> Iterator[tuple[str | None, object]]:
    """The answers of all to a hook, each with the plugin's name, None for CPV's own; those of None are left out.

    `builtin` is CPV's own answer, of a room that lies above this one.
    """
    if not installed_plugins():
        answer = None if builtin is None else getattr(builtin, hook)(**arguments)
        if answer is not None:
            yield None, answer
        return
    known = manager()
    if builtin is not None:
        from cpv_hooks.project.plugin_loading import register_builtin

        register_builtin(known, builtin, hook)
    try:
        yield from _every(known, hook, arguments)
    finally:
        if builtin is not None:
            known.unregister(name=hook)


def _every(known: PluginManager, hook: str, arguments: Mapping[str, object]) -> Iterator[tuple[str | None, object]]:
    for implementation in getattr(known.hook, hook).get_hookimpls():
        name = implementation.plugin_name
        others = [plugin for other, plugin in known.list_name_plugin() if other != name]
        try:
            if name in _left_out:
                continue
            answers = known.subset_hook_caller(hook, others)(**arguments)
            # What is made one by one is made here, where it may fail.
            found = [list(answer) if isinstance(answer, Iterator) else answer for answer in answers]
        except (Exception, SystemExit) as error:
            if name == hook:
                raise
            _leave_out(name, hook, error)
            continue
        yield from ((None if name == hook else name, answer) for answer in found)


def _listed(answer: object) -> Sequence[object]:
    return answer if isinstance(answer, list | tuple) else ()


_left_out: set[str] = set()


def _ask(hook: str, *, must: bool = False, **arguments: object) -> object:
    """The first answer of a hook. A plugin that fails is left out, or with `must` ends the command."""
    if not installed_plugins():
        from cpv_hooks.project.plugin_hooks import Builtin

        return getattr(Builtin(), hook)(**arguments)  # to start pluggy for that takes a tenth of a commit's CPU time
    while True:
        known = manager()
        try:
            without = [plugin for name, plugin in known.list_name_plugin() if name in _left_out]
            return known.subset_hook_caller(hook, without)(**arguments)
        except (Exception, SystemExit) as error:
            name = _failed(hook, error)
            if name is None:
                raise
            if must:
                raise plugin_failed(name, hook, error) from error
            _leave_out(name, hook, error)


def _leave_out(name: str, hook: str, error: BaseException) -> None:
    from cpv_hooks.console.output import warn

    _left_out.add(name)
    warn(str(plugin_failed(name, hook, error)))


def _failed(hook: str, error: BaseException) -> str | None:
    """The plugin whose function an exception came out of; None where it is CPV's own."""
    from cpv_hooks.project.plugin_loading import BUILTIN

    ran, step = set(), error.__traceback__
    while step is not None:
        ran.add(step.tb_frame.f_code)
        step = step.tb_next
    found = getattr(manager().hook, hook).get_hookimpls()
    names = (impl.plugin_name for impl in found if getattr(impl.function, "__code__", None) in ran)
    return next((name for name in names if name != BUILTIN and name not in _left_out), None)


@cache
def manager() -> PluginManager:
    """The plugin manager with everything loaded; once per process."""
    from cpv_hooks.project.plugin_loading import build

    _left_out.clear()
    return build(installed_plugins())


@cache
def installed_plugins() -> Iterable[EntryPoint]:
    """The entry points of the group `cpv` in the interpreter's own site-packages."""
    from cpv_hooks.project import plugin_loading

    return tuple(plugin_loading.entry_points())


def scheme_of(config: Config) -> Scheme:
    """The scheme that a configuration names: a plugin's, or one of CPV's own."""
    found = tag_scheme(config.scheme, config)
    if found is None:
        from cpv_hooks.project.tag_schemes import SCHEMES

        raise CPVError(
            f"unknown tag scheme {config.scheme!r} (known: {', '.join(SCHEMES)})",
            where=".cpv.toml",
            fix='set scheme = "minor" under [tags] in .cpv.toml',
        )
    return found
