"""Names that come from repositories, settings and users, as names of folders of ours."""

from __future__ import annotations

import hashlib
import os
from urllib.parse import quote

# Of the 255 bytes that a name may have, without those that are put around a folder's: a commit, a temporary's ending.
_FOLDER = 160


def folder_name(text: str) -> str:
    """A text as the name of one folder: never hidden, never empty, and never one that leads elsewhere."""
    quoted = quote(text, safe=" @+=,")
    return clipped("%2E" + quoted[1:] if quoted.startswith(".") else quoted or "%", _FOLDER)


def clipped(name: str, room: int) -> str:
    """A name in at most so many bytes: of a longer one the beginning, and a hash of all of it."""
    whole = os.fsencode(name)
    if len(whole) <= room:
        return name
    digest = hashlib.sha256(whole).hexdigest()[:16]
    return f"{whole[: room - len(digest) - 1].decode('utf-8', 'ignore')}-{digest}"
