"""The `artifacts:` section of a `dvc.yaml`, in which DVC, its VS Code extension and DVC Studio look for models.

DVC's documentation has the format: https://dvc.org/doc/user-guide/project-structure/dvcyaml-files#artifacts
"""

from __future__ import annotations

import io
import posixpath
import re
import sys
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cpv_hooks.dvcformat.pointer import load_table
from cpv_hooks.dvcformat.pointer_writer import round_trip
from cpv_hooks.errors import CPVError

FILE = "dvc.yaml"
_KEY = "artifacts"
_TYPE = "model"
_NOTHING: Mapping[str, str] = MappingProxyType({})


def with_models(
    text: str, model: str, paths: Sequence[str], root: Path, moved: Mapping[str, str] = _NOTHING
) -> str | None:
    """The text of a folder's `dvc.yaml` with an entry for each of these artifacts; None where nothing is to be changed.

    Entries of artifacts that were `moved` (old path -> new one) follow them.

    The first one without an entry gets the model's name, if that is free or belongs to a path that is no artifact any
    more, and the others their own beside it. Entries of these paths stay, by whatever name, and so does the layout of
    what the user wrote where lines can be added to it. A text that DVC could not read is left alone.
    """
    try:
        table = load_table(text, FILE)
    except CPVError:
        return None
    section = table.get(_KEY) or {}
    if not isinstance(section, dict) or not all(isinstance(entry, dict) for entry in section.values()):
        return None
    follow = {name: moved[path] for name, entry in section.items() if (path := _path(entry)) in moved}
    changed = {**follow, **_missing({**section, **_entries(section, follow)}, model, paths, root)}
    if not changed:
        return None
    wanted = {**table, _KEY: {**section, **_entries(section, changed)}}
    for candidate in (_edited, _rewritten):
        found = candidate(text, section, changed)
        if _says(found, wanted):
            return found
    return None


def has_section(text: str) -> bool:
    """Whether a `dvc.yaml` names artifacts."""
    return re.search(rf"^{_KEY}\s*:", text, re.M) is not None


def _missing(section: Mapping[str, Any], model: str, paths: Sequence[str], root: Path) -> dict[str, str]:
    """Name -> path of what has no entry."""
    known = {_path(entry) for entry in section.values()}
    first = re.sub("[^a-zA-Z0-9/_-]+", "-", model).strip("-/_") or _TYPE
    added: dict[str, str] = {}
    for path in paths:
        if path in known:
            continue
        own = f"{first}-{re.sub('[^a-zA-Z0-9]+', '-', posixpath.splitext(path)[0]).strip('-')}"
        for name in (first, own):
            if name not in added and (name not in section or _is_gone(root, section[name])):
                added[name] = path
                break
    return added


def _path(entry: Mapping[str, Any]) -> str:
    return posixpath.normpath(str(entry.get("path")))


def _is_gone(root: Path, entry: Mapping[str, Any]) -> bool:
    path = _path(entry)
    return not (root / path).exists() and not (root / f"{path}.dvc").exists()


def _entries(section: Mapping[str, Any], added: Mapping[str, str]) -> dict[str, Any]:
    """The new entries; one whose artifact has another path now keeps what else it says."""
    return {name: {**section.get(name, {"type": _TYPE}), "path": path} for name, path in added.items()}


def _edited(text: str, section: Mapping[str, Any], changed: Mapping[str, str]) -> str:
    """With other paths in the lines that say them, and new entries in lines of their own; nothing else changes."""
    paths = {_path(section[name]): path for name, path in changed.items() if name in section}

    def other(line: re.Match[str]) -> str:
        path = paths.get(posixpath.normpath(line["path"]))
        return line[0] if path is None else f"{line['before']}{path}{line['after']}"

    text = re.sub(r"""^(?P<before> +path *: *(["']?))(?P<path>\S.*?)(?P<after>\2 *( #.*)?)$""", other, text, flags=re.M)
    new = {name: path for name, path in changed.items() if name not in section}
    return _inserted(text, new) if new else text


def _inserted(text: str, added: Mapping[str, str]) -> str:
    """With lines at the end of the section, or a section at the end."""
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if re.match(rf"{_KEY}\s*:", line)), None)
    indent, place = "  ", len(lines)
    if start is None:
        lines.append(f"{_KEY}:")
        place += 1
    else:
        rest = lines[start + 1 :]
        inside = list(takewhile(lambda line: not line.strip() or line[0] in " #", rest))
        while inside and not inside[-1].startswith(" "):
            inside.pop()
        place = start + 1 + len(inside)
        indent = next((line[: -len(line.lstrip())] for line in inside if line.lstrip()[:1] not in ("", "#")), indent)
    stream = io.StringIO()
    round_trip().dump({name: {"path": path, "type": _TYPE} for name, path in added.items()}, stream)
    lines[place:place] = [indent + line for line in stream.getvalue().splitlines()]
    return "\n".join(lines) + "\n"


def _rewritten(text: str, _: Mapping[str, Any], changed: Mapping[str, str]) -> str:
    """As DVC itself changes a `dvc.yaml`, except that it drops quotes and breaks long lines."""
    yaml = round_trip()
    yaml.preserve_quotes, yaml.width = True, sys.maxsize
    table = yaml.load(text) or {}
    section = table[_KEY] = table.get(_KEY) or {}
    for name, path in changed.items():
        if name in section:
            section[name]["path"] = path
        else:
            section[name] = {"path": path, "type": _TYPE}
    stream = io.StringIO()
    yaml.dump(table, stream)
    return stream.getvalue()


def _says(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return load_table(text, FILE) == wanted
    except CPVError:
        return False
