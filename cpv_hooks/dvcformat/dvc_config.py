"""What DVC's merged configuration says of a DVC root: cache folder, link types, remotes.

DVC's own reader takes 100 ms to import, so it is remembered in CPV's state under the signature of the configuration
files. Secrets are never remembered: of a remote's options only the files in which they stand, from which they are read
each time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from cpv_hooks import state_files
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import write_atomic

LinkType = Literal["reflink", "copy", "hardlink", "symlink"]
"""How a file of the cache comes into the work tree (`cache.type`)."""
DEFAULT_LINKS: tuple[LinkType, ...] = ("reflink", "copy")
SHARED_LINKS: frozenset[LinkType] = frozenset(("hardlink", "symlink"))
"""Those with which who writes the file in the work tree writes that of the cache."""
_SETTINGS = "settings"
# What decides where the configuration of the system and of the user lie (`platformdirs`).
_DECIDING = ("DVC_SYSTEM_CONFIG_DIR", "DVC_GLOBAL_CONFIG_DIR", "XDG_CONFIG_DIRS", "XDG_CONFIG_HOME", "HOME")


class RemoteFacts(NamedTuple):
    """What DVC's merged configuration says of one remote; `versioned`: DVC keeps versions there, under readable names.

    `options` are file -> the options that it says, by name alone, and under no file those that DVC adds, with their
    values; None where only DVC can tell.
    """

    url: str
    versioned: bool
    options: Mapping[str, Mapping[str, str]] | None


class Facts(NamedTuple):
    """What DVC's merged configuration says. `remote_name` is the default remote's; `lock_by_link` is
    `core.hardlink_lock`, `sends_reports` is `core.analytics`."""

    cache_dir: str
    cache_types: tuple[LinkType, ...]
    cache_shared: bool
    lock_by_link: bool
    sends_reports: bool
    remote_name: str | None
    remotes: Mapping[str, RemoteFacts]


def _config_files(folders: Sequence[str], root: Path) -> list[str]:
    """The four levels of `dvc.config.Config`, the strongest last."""
    return [*(f"{folder}/config" for folder in folders), f"{root}/.dvc/config", f"{root}/.dvc/config.local"]


def _signature(folders: Sequence[str], root: Path) -> dict[str, Any]:
    """Of what decides where DVC's configuration lies, and of its files."""

    def of(path: str) -> list[int] | None:
        try:
            status = os.stat(path)
        except OSError:
            return None
        return [status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino]

    return {
        "environment": [os.environ.get(name) for name in _DECIDING],
        "folders": list(folders),
        "files": [of(file) for file in _config_files(folders, root)],
    }


def settings_of(root: Path, state: Path) -> object:
    """What CPV's own settings of a DVC root were, as `facts_of` has remembered them."""
    entry = _remembered(state / state_files.PROJECTS).get(str(root))
    return entry.get(_SETTINGS) if isinstance(entry, dict) else None


def known_facts(root: Path, state: Path) -> Facts | None:
    """The facts of a DVC root where they are remembered, and true still."""
    return _true_facts(_remembered(state / state_files.PROJECTS).get(str(root)), root)


def _true_facts(entry: Any, root: Path) -> Facts | None:
    with suppress(KeyError, TypeError):  # of an older CPV
        if entry["signature"] == _signature(entry["signature"]["folders"], root):
            remotes = {name: RemoteFacts(*row) for name, row in entry["facts"]["remotes"].items()}
            return Facts(**{**entry["facts"], "remotes": remotes})
    return None


def facts_of(root: Path, state: Path, settings: object = None) -> Facts:
    """The facts of a DVC root, remembered in a folder of CPV's; `CPVError` for a configuration that cannot be read.

    `settings` are to be remembered beside them.
    """
    store = state / state_files.PROJECTS
    key = str(root)
    known = _remembered(store)
    held = _true_facts(known.get(key), root)
    if held is not None:
        entry = known[key]
        if settings is not None and entry.get(_SETTINGS) != settings:
            with suppress(OSError, CPVError):  # a repository that can only be read
                write_atomic(store, json.dumps({**known, key: {**entry, _SETTINGS: settings}}).encode())
        return held
    # Before they are read: what changes meanwhile is read again.
    from cpv_hooks.dvcformat.dvc_config_files import config_folders

    folders = config_folders()
    signature = _signature(folders, root)
    facts = _read_facts(root, _config_files(folders, root))
    entry = {"signature": signature, "facts": facts._asdict()}
    write_atomic(store, json.dumps({**known, key: {**entry, _SETTINGS: settings}}).encode())
    return facts


def _remembered(store: Path) -> Mapping[str, Any]:
    """The facts of all DVC roots as they were read."""
    try:
        status = store.stat()
        return _parsed(store, status.st_ino, status.st_mtime_ns, status.st_size)
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=1)
def _parsed(store: Path, *_signature: int) -> Mapping[str, Any]:
    """Parsed once for all of the roots, of which there may be hundreds."""
    known = state_files.read_json(store)
    return known if isinstance(known, dict) else {}


def remote_options(root: Path, remote: str, places: Mapping[str, Mapping[str, str]] | None) -> dict[str, str]:
    """The options of a remote, secrets included, from the files that say them (see `RemoteFacts`), or by DVC."""
    from cpv_hooks.dvcformat.dvc_config_files import merged_config, options_in

    options = options_in(places, remote) if places is not None else None
    if options is None:
        remotes: Mapping[str, Mapping[str, Any]] = merged_config(root).get("remote", {})
        from cpv_hooks.dvcformat.remote_references import with_base

        found = with_base(remotes, remote) if remote in remotes else {}
        options = {key: str(value) for key, value in found.items()}
    return options


def _read_facts(root: Path, files: Sequence[str]) -> Facts:
    from cpv_hooks.dvcformat.dvc_config_files import merged_config

    config = merged_config(root)
    core, cache, remotes = (config.get(section, {}) for section in ("core", "cache", "remote"))
    name = core.get("remote")
    if name and name not in remotes:
        raise CPVError(
            f"core.remote names {name!r}, which is not configured",
            where=str(root / ".dvc" / "config"),
            fix=f"dvc remote add {shell_word(name)} URL",
        )
    return Facts(
        cache_dir=str(Path(root, cache.get("dir") or Path(".dvc", "cache")).resolve()),
        cache_types=tuple(cache.get("type") or DEFAULT_LINKS),
        cache_shared=cache.get("shared") == "group",
        lock_by_link=bool(core.get("hardlink_lock")),
        sends_reports=core.get("analytics") is not False,
        remote_name=name,
        remotes={str(known): _remote_facts(remotes, known, files) for known in remotes},
    )


def _remote_facts(remotes: Mapping[str, Mapping[str, Any]], name: str, files: Sequence[str]) -> RemoteFacts:
    from cpv_hooks.dvcformat.dvc_config_files import where_said
    from cpv_hooks.dvcformat.remote_references import base_of, with_base

    options = with_base(remotes, name)
    versioned = any(options.get(key) is True for key in ("version_aware", "worktree"))
    said = None if base_of(str(remotes[name]["url"])) else where_said(options, name, files)
    return RemoteFacts(str(options["url"]), versioned, said)
