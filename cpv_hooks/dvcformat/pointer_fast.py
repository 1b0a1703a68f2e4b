"""The pointer of one artifact as `dvc add` writes it, read and written without YAML, whose parser takes longer to
start than the rest of a hook.

Only that layout with names that YAML leaves as they are is read or written here; everything else is left to the YAML
parser, which gives the same result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cpv_hooks.dvcformat.file_versions_fast import is_text
from cpv_hooks.named_tuple import NamedTuple

_LAYOUT = re.compile(
    r"outs:\n- md5: (?P<md5>[0-9a-f]{32}(?:\.dir)?)\n"
    # Not with a zero in front, which YAML may take for an octal number.
    r"(?:  size: (?P<size>0|[1-9][0-9]{0,17})\n)?"
    r"(?:  nfiles: (?P<nfiles>0|[1-9][0-9]{0,17})\n)?"
    r"(?P<isexec>  isexec: true\n)?"
    r"(?:  hash: (?P<hash>md5)\n)?"
    r"  path: (?P<path>\S+)\n"
    r"(?:  remote: (?P<remote>\S+)\n)?"
)


_is_name = lru_cache(maxsize=4096)(is_text)


class Fields(NamedTuple):
    """What such a pointer says; `hashed` is whether it names the hash, as DVC 3 does."""

    md5: str
    size: int | None
    nfiles: int | None
    isexec: bool
    hashed: bool
    path: str
    remote: str | None


def fields(text: str) -> Fields | None:
    """What YAML would read from the text, in a fixed order; None where it must be asked."""
    found = _LAYOUT.fullmatch(text)
    if found is None:
        return None
    md5, size, nfiles, isexec, hashed, path, remote = found.groups()
    if not is_text(md5) or not _is_name(path) or (remote and not _is_name(remote)):
        return None
    whole, files = int(size) if size else None, int(nfiles) if nfiles else None
    return tuple.__new__(Fields, (md5, whole, files, bool(isexec), bool(hashed), path, remote))


def read_plain(text: str) -> dict[str, Any] | None:
    """What YAML would read from the text; None where it must be asked."""
    found = fields(text)
    if found is None:
        return None
    out: dict[str, Any] = {"md5": found.md5, "size": found.size, "nfiles": found.nfiles}
    out.update(isexec=found.isexec or None, hash="md5" if found.hashed else None, path=found.path, remote=found.remote)
    return {"outs": [{key: value for key, value in out.items() if value is not None}]}


def write_plain(out: Mapping[str, Any]) -> str | None:
    """The text of a pointer to one output; None where YAML has to write it."""
    lines = [f"  {name}: {'true' if value is True else value}\n" for name, value in out.items()]
    text = "outs:\n-" + "".join(lines)[1:]
    table = read_plain(text)
    return text if table is not None and list(table["outs"][0].items()) == list(out.items()) else None
