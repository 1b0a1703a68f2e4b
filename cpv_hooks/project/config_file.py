"""Reading `.cpv.toml`: what it may say, and errors that name the file, the line and the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from cpv_hooks.errors import CPVError, disk_error
from cpv_hooks.project.config import (
    FETCH_KEYS,
    FILE,
    GOALS,
    KINDS,
    CommitStage,
    Config,
    Goals,
    Layout,
    OpenFiles,
    PushWhen,
    RunsFree,
    S3ClientName,
    StageRule,
    is_inside,
)
from cpv_hooks.state_files import read_bytes

MAX_BYTES = 1 << 20

SCHEMA: Mapping[str, Mapping[str, tuple[str, type, tuple[str, ...] | None]]] = {
    "cpv": {"team": ("team", str, None), "model": ("model", str, None)},
    "tags": {"scheme": ("scheme", str, None), "on_commit": ("tag_on_commit", bool, None)},
    "push": {"when": ("push_when", str, get_args(PushWhen))},
    "remote": {
        "layout": ("layout", str, get_args(Layout)),
        "s3_client": ("s3_client", str, get_args(S3ClientName)),
    },
    "commit": {
        "stage": ("stage", str, get_args(CommitStage)),
        "one_shot": ("one_shot", bool, None),
        "open_files": ("open_files", str, get_args(OpenFiles)),
    },
    "runs": {
        "push": ("runs_push", bool, None),
        "free": ("runs_free", str, get_args(RunsFree)),
        "cores": ("runs_cores", int, None),
    },
    "snapshot": {"dask": ("snapshot_dask", str, None)},
    "status": {"live": ("live", bool, None), "hash_budget": ("hash_budget", int, None)},
}
"""Section -> key -> the field of `Config`, its type, the values that are allowed (None: any)."""
_SECTIONS = ("artifacts", *SCHEMA, "stages", "metrics", "fetch")
_NOTIFY = f"remove it from {FILE}; dvc cpv config set notify.webhook URL"
_WORDS = {str: "a string", bool: "true or false", int: "a whole number"}


def load_config(root: Path) -> Config:
    """Read `.cpv.toml` in a DVC root; the defaults where there is none.

    Raises `CPVError` that names the file, the line and the key.
    """
    return reload_config(root)[0]


def reload_config(root: Path, known: object = None) -> tuple[Config, list[Any] | None]:
    """The same, with what to remember for the next time: the text, and the table that it is. `known` is what was.

    To import the parser of TOML alone takes as long as a third of what CPV is.
    """
    path = root / FILE
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CPVError(f"larger than {MAX_BYTES} bytes", where=str(path), fix="keep only settings in it")
        text = read_bytes(path).decode("utf-8-sig")  # editors on Windows put a byte order mark in front
    except FileNotFoundError:
        return Config(), None
    except UnicodeDecodeError as error:
        raise CPVError(f"not UTF-8 (byte {error.start})", where=str(path), fix="save it as UTF-8") from error
    except OSError as error:
        raise disk_error(error, path) from error
    match known:
        case [str(said), dict(table)] if said == text:
            pass
        case _:
            table = _parse(path, text)
    return _Reader(path, text).read(table), [text, table]


def _parse(path: Path, text: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, or a number or a date that Python cannot hold
        raise _not_toml(path, text, str(error)) from error
    except RecursionError as error:
        raise CPVError("not TOML: nested too deeply", where=f"{path}:1", fix=f"edit {FILE}") from error


def _not_toml(path: Path, text: str, what: str) -> CPVError:
    """tomllib names the place at the end of its message, or says that it is the end."""
    at = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", what)
    line = at[1] if at and at[1] else len(text.splitlines()) or 1
    what = what[: at.start()] if at else what
    return CPVError(f"not TOML: {what}", where=f"{path}:{line}", fix=f"edit {FILE}")


class _Reader:
    """Turns the parsed table into a `Config`, with errors that carry a line number."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.lines = text.splitlines()

    def read(self, table: dict[str, Any]) -> Config:
        values: dict[str, Any] = {}
        for section, content in table.items():
            if section == "notify":
                what = "[notify] is a personal setting: a repository does not say who is told"
                raise CPVError(what, where=f"{self.path}:{self._line(section, None)}", fix=_NOTIFY)
            if section not in _SECTIONS:
                known = ", ".join(_SECTIONS)
                raise self._error(section, None, f"unknown section [{section}] (known: {known})")
            if not isinstance(content, dict):
                raise self._error(section, None, f"{section} must be a section, [{section}]")
            if section == "artifacts":
                values["artifacts"] = {kind: self._patterns(kind, value) for kind, value in content.items()}
            elif section == "stages":
                values["stages"] = {stage: self._rule(stage, value) for stage, value in content.items()}
            elif section == "fetch":
                values["fetch"] = {key: self._fetch(key, value) for key, value in content.items()} or None
            elif section == "metrics":
                values["metrics"] = self._goals(content)
            else:
                values.update(self._value(section, key, value) for key, value in content.items())
        return Config(**values)

    def _value(self, section: str, key: str, value: object) -> tuple[str, object]:
        try:
            name, kind, allowed = SCHEMA[section][key]
        except KeyError:
            known = ", ".join(SCHEMA[section])
            raise self._error(section, key, f"unknown key {key} in [{section}] (known: {known})") from None
        # bool is an int in Python, and `hash_budget = true` is a mistake.
        if type(value) is not kind:
            raise self._error(section, key, f"{section}.{key} must be {_WORDS[kind]}")
        if allowed and value not in allowed:
            raise self._error(section, key, f"{section}.{key} must be one of {', '.join(allowed)}")
        if isinstance(value, int) and value < 0:
            raise self._error(section, key, f"{section}.{key} must not be negative")
        return name, value

    def _patterns(self, kind: str, value: object) -> tuple[str, ...]:
        if kind not in KINDS:
            raise self._error("artifacts", kind, f"unknown kind {kind} (known: {', '.join(KINDS)})")
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._error("artifacts", kind, f"artifacts.{kind} must be a list of paths")
        for item in value:
            if not is_inside(item):
                raise self._error("artifacts", kind, f"artifacts.{kind}: {item!r} is outside the repository")
        return tuple(str(PurePosixPath(item)) for item in value)

    def _fetch(self, key: str, value: object) -> tuple[str, ...]:
        if key not in FETCH_KEYS:
            raise self._error("fetch", key, f"unknown key {key} in [fetch] (known: {', '.join(FETCH_KEYS)})")
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._error("fetch", key, f"fetch.{key} must be a list of {'kinds' if key == 'kinds' else 'paths'}")
        for item in value:
            if key == "kinds" and item not in KINDS:
                raise self._error("fetch", key, f"fetch.kinds: unknown kind {item} (known: {', '.join(KINDS)})")
            if key != "kinds" and not is_inside(item):
                raise self._error("fetch", key, f"fetch.{key}: {item!r} is outside the repository")
        return tuple(value)

    def _rule(self, stage: str, value: object) -> StageRule:
        from cpv_hooks.project.tag_schemes import STAGE_LENGTH, is_stage_name

        if not is_stage_name(stage):
            what = f"{stage!r} cannot name a stage (letters, digits, - and _, at most {STAGE_LENGTH})"
            raise self._error("stages", stage, what)
        if not isinstance(value, dict):
            raise self._error("stages", stage, f"stages.{stage} must be a table, such as {{}}")
        for key in value:
            if key not in StageRule._fields:
                known = ", ".join(StageRule._fields)
                raise self._error("stages", stage, f"unknown key {key} in stages.{stage} (known: {known})")
        branches, metric, verified = value.get("branches", []), value.get("metric"), value.get("verified", False)
        if not isinstance(branches, list) or not all(isinstance(item, str) for item in branches):
            raise self._error("stages", stage, f"stages.{stage}.branches must be a list of branches")
        if metric is not None and not isinstance(metric, str):
            raise self._error("stages", stage, f"stages.{stage}.metric must be a string, such as 'acc>0.9'")
        if metric is not None:
            self._check_condition(stage, metric)
        if not isinstance(verified, bool):
            raise self._error("stages", stage, f"stages.{stage}.verified must be true or false")
        return StageRule(tuple(branches), metric, verified)

    def _check_condition(self, stage: str, metric: str) -> None:
        from cpv_hooks.metric_formats.condition import parse_conditions

        try:
            parse_conditions(metric)
        except CPVError as error:
            what = f"stages.{stage}.metric: {error.what} (write it as 'acc>0.9')"
            raise self._error("stages", stage, what) from error

    def _goals(self, content: dict[str, Any]) -> Goals:
        main = content.get("main")
        if main in GOALS:  # a metric of that name
            main = None
        elif main is not None and not (isinstance(main, str) and main):
            raise self._error("metrics", "main", "metrics.main must be the name of a metric")
        better = {name: goal for name, goal in content.items() if main is None or name != "main"}
        for name, goal in better.items():
            if goal not in GOALS:
                raise self._error("metrics", name, f"metrics.{name} must be one of {', '.join(GOALS)}")
        return Goals(better, main)

    def _error(self, section: str, key: str | None, what: str) -> CPVError:
        return CPVError(what, where=f"{self.path}:{self._line(section, key)}", fix=f"edit {FILE}")

    def _line(self, section: str, key: str | None) -> int:
        """The line of a key, by reading the text: tomllib keeps no positions."""
        start = self._first(rf"\s*\[\s*[\"']?{re.escape(section)}[\"']?\s*[\].]", 0)
        if start is None:
            # Not a header but a key of its own: `push = …`, `cpv.team = …`.
            start = self._first(rf"\s*[\"']?{re.escape(section)}\b", 0) or 0
        at = None if key is None else self._first(rf"\s*[\"']?{re.escape(key)}\b", start)
        return (start if at is None else at) + 1

    def _first(self, pattern: str, start: int) -> int | None:
        """The first line from `start` on that matches, counted from 0."""
        return next((n for n, line in enumerate(self.lines[start:], start) if re.match(pattern, line)), None)
