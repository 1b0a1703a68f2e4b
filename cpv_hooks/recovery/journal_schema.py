"""What undoes a step, as a journal may say it: checked whole before anything of it is carried out."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, InstanceOf, create_model


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError
    return text


# A name may hold bytes that are not UTF-8, which only Python's own strings can; NUL is what Git separates them by.
_Text = Annotated[InstanceOf[str], AfterValidator(_without_nul)]
_Change = Annotated[list[_Text | None], Field(min_length=2, max_length=2)]


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or ".." in parts or parts[0].startswith("/"):
        raise ValueError
    return path


def _root(path: str) -> str:
    return path and _inside(path)


def _base64(text: str) -> str:
    base64.b64decode(text, validate=True)
    return text


_Path = Annotated[_Text, AfterValidator(_inside)]


class _Action(BaseModel):
    model_config = ConfigDict(strict=True)


class _Content(_Action):
    oid: _Text
    isexec: bool
    legacy: bool = False
    left_out: bool = False


_FILE: Mapping[str, Any] = {
    "path": _Path,
    "before": Annotated[_Text, AfterValidator(_base64)] | None,
    "after": _Text | None,
}
_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "commit": {"branch": _Text | None, "old": _Text, "when": int, "index": dict[_Path, _Text | None]},
    "checkout": {"branch": _Text | None, "old": _Text | None, "new": _Text},
    "artifact": {
        "root": Annotated[_Text, AfterValidator(_root)],
        "path": _Path,
        **dict.fromkeys(("before", "after", "base"), _Content | None),
    },
    "refs": {"refs": dict[_Text, _Change]},
    "index": {"entries": dict[_Path, _Change]},
    "file": _FILE,
    "git-file": {**_FILE, "mode": int},
    "move": {"from": _Path, "to": _Path},
    "setting": {"key": _Text, "before": list[_Text], "after": _Text | None},
}


def _model(name: str, fields: Mapping[str, Any]) -> type[_Action]:
    required: dict[str, Any] = {field: (kind, ...) for field, kind in fields.items()}
    return create_model(name, __base__=_Action, **required)


_MODELS = {name: _model(name, fields) for name, fields in _FIELDS.items()}


def check_action(action: Mapping[str, Any]) -> None:
    """Raise `ValueError` where an action is not what its kind is made of; kinds of other versions pass."""
    model = _MODELS.get(str(action.get("do")))
    if model is not None:
        model.model_validate(action)
