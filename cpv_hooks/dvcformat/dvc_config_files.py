"""The files of DVC's configuration: where they lie, what each says, and what DVC makes of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpv_hooks.errors import CPVError

if TYPE_CHECKING:
    from configobj import ConfigObj  # type: ignore[import-untyped]


def config_folders() -> list[str]:
    """Where DVC's configuration of the system and of the user lie."""
    import platformdirs

    system = os.environ.get("DVC_SYSTEM_CONFIG_DIR") or platformdirs.site_config_dir("dvc", "iterative")
    with suppress(OSError):
        if not stat.S_ISDIR(os.stat(os.path.expanduser("~")).st_mode):
            # As of a service without a home (`/dev/null`): DVC would fail on what it takes for a folder.
            os.environ.setdefault("DVC_GLOBAL_CONFIG_DIR", os.path.join(os.sep, "nonexistent"))
    user = os.environ.get("DVC_GLOBAL_CONFIG_DIR") or platformdirs.user_config_dir("dvc", "iterative")
    return [system, user]


def merged_config(root: Path) -> Mapping[str, Any]:
    from configobj import ConfigObjError
    from dvc.config import Config as DVCConfig
    from dvc.config import ConfigError

    try:
        config: Mapping[str, Any] = DVCConfig(dvc_dir=str(root / ".dvc"))
        return config
    except (ConfigError, ConfigObjError) as error:  # the second where a `%(NAME)s` names no option
        files = [name for name in (".dvc/config.local", ".dvc/config") if (root / name).exists()]
        what = f"DVC's configuration: {error}"
        raise CPVError(what, where=str(root / ".dvc"), fix=f"edit {' or '.join(files)}") from error


def _as_written(file: str) -> Mapping[str, Any]:
    """The sections of a file, word by word; none where it cannot be read."""
    from configobj import ConfigObj, ConfigObjError

    try:
        found: Mapping[str, Any] = ConfigObj(file, encoding="utf-8", interpolation=False)
        return found
    except (OSError, ValueError, ConfigObjError):
        return {}


def _said_in(file: str, remote: str) -> dict[str, str]:
    """What a file of DVC's configuration says of a remote, word by word."""
    section = _as_written(file).get(f'remote "{remote}"', {})
    return {key: value for key, value in section.items() if isinstance(value, str)}


def where_said(options: Mapping[str, Any], remote: str, files: Sequence[str]) -> dict[str, dict[str, str]] | None:
    """See `RemoteFacts`; None where DVC understands one in another way than it is written."""
    said = {file: _said_in(file, remote) for file in files}
    found: dict[str, dict[str, str]] = {}
    for key, value in options.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        saying = [file for file in files if key in said[file]]
        if saying and said[saying[-1]][key] == text:
            found.setdefault(saying[-1], {})[key] = ""
        elif not saying and isinstance(value, bool | int):
            found.setdefault("", {})[key] = text
        else:
            return None
    return found


def user_files() -> list[str]:
    """The configuration files of the system and of the user."""
    return [f"{folder}/config" for folder in config_folders()]


def remotes_of(file: str) -> Mapping[str, Mapping[str, str]]:
    """The remotes that a file of DVC's configuration names, and what it says of each: remote -> option -> value.

    As DVC reads them (`dvc.config._parse_named`): in lower case, whatever the spaces in a section's name.
    """
    import re

    found: dict[str, dict[str, str]] = {}
    for title, section in _as_written(file).items():
        match = re.search(r'^\s*remote\s*"(.*)"\s*$', title.lower())
        if match and isinstance(section, dict):
            values = {key.lower(): value for key, value in section.items() if isinstance(value, str)}
            found.setdefault(match[1], {}).update(values)
    return found


def private_settings(home: Path | None) -> ConfigObj:
    """`config.local` of a folder `.dvc`, as it is meant there; empty where there is none."""
    from configobj import ConfigObj

    local = home / "config.local" if home else None
    settings = ConfigObj(str(local) if local and local.exists() else None, encoding="utf-8")
    return as_meant_at(home, settings) if home else settings


def as_meant_at(home: Path, settings: ConfigObj) -> ConfigObj:
    """DVC's settings with the paths that are relative to their file made absolute."""
    for name in settings.sections:
        for key in ("url", "dir"):
            value = settings[name].get(key)
            if isinstance(value, str) and "://" not in value:
                settings[name][key] = os.path.normpath(home / os.path.expanduser(value))
    return settings


def dvc_config_text(settings: ConfigObj) -> bytes:
    """The file that says so."""
    settings.filename = None
    lines = [line.decode() if isinstance(line, bytes) else line for line in settings.write()]
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def options_in(places: Mapping[str, Mapping[str, str]], remote: str) -> dict[str, str] | None:
    """The options from the files that say them; None where one does no more."""
    found = dict(places.get("", {}))
    for file in filter(None, places):
        said = _said_in(file, remote)
        if not places[file].keys() <= said.keys():
            return None
        found |= {key: said[key] for key in places[file]}
    return found


def configured_remotes(root: Path) -> tuple[str | None, dict[str, str]]:
    """The default remote's name, and the URL of each remote, as DVC's merged configuration has them."""
    if not (root / ".dvc").is_dir():
        return None, {}
    from configobj import ConfigObjError
    from dvc.config import Config, ConfigError

    try:
        config: Any = Config(dvc_dir=str(root / ".dvc"))
    except (ConfigError, ConfigObjError) as error:
        raise CPVError(f"DVC cannot read it: {error}", where=str(root / ".dvc" / "config"), fix="edit it") from error
    return config["core"].get("remote"), {name: remote["url"] for name, remote in config["remote"].items()}
