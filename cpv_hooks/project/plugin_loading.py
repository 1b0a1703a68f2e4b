"""Finding and loading plugins, in the interpreter's own site-packages alone.

Nothing that a repository holds, and nothing in the current folder, can name a plugin. One that cannot be loaded is left
out with a warning.
"""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cpv_hooks.errors import one_line, shell_word

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from pluggy import PluginManager

GROUP = "cpv"
BUILTIN = "cpv-builtin"


def build(found: Iterable[EntryPoint]) -> PluginManager:
    """A plugin manager with the built-in behaviour and these entry points."""
    import pluggy

    from cpv_hooks.project.plugin_hooks import FIRST, Builtin, Specification

    plugins = pluggy.PluginManager(GROUP)
    spec = pluggy.HookspecMarker(GROUP)
    for name in hook_names(Specification):
        spec(firstresult=name in FIRST)(getattr(Specification, name))
    plugins.add_hookspecs(Specification)
    register_builtin(plugins, Builtin(), BUILTIN)
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
        plugins.register(plugin, name=f"{entry.name} ({_distribution(entry)})")
        try:
            plugins.check_pending()
        except pluggy.PluginValidationError:
            plugins.unregister(plugin)
            raise
    except Exception as error:  # noqa: BLE001  # whatever it is, a broken plugin must not stop a commit
        from cpv_hooks.console.output import warn

        dist = _distribution(entry)
        reason = " ".join(str(error).split()) or type(error).__name__
        warn(one_line(f"plugin {entry.name} left out: {reason}", fix=f"pip uninstall {shell_word(dist)}"))


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.name


def register_builtin(plugins: PluginManager, builtin: object, name: str) -> None:
    """Add what CPV itself answers; it is asked after every plugin."""
    import pluggy

    impl = pluggy.HookimplMarker(GROUP)
    for hook in hook_names(type(builtin)):
        impl(trylast=True)(getattr(type(builtin), hook))
    plugins.register(builtin, name=name)


def hook_names(owner: type) -> list[str]:
    return [name for name in vars(owner) if name.startswith("cpv_")]


def _site_folders() -> list[str]:
    folders = site.getsitepackages()
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
