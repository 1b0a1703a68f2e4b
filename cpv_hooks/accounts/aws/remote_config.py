"""A remote in DVC's two files: `.dvc/config`, which is committed, and `.dvc/config.local`, which never is.

Only the lines that say something else are changed, so comments and the order of what is there stay. What belongs to
one machine (paths, profiles) and every secret goes to the local file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.system.atomic_files import write_atomic

SECRETS = frozenset({"access_key_id", "secret_access_key", "session_token", "sse_customer_key", "password"})
_CORE = "core"


class RemoteChange(NamedTuple):
    """One file: its text before (None where there is none) and after, and what differs, a line for each setting."""

    path: Path
    before: str | None
    after: str
    lines: tuple[str, ...]

    def write(self, *, private: bool) -> None:
        """Bring the file about, in one step."""
        mode = 0o600 if private and self.before is None else None
        write_atomic(self.path, self.after.encode(), mode=mode, durable=True)


class WantedRemote(NamedTuple):
    """A default remote as it is to be: `public` are its settings for everybody, `local` those of this machine."""

    name: str
    public: Mapping[str, str]
    local: Mapping[str, str]


def shared_file(root: Path) -> Path:
    """The file that is committed."""
    return root / ".dvc" / "config"


def local_file(root: Path) -> Path:
    """The file that is not."""
    return root / ".dvc" / "config.local"


def plan_remote_config(root: Path, wanted: WantedRemote) -> list[RemoteChange]:
    """What has to change in the two files, the committed one first; nothing where all is as wanted.

    A secret that stands in the committed file moves to the local one. Raises `CPVError` for a file that is not DVC's.
    """
    shared, local = _File(shared_file(root)), _File(local_file(root))
    _check_default(local, wanted.name)
    section = _section(wanted.name)
    for key, value in _share(shared, wanted).items():
        if key not in local.section(section):
            local.put(section, key, value)
    for key in wanted.public:
        local.drop(section, key)  # it would win
    for key, value in wanted.local.items():
        local.put(section, key, value)
    return [change for file in (shared, local) if (change := file.change()) is not None]


def _share(file: _File, wanted: WantedRemote) -> dict[str, str]:
    """Change the committed file; returns the secrets that were taken out of it."""
    section = _section(wanted.name)
    file.put(_CORE, "remote", wanted.name)
    for key, value in wanted.public.items():
        file.put(section, key, value)
    private = {key: str(value) for key, value in file.section(section).items() if key.lower() in SECRETS}
    for key in [*private, *wanted.local]:
        file.drop(section, key)
    return private


def _section(name: str) -> str:
    return f'remote "{name}"'


def _check_default(local: _File, name: str) -> None:
    own = local.section(_CORE).get("remote")
    if own not in (None, name):
        what = f"this clone has a default remote of its own, {own!r}"
        raise CPVError(what, where=str(local.path), fix="dvc remote default --local --unset")


class _File:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._before = _read(path)
        self._config = _parse(path, self._before or "")
        self._lines: list[str] = []

    def section(self, name: str) -> Mapping[str, Any]:
        """A section's settings, empty where there is none. DVC does not mind upper case."""
        found = next((key for key in self._config.sections if key.lower() == name.lower()), None)
        return self._config[found] if found else {}

    def put(self, section: str, key: str, value: str) -> None:
        found: Any = self.section(section)
        known = next((name for name in found if name.lower() == key), key)
        if found and found.get(known) == value:
            return
        if not found:
            self._config[section] = {}
            found = self._config[section]
        found[known] = value
        self._lines.append(f"{section}: {key} = {'(hidden)' if key in SECRETS else value}")

    def drop(self, section: str, key: str) -> None:
        """Remove one setting, and its section where that was all."""
        found: Any = self.section(section)
        for known in [name for name in found if name.lower() == key.lower()]:
            del found[known]
            self._lines.append(f"{section}: no {key}")
        if isinstance(found, dict) and not found:
            for name in [name for name in self._config.sections if name.lower() == section.lower()]:
                del self._config[name]

    def change(self) -> RemoteChange | None:
        if not self._lines:
            return None
        text = "\n".join(self._config.write())
        return RemoteChange(self.path, self._before, f"{text}\n" if text else "", tuple(self._lines))


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise CPVError("not UTF-8", where=str(path), fix="save it as UTF-8") from error


def _parse(path: Path, text: str) -> Any:
    from configobj import ConfigObj, ConfigObjError  # type: ignore[import-untyped]

    try:
        return ConfigObj(text.splitlines(), interpolation=False, indent_type="    ")
    except ConfigObjError as error:
        raise CPVError(f"not DVC's configuration: {error}", where=str(path), fix="edit it") from error
