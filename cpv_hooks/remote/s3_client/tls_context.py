"""Whom TLS trusts."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


@cache
def context_of(trust: str | None) -> ssl.SSLContext:
    """The context for a file or folder of certificates; for None, one that believes any server."""
    import ssl

    if trust is None:
        return ssl._create_unverified_context()  # noqa: S323 - the user's `ssl_verify = false`
    if Path(trust).is_dir():
        return ssl.create_default_context(capath=trust)
    return ssl.create_default_context(cafile=trust)
