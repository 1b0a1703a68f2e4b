"""Remotes whose URL begins with another remote's: `remote://BASE/PATH` (`dvc.fs._resolve_remote_refs`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_REFERENCE = re.compile(r"remote://([^/]*)(.*)", re.IGNORECASE | re.DOTALL)


def base_of(url: str) -> str | None:
    """The remote that a URL refers to; None where it is an address of its own."""
    found = _REFERENCE.fullmatch(url)
    return found[1].lower() if found else None


def with_base(remotes: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """The options of a remote and, below them, those of the remotes that it refers to, with the URL that results.

    As they are written where a reference leads nowhere, or back.
    """
    merged: dict[str, Any] = {}
    path, at = "", name
    for _ in remotes:
        options = remotes.get(at)
        if options is None:
            break
        merged = {**options, **merged}
        found = _REFERENCE.fullmatch(str(options["url"]))
        if found is None:
            return {**merged, "url": f"{options['url']}{path}"}
        at, path = found[1].lower(), f"/{found[2].lstrip('/')}{path}"
    return remotes[name]
