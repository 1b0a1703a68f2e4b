"""Where the files of `hook-templates/` are."""

from __future__ import annotations

from pathlib import Path

import cpv_hooks


def templates() -> Path:
    """The folder of the templates: inside the installed package, or beside it in a source tree (`pip install -e`)."""
    package = Path(cpv_hooks.__file__).parent
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "hook-templates"
