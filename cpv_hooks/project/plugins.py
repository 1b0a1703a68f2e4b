"""The one specification of what a plugin can change, and the place where plugins are loaded.

A plugin is an installed Python distribution with an entry point in the group `cpv`, which names a module (or an
object) whose functions carry pluggy's mark::

    hookimpl = pluggy.HookimplMarker("cpv")

    @hookimpl
    def cpv_metrics(path, name): ...

An implementation may leave out the arguments that it does not need. CPV's own behaviour registers the same way, and
is asked last. Only the interpreter's own site-packages are searched: nothing that a repository holds, and nothing in
the current folder, can name a plugin. A plugin that cannot be loaded is left out with a warning.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cpv_hooks.errors import CPVError, shell_word

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from pluggy import PluginManager

    from cpv_hooks.metric_formats.series import MetricSeries
    from cpv_hooks.model_formats.record import Model
    from cpv_hooks.project.config import Config, Kind
    from cpv_hooks.project.tag_schemes import Scheme
    from cpv_hooks.system.byte_source import ByteSource

GROUP = "cpv"


class Specification:
    """The hooks. Each takes the first answer that is not None."""

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


class Builtin:
    """What CPV answers where no plugin does."""

    def cpv_tag_scheme(self, name: str, config: Config) -> Scheme | None:
        """minor, semver and gto."""
        from cpv_hooks.project.tag_schemes import builtin

        return builtin(name, config)

    def cpv_metrics(self, path: Path, name: str, series: bool) -> Mapping[str, object] | None:
        """Documents, tables, JSON lines and key=value lines."""
        from cpv_hooks.metric_formats.metrics import read
        from cpv_hooks.metric_formats.read_series import read_series

        return {one.name: one for one in read_series(path, name)} if series else read(path, name) or None

    def cpv_kind(self, path: str) -> Kind | None:
        """By the file names that the common frameworks write."""
        from cpv_hooks.project.kind_by_name import kind_by_name

        return kind_by_name(path)

    def cpv_model_reader(self, name: str, files: Mapping[str, ByteSource], is_folder: bool) -> Model | None:
        """The formats of `cpv_hooks.model_formats`."""
        from cpv_hooks.model_formats import folder, single_file

        return folder.read_folder(files) if is_folder else single_file.read_file(name, files[name])


def tag_scheme(name: str, config: Config) -> Scheme | None:
    """The scheme of that name, or None."""
    return cast("Scheme | None", _ask("cpv_tag_scheme", name=name, config=config))


def metrics(path: Path, name: str) -> dict[str, int | float | str]:
    """The metrics in a file, cleaned; empty where nobody finds any."""
    from cpv_hooks.metric_formats.metrics import MAX_METRICS, clean
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


def _ask(hook: str, **arguments: object) -> object:
    """The first answer of a hook; what a plugin's bug raises becomes a `CPVError` that names the plugin."""
    try:
        return getattr(manager().hook, hook)(**arguments)
    except (CPVError, OSError):
        raise
    except Exception as error:
        what = f"plugin {_failed(hook, error)} failed in {hook}: {error!r}"
        raise CPVError(what, fix="pip uninstall that plugin") from error


def _failed(hook: str, error: Exception) -> str:
    """The plugin whose function an exception came out of."""
    ran, step = set(), error.__traceback__
    while step is not None:
        ran.add(step.tb_frame.f_code)
        step = step.tb_next
    found = getattr(manager().hook, hook).get_hookimpls()
    return next((impl.plugin_name for impl in found if getattr(impl.function, "__code__", None) in ran), "(unknown)")


@cache
def manager() -> PluginManager:
    """The plugin manager with everything loaded; once per process."""
    return build(entry_points())


def build(found: Iterator[EntryPoint]) -> PluginManager:
    """A plugin manager with the built-in behaviour and these entry points."""
    import pluggy

    plugins = pluggy.PluginManager(GROUP)
    spec, impl = pluggy.HookspecMarker(GROUP), pluggy.HookimplMarker(GROUP)
    for name in _hook_names():
        spec(firstresult=True)(getattr(Specification, name))
        impl(trylast=True)(getattr(Builtin, name))
    plugins.add_hookspecs(Specification)
    plugins.register(Builtin(), name="cpv-builtin")
    with _without_current_folder():
        for entry in found:
            _register(plugins, entry)
    plugins.check_pending()
    return plugins


def entry_points() -> Iterator[EntryPoint]:
    """The entry points of the group `cpv` in the interpreter's own site-packages."""
    folders = _site_folders()
    if not any(map(_may_have_plugins, folders)):
        return
    from importlib.metadata import distributions

    seen: set[tuple[str, str]] = set()
    for distribution in distributions(path=folders):
        for entry in distribution.entry_points:
            if entry.group == GROUP and (entry.name, entry.value) not in seen:
                seen.add((entry.name, entry.value))
                yield entry


def _may_have_plugins(folder: str) -> bool:
    """Whether a distribution there names the group at all: to parse what all of them name takes 35 ms of a commit."""
    try:
        with os.scandir(folder) as entries:
            packages = [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info", ".egg"))]
    except OSError:
        return False
    return any(map(_names_group, packages))


def _names_group(package: str) -> bool:
    if package.endswith(".egg"):
        return True  # which has it in one of several places
    try:
        with open(f"{package}/entry_points.txt", "rb") as stream:
            return f"[{GROUP}]".encode() in stream.read()
    except OSError:
        return False


def _register(plugins: PluginManager, entry: EntryPoint) -> None:
    import pluggy

    try:
        plugin = entry.load()
        plugins.register(plugin, name=f"{entry.name} ({entry.value})")
        try:
            plugins.check_pending()
        except pluggy.PluginValidationError:
            plugins.unregister(plugin)
            raise
    except Exception as error:  # noqa: BLE001  # whatever it is, a broken plugin must not stop a commit
        from cpv_hooks.console.output import warn

        dist = entry.dist.name if entry.dist else entry.name
        reason = " ".join(str(error).split()) or type(error).__name__
        warn(f"plugin {entry.name} left out: {reason}; fix: pip uninstall {shell_word(dist)}")


def _hook_names() -> list[str]:
    return [name for name in vars(Specification) if name.startswith("cpv_")]


def _site_folders() -> list[str]:
    folders = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()]
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    return list(dict.fromkeys(folders))


@contextmanager
def _without_current_folder() -> Iterator[None]:
    """Hide `sys.path[0]` where `python -m` or `-c` put the current folder there, which may be a cloned repository."""
    before = list(sys.path)
    if not sys.flags.safe_path and sys.path and os.path.realpath(sys.path[0] or ".") == os.path.realpath("."):
        del sys.path[0]
    try:
        yield
    finally:
        sys.path[:] = before


def scheme_of(config: Config) -> Scheme:
    """The scheme that a configuration names: a plugin's, or one of CPV's own."""
    from cpv_hooks.project.plugins import tag_scheme

    found = tag_scheme(config.scheme, config)
    if found is None:
        raise CPVError(
            f"unknown tag scheme {config.scheme!r} (known: minor, semver, gto)",
            where=".cpv.toml",
            fix='set scheme = "minor" under [tags] in .cpv.toml',
        )
    return found
