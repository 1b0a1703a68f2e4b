"""What undoes a step, as a journal may say it: checked whole before anything of it is carried out."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

_Check = Callable[[Any], bool]


def _text(value: Any) -> bool:
    # A name may hold bytes that are not UTF-8; NUL is what Git separates them by.
    return isinstance(value, str) and "\0" not in value


def _path(value: Any) -> bool:
    parts = PurePosixPath(value).parts if _text(value) else ()
    return parts != () and ".." not in parts and not parts[0].startswith("/")


def _base64(value: Any) -> bool:
    return _text(value) and base64.b64decode(value, validate=True) is not None


def _content(value: Any) -> bool:
    flags = [value.get("isexec"), value.get("legacy", False), value.get("left_out", False)]
    return _text(value.get("oid")) and all(isinstance(flag, bool) for flag in flags)


def _or_none(check: _Check) -> _Check:
    return lambda value: value is None or check(value)


def _list(check: _Check, length: int | None = None) -> _Check:
    return lambda value: isinstance(value, list) and length in (None, len(value)) and all(map(check, value))


def _table(key: _Check, check: _Check) -> _Check:
    return lambda value: all(map(key, value)) and all(map(check, value.values()))


_CHANGE = _list(_or_none(_text), 2)
_FILE: Mapping[str, _Check] = {"path": _path, "before": _or_none(_base64), "after": _or_none(_text)}
_FIELDS: Mapping[str, Mapping[str, _Check]] = {
    "commit": {
        "branch": _or_none(_text),
        "old": _text,
        "when": lambda value: type(value) is int,
        "index": _table(_path, _or_none(_text)),
    },
    "checkout": {"branch": _or_none(_text), "old": _or_none(_text), "new": _text},
    "artifact": {
        "root": lambda value: value == "" or _path(value),
        "path": _path,
        **dict.fromkeys(("before", "after", "base"), _or_none(_content)),
    },
    "refs": {"refs": _table(_text, _CHANGE)},
    "index": {"entries": _table(_path, _CHANGE)},
    "file": _FILE,
    "git-file": {**_FILE, "mode": lambda value: type(value) is int},
    "move": {"from": _path, "to": _path},
    "setting": {"key": _text, "before": _list(_text), "after": _or_none(_text)},
}


def check_action(action: Mapping[str, Any]) -> None:
    """Raise (`ValueError`, `KeyError` …) where an action is not what its kind is made of.

    Kinds of other versions pass.
    """
    for name, check in _FIELDS.get(str(action.get("do")), {}).items():
        if not check(action[name]):
            raise ValueError(f"{name} is none")
