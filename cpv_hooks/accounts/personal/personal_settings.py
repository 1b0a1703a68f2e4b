"""The personal settings, `~/.cpv/config.json`: read, checked and changed by dotted keys (`aws.region`)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from cpv_hooks import state_files
from cpv_hooks.accounts.personal.private_folder import FILE_MODE, changing
from cpv_hooks.accounts.personal.schema import VERSION, Settings
from cpv_hooks.console.redact import hide
from cpv_hooks.errors import CPVError, disk_error
from cpv_hooks.state_files import cpv_home

MAX_BYTES = 1 << 20
_SET = "dvc cpv config set"
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})


def path() -> Path:
    """The file of the personal settings."""
    return cpv_home() / state_files.CONFIG


def keys() -> tuple[str, ...]:
    """The dotted keys of all settings that can be changed."""
    return tuple(key for key in _leaves(Settings) if key != "version")


def load_settings() -> Settings:
    """The settings, with the defaults for those that the file does not have.

    Raises `CPVError` that names the file and the line or the key. A file that a newer CPV wrote is read as far as this
    version understands it.
    """
    settings = _parse(_read())
    # Whoever knows a webhook's address can write to its channel.
    for secret in (settings.notify.url, settings.notify.webhook, settings.notify.secret):
        hide(secret)
    return settings


def get(key: str | None = None) -> Any:
    """The value of a dotted key: a group as a dictionary, everything where there is no key.

    Raises `CPVError` for a key that does not exist, with the nearest one.
    """
    value: Any = load_settings().model_dump()
    if key is None:
        return value
    _field(key)
    for name in key.split("."):
        value = value[name]
    return value


def update(changes: Mapping[str, object]) -> Settings:
    """Change settings by their dotted keys, all of them or none, and return the new ones.

    A string is read as the setting's type (`"true"`, `"22"`); None brings the default back. Keys of the file that this
    version does not know are kept. Raises `CPVError` that names the file, the key and what is allowed.
    """
    wanted = {key: _value(key, value) for key, value in changes.items()}
    with changing("changing the settings"):
        raw, settings = _changed(wanted)
        if wanted:
            _write({"version": VERSION, **raw})
    return settings


def preview(changes: Mapping[str, object]) -> Settings:
    """What `update` would return, or raise; nothing is written."""
    return _changed({key: _value(key, value) for key, value in changes.items()})[1]


def _changed(wanted: Mapping[str, object]) -> tuple[dict[str, Any], Settings]:
    raw = _read()
    _refuse_newer(raw)
    for key, value in wanted.items():
        _put(raw, key.split("."), value)
    return raw, _parse(raw)


def _leaves(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        group = _group(field.annotation)
        if group is None:
            yield f"{prefix}{name}"
        else:
            yield from _leaves(group, f"{prefix}{name}.")


def _group(annotation: object) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _field(key: str) -> Any:
    model: type[BaseModel] | None = Settings
    field = None
    for name in key.split("."):
        field = model.model_fields.get(name) if model else None
        if field is None:
            raise _unknown(key)
        model = _group(field.annotation)
    return field


def _unknown(key: str) -> CPVError:
    import difflib

    nearest = difflib.get_close_matches(key, keys(), n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]}?" if nearest else f" (known: {', '.join(keys())})"
    return CPVError(f"there is no setting {key!r}{hint}", where=str(path()), fix="dvc cpv config list")


def _value(key: str, value: object) -> object:
    """What a changed key is to hold; strings are read as its type."""
    field = _field(key)
    if key == "version" or _group(field.annotation) is not None:
        raise CPVError(f"{key} cannot be set", where=str(path()), fix="dvc cpv config list")
    kinds = {field.annotation, *getattr(field.annotation, "__args__", ())}
    if isinstance(value, str) and bool in kinds:
        word = value.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else value
    if isinstance(value, str) and int in kinds and re.fullmatch(r"[0-9]{1,18}", value.strip()):
        return int(value)
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _put(raw: dict[str, Any], names: list[str], value: object) -> None:
    *groups, last = names
    for name in groups:
        found = raw.setdefault(name, {})
        if not isinstance(found, dict):
            raise _not_allowed((name,))
        raw = found
    if value is None:
        raw.pop(last, None)
    else:
        raw[last] = value


def _parse(raw: Mapping[str, Any]) -> Settings:
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        if not _is_newer(raw):
            raise _not_allowed(error.errors(include_url=False, include_input=False)[0]["loc"]) from None
        understood = json.loads(json.dumps(raw))
        for problem in error.errors(include_url=False, include_input=False):
            _drop(understood, [str(name) for name in problem["loc"]])
        return Settings.model_validate(understood)


def _drop(raw: dict[str, Any], names: list[str]) -> None:
    *groups, last = names[:2]
    for name in groups:
        raw = raw[name]
    raw.pop(last, None)


def _not_allowed(place: tuple[int | str, ...]) -> CPVError:
    key = ".".join(str(name) for name in place[:2])
    while key.count(".") and key not in _leaves(Settings):
        key = key.rpartition(".")[0]
    field = _field(key)
    group = _group(field.annotation) is not None
    fix = f"edit {path()}" if group or key == "version" else f"{_SET} {key} VALUE"
    return CPVError(f"{key} must be {field.description}", where=str(path()), fix=fix)


def _is_newer(raw: Mapping[str, Any]) -> bool:
    version = raw.get("version")
    return isinstance(version, int) and not isinstance(version, bool) and version > VERSION


def _refuse_newer(raw: Mapping[str, Any]) -> None:
    if _is_newer(raw):
        what = f"written by a newer CPV (version {raw['version']}; this one writes version {VERSION})"
        raise CPVError(what, where=str(path()), fix="pip install --upgrade dvc-cpv")


def _read() -> dict[str, Any]:
    where = str(path())
    try:
        data = state_files.read_bytes(path())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise disk_error(error, path()) from error
    if len(data) > MAX_BYTES:
        raise CPVError(f"larger than {MAX_BYTES} bytes", where=where, fix="keep only settings in it")
    return _decode(data, where)


def _decode(data: bytes, where: str) -> dict[str, Any]:
    try:
        found = json.loads(data.decode("utf-8-sig") or "{}", parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CPVError("not UTF-8", where=f"{where}:{line}", fix=f"edit {where}") from error
    except json.JSONDecodeError as error:
        raise CPVError(f"not JSON: {error.msg}", where=f"{where}:{error.lineno}", fix=f"edit {where}") from error
    except (RecursionError, ValueError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise CPVError(f"not JSON: {what}", where=where, fix=f"edit {where}") from error
    if not isinstance(found, dict):
        raise CPVError("must be an object, {…}", where=f"{where}:1", fix=f"edit {where}")
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")


def _write(raw: Mapping[str, Any]) -> None:
    from cpv_hooks.console.output import quiet_setting
    from cpv_hooks.system.atomic_files import write_atomic

    text = json.dumps(raw, indent=2, ensure_ascii=False) + "\n"
    # Where the file is a link into a folder of dot files, the link stays.
    target = Path(os.path.realpath(path()))
    write_atomic(target, text.encode("utf-8", "surrogatepass"), mode=FILE_MODE, durable=True)
    quiet_setting.cache_clear()
