"""The pointer of one artifact as `dvc add` writes it, read and written without YAML, whose parser takes longer to
start than the rest of a hook.

Only that layout with names that YAML leaves as they are is read or written here; everything else is left to the YAML
parser, which gives the same result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cpv_hooks.dvcformat.file_versions_fast import is_text

_LAYOUT = re.compile(
    r"outs:\n- md5: (?P<md5>[0-9a-f]{32}(?:\.dir)?)\n"
    r"(?:  size: (?P<size>[0-9]{1,18})\n)?"
    r"(?:  nfiles: (?P<nfiles>[0-9]{1,18})\n)?"
    r"(?P<isexec>  isexec: true\n)?"
    r"(?:  hash: (?P<hash>md5)\n)?"
    r"  path: (?P<path>\S+)\n"
    r"(?:  remote: (?P<remote>\S+)\n)?"
)
_LEADING_ZERO = re.compile(r"0[0-9]")


def read(text: str) -> dict[str, Any] | None:
    """What YAML would read from the text; None where it must be asked."""
    found = _LAYOUT.fullmatch(text)
    if found is None:
        return None
    groups = found.groupdict()
    numbers = [groups[name] for name in ("size", "nfiles") if groups[name]]
    words = [groups[name] for name in ("md5", "path", "remote") if groups[name]]
    if not all(map(is_text, words)) or any(map(_LEADING_ZERO.match, numbers)):
        return None
    out: dict[str, Any] = {"md5": groups["md5"]}
    out.update({name: int(groups[name]) for name in ("size", "nfiles") if groups[name]})
    if groups["isexec"]:
        out["isexec"] = True
    if groups["hash"]:
        out["hash"] = groups["hash"]
    out["path"] = groups["path"]
    if groups["remote"]:
        out["remote"] = groups["remote"]
    return {"outs": [out]}


def write(out: Mapping[str, Any]) -> str | None:
    """The text of a pointer to one output; None where YAML has to write it."""
    lines = [f"  {name}: {'true' if value is True else value}\n" for name, value in out.items()]
    text = "outs:\n-" + "".join(lines)[1:]
    table = read(text)
    return text if table is not None and list(table["outs"][0].items()) == list(out.items()) else None
