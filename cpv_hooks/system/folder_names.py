"""Names that come from repositories, settings and users, as names of folders of ours."""

from __future__ import annotations

from urllib.parse import quote


def folder_name(text: str) -> str:
    """A text as the name of one folder: never hidden, never empty, and never one that leads elsewhere."""
    quoted = quote(text, safe=" @+=,")
    return "%2E" + quoted[1:] if quoted.startswith(".") else quoted or "%"
